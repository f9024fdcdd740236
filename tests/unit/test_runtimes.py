"""What each runtime of a client places and proves: names, words and files, as the components declare them."""

import re
from dataclasses import replace
from typing import Any

import pytest

from components.clients import DEFAULT, RUNTIMES
from components.clients.runtime import AUTHORITIES, KEEP_TRUST, Known, Placement, Proof
from components.scripts.script import read_payload, read_words, script_text
from lab.places import PROJECT
from operations.drift.state import hosts_of
from tests.unit.authority import issue
from tests.unit.conftest import BASE, LOCAL, REMOTE, Declare, Recorder, Resource
from tests.unit.test_drift import exported

HOST, NAME = "10.0.0.7", "registry-trust-10.0.0.7"
KNOWN = Known("registry.test", "registry.test:443", "private-registry project/stack", has_authorities=True)


ROOT = issue("root", authority=True, ends=1000)
BETWEEN = issue("between", ROOT, authority=True, ends=1000)
PUBLIC = {"source": "signing-authority", "chain": BETWEEN.pem, "key": BETWEEN.key_pem(), "public": True}


def with_runtimes(declare: Declare, *runtimes: str, **changes: Any) -> Recorder:
    """Declare a registry with one client, which has a hosts entry."""
    return declare(clients=[{**BASE["clients"][0], "runtimes": list(runtimes), **changes.pop("client", {})}], **changes)


def below(recorder: Recorder, kind: str) -> dict[str, Resource]:
    """Return the commands of the client's trust, or of its proof, by name."""
    return {one.name: one for one in recorder.of(REMOTE) if one.name.startswith(f"registry-{kind}-")}


def trust_of(recorder: Recorder) -> Any:
    return recorder.named("private-registry:index:ClientTrust", NAME).inputs


def test_docker_alone_has_the_names_that_it_always_had(declare: Declare) -> None:
    recorder = declare()
    assert {name for kind in ("trust", "verification") for name in below(recorder, kind)} == {
        NAME,
        f"registry-verification-{HOST}",
    }
    assert trust_of(recorder)["runtimes"].keys() == {"docker"}


def test_each_runtime_has_a_command_of_its_own(declare: Declare) -> None:
    recorder = with_runtimes(declare, "docker", "system")
    placing = below(recorder, "trust")
    assert placing.keys() == {NAME, f"{NAME}~system"}
    assert "entry=10.0.0.2/registry.test" in placing[NAME].plain("create")
    assert "entry=" not in placing[f"{NAME}~system"].plain("create")
    [store] = re.findall(
        r"store=(private-registry_registry\.test_[0-9a-f]{8}) ", placing[f"{NAME}~system"].plain("create")
    )
    assert placing[f"{NAME}~system"].plain("delete") == f"sudo -n sh -s -- delete store={store} file=ca.crt:0644:-"
    contents = {name: read_payload(one.plain("stdin"))["ca.crt"] for name, one in placing.items()}
    assert len(set(contents.values())) == 1
    said = trust_of(recorder)["runtimes"]
    assert list(said["docker"]["files"]) == ["/etc/docker/certs.d/registry.test/ca.crt"]
    assert list(said["system"]["files"]) == [f"the system's store, {store}_*.crt"]
    proofs = below(recorder, "verification")
    assert proofs.keys() == {f"registry-verification-{HOST}", f"registry-verification-{HOST}~system"}
    assert "authority=/etc/docker/certs.d/registry.test/ca.crt" in proofs[f"registry-verification-{HOST}"].plain(
        "create"
    )


def test_docker_is_declared_the_same_with_and_without_another_runtime(declare: Declare) -> None:
    alone, beside = (
        below(with_runtimes(declare, *known), "trust")[NAME] for known in (["docker"], ["docker", "system"])
    )
    assert alone.inputs == beside.inputs


