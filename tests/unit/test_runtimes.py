"""What each runtime of a client places and proves: names, words and files, as the components declare them."""

import re
import shutil
import subprocess
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from components.clients import LOGIN_FILES, RUNTIMES
from components.clients.host_file import Facts, Own, Shared
from components.clients.placing import ENTRY, _known_of, wanted
from components.clients.runtime import AUTHORITIES, KEEP_TRUST, FilesRuntime, Known, Placement, Proof, ScriptRuntime
from components.scripts.script import script_text
from lab.places import PROJECT
from tests.scripts.test_runtimes import CASES, ROOTLESS
from tests.unit.answering_host import SAID
from tests.unit.authority import issue
from tests.unit.conftest import BASE, Declare, Recorder
from tests.unit.fleet import placed, plain, proofs, trust

HOST = "10.0.0.7"
SHELL = shutil.which("dash") or "sh"
WITHOUT_LOGIN = {"system": "it is a trust store, and each program has a file with logins of its own"}
"""A runtime without a login -> why."""
NOT_REAL = {
    "docker-snap": "snaps need systemd with snapd and AppArmor, which no container has; it is Docker, elsewhere",
    "buildkit-rootless": "RootlessKit needs user namespaces with mounts; it is BuildKit, elsewhere",
    "rke2": "RKE2 reads the same file by the parser of K3s, in another folder",
}
"""A runtime that no real program proves -> why."""
KNOWN = Known("registry.test", "registry.test:443", "private-registry project/stack", has_authorities=True)
OTHER = replace(KNOWN, reference="registry.test:8443", full_reference="registry.test:8443", mark=f"{KNOWN.mark}/other")
SCRIPTS = {name: one for name, one in RUNTIMES.items() if isinstance(one, ScriptRuntime)}
FILES = {name: one for name, one in RUNTIMES.items() if isinstance(one, FilesRuntime)}
TEXT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

ROOT = issue("root", authority=True, ends=1000)
BETWEEN = issue("between", ROOT, authority=True, ends=1000)
PUBLIC = {"source": "signing-authority", "chain": BETWEEN.pem, "key": BETWEEN.key_pem(), "public": True}


def with_runtimes(declare: Declare, *runtimes: str, **changes: Any) -> Recorder:
    """Declare a registry with one client, which has a hosts entry."""
    return declare(clients=[{**BASE["clients"][0], "runtimes": list(runtimes), **changes.pop("client", {})}], **changes)


def test_each_runtime_has_a_command_of_its_own(declare: Declare) -> None:
    recorder = with_runtimes(declare, "docker", "system")
    placing = placed(recorder, HOST)
    assert list(placing) == ["hosts", "docker", "system"], "the name is known before the registry is asked by it"
    assert placing["hosts"].words["entry"] == "10.0.0.2/registry.test"
    store = placing["system"].words["store"]
    assert re.fullmatch(r"private-registry_registry\.test_[0-9a-f]{8}", store)
    removal = placed(recorder, HOST, "delete")["system"].line
    assert removal == f"sudo -n sh -s -- delete store={store} file=ca.crt:0644:-"
    assert placing["docker"].payload == placing["system"].payload
    said = plain(trust(recorder))["runtimes"]
    assert list(said["docker"]["files"]) == ["/etc/docker/certs.d/registry.test/ca.crt"]
    assert list(said["system"]["files"]) == [f"the system's store, {store}_*.crt"]
    proving = proofs(recorder, HOST)
    assert list(proving) == ["docker", "system"]
    assert proving["docker"].words["authority"] == "/etc/docker/certs.d/registry.test/ca.crt"


def test_the_store_alone_needs_no_docker_and_no_password(declare: Declare) -> None:
    recorder = with_runtimes(declare, "system")
    assert placed(recorder, HOST).keys() == {"hosts", "system"}
    [proof] = proofs(recorder, HOST).values()
    assert proof.line == "sudo -n sh -s -- registry=registry.test"
    assert proof.payload == {}


def test_without_a_hosts_entry_there_is_none_to_write(declare: Declare) -> None:
    recorder = with_runtimes(declare, "system", client={"hostsEntry": None})
    assert placed(recorder, HOST).keys() == {"system"}


def test_nothing_is_placed_where_clients_trust_the_issuer(declare: Declare) -> None:
    recorder = with_runtimes(declare, "docker", "system", certificate=PUBLIC)
    assert placed(recorder, HOST).keys() == {"hosts"}, "the hosts entry alone"
    recorder = with_runtimes(declare, "system", certificate=PUBLIC, client={"hostsEntry": None})
    assert placed(recorder, HOST).keys() == set()
    assert proofs(recorder, HOST).keys() == {"system"}


@pytest.mark.parametrize("reference", ["registry.test", "[fd00::2]:8443", "[fd00::2:8443]", f"{'a.' * 125}test:65535"])
def test_the_stores_files_have_names_that_every_program_takes(reference: str) -> None:
    [store] = [SCRIPTS["system"].placement(replace(KNOWN, reference=reference)).place["store"]]
    assert re.fullmatch(r"[a-z0-9._-]+", store)
    # As its link in the folder of the store, and as it is written.
    assert len(f"ca-cert-{store}_{'0' * 12}.pem.1234567.new") < 255


def test_no_two_registries_and_no_two_stacks_have_files_of_one_name() -> None:
    registries = [
        replace(KNOWN, reference=reference, mark=mark)
        for reference in ("[fd00::2]:8443", "[fd00::2:8443]", "registry.test", "registry.test:8443")
        for mark in ("private-registry project/stack", "private-registry project/stack/mirror")
    ]
    stores = {SCRIPTS["system"].placement(registry).place["store"] for registry in registries}
    assert len(stores) == len(registries)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_says_the_same_of_itself_each_time(runtime: str) -> None:
    known = RUNTIMES[runtime]
    assert known.name == runtime
    assert re.fullmatch(r"[a-z][a-z0-9-]*", runtime), "names of resources end with it"
    assert runtime != "hosts", "so the entry alone is called"
    assert known.places(KNOWN)
    assert known.places(KNOWN) == known.places(KNOWN)
    assert known.proof(KNOWN, "verification").steps[0] == "TLS"


@pytest.mark.parametrize("runtime", SCRIPTS)
def test_each_word_of_a_script_reaches_its_commands(declare: Declare, runtime: str) -> None:
    recorder = with_runtimes(declare, runtime)
    place = SCRIPTS[runtime].placement(replace(KNOWN, mark="private-registry private-registry/test")).place
    for verb in ("create", "update", "delete"):
        # Who takes it away does not ask the registry.
        words = {word for word in place.items() if word[1] and (verb, word[0]) != ("delete", "registry")}
        assert words <= placed(recorder, HOST, verb)[runtime].words.items()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_word_of_a_proof_reaches_its_command(declare: Declare, runtime: str) -> None:
    recorder = with_runtimes(declare, runtime)
    proof = RUNTIMES[runtime].proof(replace(KNOWN, mark="private-registry private-registry/test"), "verification")
    assert {word for word in proof.words.items() if word[1]} <= proofs(recorder, HOST)[runtime].words.items()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_of_the_user_proves_itself_without_root(declare: Declare, runtime: str) -> None:
    proof = proofs(with_runtimes(declare, runtime), HOST)[runtime]
    assert proof.line.startswith("sudo -n ") is not RUNTIMES[runtime].is_of_user


@pytest.mark.parametrize("runtime", SCRIPTS)
def test_a_runtimes_script_knows_its_words(runtime: str) -> None:
    placement = SCRIPTS[runtime].placement(KNOWN)
    assert placement.place.keys() <= words_of(placement)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_proofs_script_knows_its_words(runtime: str) -> None:
    proof = RUNTIMES[runtime].proof(KNOWN, "verification")
    assert proof.words.keys() <= words_of(proof)


def words_of(known: Placement | Proof) -> set[str]:
    """Return the words that a script takes: what its `main` sets before it reads them."""
    main = script_text(known.script, known.parts).rpartition("main() {\n")[2]
    return set(re.findall(r"\b([a-z]+)=", main.partition("read_words")[0])) - {"files"}


@pytest.mark.parametrize("runtime", SCRIPTS)
def test_a_runtime_drops_no_authority_by_which_the_registry_is_known(runtime: str) -> None:
    placement = SCRIPTS[runtime].placement(KNOWN)
    assert KEEP_TRUST in placement.parts
    assert placement.place["registry"] == KNOWN.reference, "without this word keep_trust.sh lets all go"


@pytest.mark.parametrize("runtime", SCRIPTS)
def test_a_runtime_gives_no_word_that_is_made_elsewhere(runtime: str) -> None:
    placement = SCRIPTS[runtime].placement(KNOWN)
    assert placement.place.keys().isdisjoint({"file", "entry", "release"})


@pytest.mark.parametrize("runtime", SCRIPTS)
def test_a_folder_of_a_runtime_is_where_its_file_is(runtime: str) -> None:
    """A repair sets modes there; without a folder the script does so itself."""
    placement = SCRIPTS[runtime].placement(KNOWN)
    if directory := placement.place.get("directory"):
        assert placement.paths == {AUTHORITIES: f"{directory}/{AUTHORITIES}"}


@pytest.mark.parametrize("runtime", SCRIPTS)
def test_two_registries_on_one_host_have_places_of_their_own(runtime: str) -> None:
    assert SCRIPTS[runtime].placement(KNOWN).target != SCRIPTS[runtime].placement(OTHER).target


@pytest.mark.parametrize("runtime", FILES)
def test_a_runtime_of_files_says_where_the_authorities_go(runtime: str) -> None:
    known = FILES[runtime]
    assert [one for one in wants(runtime) if isinstance(one, Own) and one.content == TEXT]
    placed = {one.path.replace("/root/", "~/", 1) if known.is_of_user else one.path for one in wants(runtime)}
    assert placed >= set(known.places(KNOWN))