def test_the_store_alone_needs_no_docker_and_no_password(declare: Declare) -> None:
    recorder = with_runtimes(declare, "system")
    placing = below(recorder, "trust")
    assert placing.keys() == {f"{NAME}~system", f"{NAME}~hosts"}
    [proof] = below(recorder, "verification").values()
    assert proof.plain("create").startswith("sudo -n sh -s -- registry=registry.test generation=")
    assert not proof.is_secret("stdin")
    assert read_payload(proof.plain("stdin")) == {}
    assert trust_of(recorder)["hostsEntry"] == {"address": "10.0.0.2", "name": "registry.test"}


def test_the_hosts_entry_alone_bears_another_mark_than_with_dockers_files(declare: Declare) -> None:
    """The one is written before the other goes, and goes without it."""
    docker, system = (below(with_runtimes(declare, runtime), "trust") for runtime in ("docker", "system"))
    marks = [
        re.findall(r"'marker=([^']*)'", one.plain(line))
        for one in (docker[NAME], system[f"{NAME}~hosts"])
        for line in ("create", "delete")
    ]
    assert (
        marks
        == [["private-registry private-registry/test"]] * 2 + [["private-registry private-registry/test (hosts)"]] * 2
    )
    assert re.fullmatch(
        r"sudo -n sh -s -- create entry=10.0.0.2/registry.test 'marker=.*'", system[f"{NAME}~hosts"].plain("create")
    )


def test_without_a_hosts_entry_there_is_none_to_write(declare: Declare) -> None:
    recorder = with_runtimes(declare, "system", client={"hostsEntry": None})
    assert below(recorder, "trust").keys() == {f"{NAME}~system"}


def test_nothing_is_placed_where_clients_trust_the_issuer(declare: Declare) -> None:
    recorder = with_runtimes(declare, "docker", "system", certificate=PUBLIC)
    assert below(recorder, "trust").keys() == {f"{NAME}~hosts"}, "the hosts entry alone"
    recorder = with_runtimes(declare, "system", certificate=PUBLIC, client={"hostsEntry": None})
    assert below(recorder, "trust").keys() == set()
    assert below(recorder, "verification").keys() == {f"registry-verification-{HOST}~system"}


def test_drift_asks_for_each_runtime(declare: Declare) -> None:
    resources = exported(with_runtimes(declare, "docker", "system"))
    [client] = [host for host in hosts_of(resources) if host.connection]
    assert not client.is_behind
    docker, system = sorted(client.bundles, key=lambda bundle: "store" in bundle.place)
    assert docker.check().startswith("sudo -n sh -s -- check directory=/etc/docker/certs.d/registry.test ")
    assert system.check().startswith("sudo -n sh -s -- check store=private-registry_registry.test_")
    [(repair, script)] = system.repairs()
    assert repair.startswith("sudo -n sh -s -- update store=")
    assert "registry=" not in repair, "it may be down now"
    assert script == system.script


@pytest.mark.parametrize("reference", ["registry.test", "[fd00::2]:8443", "[fd00::2:8443]", f"{'a.' * 125}test:65535"])
def test_the_stores_files_have_names_that_every_program_takes(reference: str) -> None:
    [store] = [RUNTIMES["system"].placement(replace(KNOWN, reference=reference)).place["store"]]
    assert re.fullmatch(r"[a-z0-9._-]+", store)
    # As its link in the folder of the store, and as it is written.
    assert len(f"ca-cert-{store}_{'0' * 12}.pem.1234567.new") < 255


def test_no_two_registries_and_no_two_stacks_have_files_of_one_name() -> None:
    registries = [
        replace(KNOWN, reference=reference, mark=mark)
        for reference in ("[fd00::2]:8443", "[fd00::2:8443]", "registry.test", "registry.test:8443")
        for mark in ("private-registry project/stack", "private-registry project/stack/mirror")
    ]
    stores = {RUNTIMES["system"].placement(registry).place["store"] for registry in registries}
    assert len(stores) == len(registries)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_says_the_same_of_itself_each_time(runtime: str) -> None:
    known = RUNTIMES[runtime]
    assert known.name == runtime
    assert re.fullmatch(r"[a-z][a-z0-9-]*", runtime), "names of resources end with it"
    assert runtime != "hosts", "so the entry alone is called"
    assert known.placement(KNOWN).paths
    assert known.proof(KNOWN, "verification").steps[0] == "TLS"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_word_of_a_runtime_reaches_its_commands(declare: Declare, runtime: str) -> None:
    recorder = with_runtimes(declare, runtime)
    known = replace(KNOWN, mark="private-registry private-registry/test")
    placed, proof = RUNTIMES[runtime].placement(known), RUNTIMES[runtime].proof(known, "verification")
    [placing] = (one for one in below(recorder, "trust").values() if not one.name.endswith("~hosts"))
    [proving] = below(recorder, "verification").values()
    place = {(key, value) for key, value in placed.place.items() if value}
    assert place <= set(read_words(placing.plain("create")))
    assert place <= set(read_words(placing.plain("update")))
    # Who takes it away does not ask the registry.
    assert {word for word in place if word[0] != "registry"} <= set(read_words(placing.plain("delete")))
    assert {(key, value) for key, value in proof.words.items() if value} <= set(read_words(proving.plain("create")))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtimes_scripts_know_its_words(runtime: str) -> None:
    placed, proof = RUNTIMES[runtime].placement(KNOWN), RUNTIMES[runtime].proof(KNOWN, "verification")
    assert placed.place.keys() <= words_of(placed)
    assert proof.words.keys() | {"generation"} <= words_of(proof)


def words_of(known: Placement | Proof) -> set[str]:
    """Return the words that a script takes: what its `main` sets before it reads them."""
    main = script_text(known.script, known.parts).rpartition("main() {\n")[2]
    return set(re.findall(r"\b([a-z]+)=", main.partition("read_words")[0])) - {"files"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_drops_no_authority_by_which_the_registry_is_known(runtime: str) -> None:
    placed = RUNTIMES[runtime].placement(KNOWN)
    assert KEEP_TRUST in placed.parts
    assert placed.place["registry"] == KNOWN.reference, "without this word keep_trust.sh lets all go"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_gives_no_word_that_is_made_elsewhere(runtime: str) -> None:
    placed, proof = RUNTIMES[runtime].placement(KNOWN), RUNTIMES[runtime].proof(KNOWN, "verification")
    # By the mark of the hosts entry another's script, which gets no entry, would take that away.
    others = {"file", "entry", "release"} | ({"marker"} if runtime != DEFAULT else set())
    assert placed.place.keys().isdisjoint(others)
    assert "generation" not in proof.words


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_folder_of_a_runtime_is_where_its_file_is(runtime: str) -> None:
    """A repair sets modes there; without a folder the script does so itself."""
    placed = RUNTIMES[runtime].placement(KNOWN)
    if directory := placed.place.get("directory"):
        assert placed.paths == {AUTHORITIES: f"{directory}/{AUTHORITIES}"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_two_registries_on_one_host_have_places_of_their_own(runtime: str) -> None:
    registries = [replace(KNOWN, reference=reference) for reference in ("registry.test", "registry.test:8443")]
    assert len({RUNTIMES[runtime].placement(registry).target for registry in registries}) == 2


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_is_on_the_page_of_the_clients(runtime: str) -> None:
    page = " ".join((PROJECT / "docs/clients.md").read_text().split())
    words = f"the runtime `{runtime}`"
    assert words in page, f"docs/clients.md has no '{words}': who needs it, what it changes, what has to be restarted"


def test_a_file_that_no_script_gets_is_refused() -> None:
    placed = RUNTIMES["docker"].placement(KNOWN)
    with pytest.raises(ValueError, match=r"registry\.test:8443\.crt can't be placed in .*: a runtime's script gets"):
        replace(placed, paths={"registry.test:8443.crt": "/etc/toy/registry.test:8443.crt"})


def test_a_client_of_this_machine_has_the_same(declare: Declare) -> None:
    recorder = declare(clients=[{"host": "here.test", "local": True, "runtimes": ["system"]}])
    assert recorder.named(LOCAL, "registry-trust-here.test~system").plain("create").startswith("sh -s -- create store=")