@pytest.mark.parametrize("runtime", FILES)
def test_two_registries_on_one_host_have_files_of_their_own(runtime: str) -> None:
    ours, others = wants(runtime), wants(runtime, OTHER)
    own = [{one.path for one in files if isinstance(one, Own)} for files in (ours, others)]
    assert own[0].isdisjoint(own[1])
    for first, second in zip(shared(ours), shared(others), strict=True):
        if first.path == second.path:
            both = second.put(first.put(""))
            assert second.take(first.take(both)) == first.take(second.take(both)) == ""


@pytest.mark.parametrize("runtime", FILES)
def test_other_authorities_restart_nothing(runtime: str) -> None:
    for before, after in zip(shared(wants(runtime)), shared(wants(runtime, text=2 * TEXT)), strict=True):
        text = before.put("")
        assert after.put(text) == text


@pytest.mark.parametrize("runtime", FILES)
def test_what_a_runtime_of_files_needs_is_in_its_record(runtime: str) -> None:
    known = replace(KNOWN, aliases=("hub.test",))
    record = wanted(known, [runtime], "", TEXT)[runtime]
    assert ENTRY not in wanted(known, [runtime], "", TEXT)
    # Each reference has lines of its own in files of others.
    assert _known_of(record) == replace(known, mark=f"{known.mark}@{known.reference}")


@pytest.mark.parametrize("runtime", FILES)
def test_a_client_that_trusts_already_gets_no_file(runtime: str) -> None:
    assert wanted(replace(KNOWN, has_authorities=False), [runtime], "", "") == {}


def wants(runtime: str, known: Known = KNOWN, text: str = TEXT) -> list[Own | Shared]:
    """Return what a runtime wants on a host where nothing is."""
    return list(FILES[runtime].wants(known, text, Facts(said=SAID.get(runtime, ""))))


def shared(files: list[Own | Shared]) -> list[Shared]:
    return [one for one in files if isinstance(one, Shared)]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_is_on_the_page_of_the_clients(runtime: str) -> None:
    page = " ".join((PROJECT / "docs/clients.md").read_text().split()).replace("The runtime", "the runtime")
    words = f"the runtime `{runtime}`"
    assert words in page, f"docs/clients.md has no '{words}': who needs it, what it changes, what has to be restarted"


def test_a_file_that_no_script_gets_is_refused() -> None:
    placement = SCRIPTS["docker"].placement(KNOWN)
    with pytest.raises(ValueError, match=r"registry\.test:8443\.crt can't be placed in .*: a runtime's script gets"):
        replace(placement, paths={"registry.test:8443.crt": "/etc/toy/registry.test:8443.crt"})


@pytest.mark.parametrize("pair", combinations(RUNTIMES, 2), ids="+".join)
def test_two_runtimes_of_a_client_have_files_of_their_own(pair: tuple[str, str]) -> None:
    """What they keep in one file of others, and what follows one another, is in test_placing.py."""
    first, second = ({one for _, one in places(runtime)} for runtime in pair)
    own = {one for runtime in pair for kind, one in places(runtime) if kind is Own}
    assert not first & second & own, "one of them needs another name: a client may list both"


def places(runtime: str) -> set[tuple[type, str]]:
    """Return the kind and the path of each file, on a host where nothing is."""
    known = replace(KNOWN, aliases=("hub.test:8443",))
    if runtime in SCRIPTS:
        placement = SCRIPTS[runtime].placement(known)
        return {(Own, path) for path in (*placement.paths.values(), *placement.also)}
    return {(type(one), one.path) for one in wants(runtime, known)}


@pytest.mark.parametrize("runtime", FILES)
def test_a_question_is_posix(runtime: str) -> None:
    assert mistakes(FILES[runtime].question) == ""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_proof_is_posix(runtime: str) -> None:
    """Shellcheck reads more of it, once git knows the file."""
    proof = RUNTIMES[runtime].proof(KNOWN, "verification")
    assert mistakes(script_text(proof.script, proof.parts)) == ""


def mistakes(script: str) -> str:
    """Return what a shell says of a script that it only reads."""
    return subprocess.run([SHELL, "-n"], input=script, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_logs_in_or_says_why_not(runtime: str) -> None:
    by = RUNTIMES[runtime].login
    assert bool(by) is (runtime not in WITHOUT_LOGIN), f"{runtime}: set its login, or say in WITHOUT_LOGIN why not"
    if by and by != runtime:
        assert LOGIN_FILES[by].is_of_user is RUNTIMES[runtime].is_of_user


def test_a_runtime_is_proven_by_a_real_program_or_says_why_not() -> None:
    real = {case.runtime or case.name for case in (*CASES, ROOTLESS)}
    assert real | NOT_REAL.keys() == RUNTIMES.keys(), "tests/scripts/test_runtimes.py: CASES, or NOT_REAL with a reason"
    assert real.isdisjoint(NOT_REAL)
