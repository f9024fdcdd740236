"""system.sh: what it adds to a machine's trust store, what it takes away, and what it leaves alone."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from components.clients.runtime import KEEP_TRUST
from components.scripts.script import with_payload
from tests.scripts.conftest import Shell
from tests.scripts.store import HOOKS, KINDS, Machine, machine
from tests.unit.authority import Pair, issue

SCRIPT = Path("components/clients/system.sh")
STORE, OTHER = "private-registry_registry.test_8443_12ab34cd", "private-registry_other.test_56ef78ab"


def authority_of_its_own_key() -> Pair:
    """Return an authority that is called as others are, as two of one team may be."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return issue("authority", authority=True, key=key, more=[(identifier, False)])


OLD, NEW = authority_of_its_own_key(), authority_of_its_own_key()
AS_BEFORE = "what was there before"


@pytest.fixture(params=["debian"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return machine(tmp_path / "root", request.param)


@pytest.fixture
def shell(shell: Shell, store: Machine) -> Shell:
    return replace(shell, path=store.path(shell.path), parts=(KEEP_TRUST,))


def run(
    shell: Shell, store: Machine, verb: str, *authorities: Pair, name: str = STORE
) -> subprocess.CompletedProcess[str]:
    payload = {"ca.crt": "".join(one.pem for one in authorities)}
    return shell.run(SCRIPT, verb, f"store={name}", "file=ca.crt:0644:12ab", f"root={store.root}", payload=payload)


def done(*arguments: Shell | Machine | str | Pair, name: str = STORE) -> str:
    shell, store, verb, *authorities = arguments
    ended = run(shell, store, verb, *authorities, name=name)  # type: ignore[arg-type]
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def file_of(store: Machine, authority: Pair, name: str = STORE) -> Path:
    return store.anchors / f"{name}_{authority.certificate.fingerprint(SHA256()).hex()[:12]}.crt"


def is_trusted(store: Machine, authority: Pair, *where: str) -> bool:
    """Tell whether OpenSSL trusts what an authority has signed, by the bundle or by the folder of links."""
    server = store.root.parent / "server.pem"
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.certificate.public_key())  # type: ignore[arg-type]
    server.write_text(issue("server", authority, ["registry.test"], more=[(by, False)]).pem)
    options = where or ("-no-CApath", "-CAfile", str(store.bundle))
    return not subprocess.run(["openssl", "verify", *options, server], capture_output=True, check=False).returncode


def by_links(store: Machine) -> Sequence[str]:
    return "-no-CAfile", "-CApath", str(store.bundle.parent)


@pytest.mark.parametrize("store", KINDS, indirect=True)
def test_an_authority_comes_moves_on_and_goes_without_a_trace(shell: Shell, store: Machine) -> None:
    before = store.content()
    done(shell, store, "create", OLD)
    assert file_of(store, OLD).read_text() == OLD.pem
    assert file_of(store, OLD).stat().st_mode & 0o777 == 0o644
    assert (is_trusted(store, OLD), is_trusted(store, NEW)) == (True, False)
    done(shell, store, "update", OLD, NEW)
    assert (is_trusted(store, OLD), is_trusted(store, NEW)) == (True, True)
    assert done(shell, store, "check", OLD, NEW) == ""
    done(shell, store, "update", NEW)
    assert (is_trusted(store, OLD), is_trusted(store, NEW)) == (False, True)
    assert [path.name for path in store.anchors.iterdir()] == [file_of(store, NEW).name]
    done(shell, store, "delete", NEW)
    assert store.content() == before


def test_those_of_one_name_are_found_by_links_too(shell: Shell, store: Machine) -> None:
    """OpenSSL looks no further than the first number that is missing."""
    done(shell, store, "create", OLD, NEW)
    assert is_trusted(store, OLD, *by_links(store))
    assert is_trusted(store, NEW, *by_links(store))
    for kept, gone in ((NEW, OLD), (OLD, NEW)):
        done(shell, store, "update", kept)
        assert is_trusted(store, kept, *by_links(store))
        assert not is_trusted(store, gone, *by_links(store))
        done(shell, store, "update", OLD, NEW)


@pytest.mark.parametrize("store", KINDS, indirect=True)
def test_what_two_registries_trust_stays_until_both_are_gone(shell: Shell, store: Machine) -> None:
    before = store.content()
    done(shell, store, "create", OLD)
    done(shell, store, "create", OLD, name=OTHER)
    done(shell, store, "update", NEW, name=OTHER)
    assert (is_trusted(store, OLD), is_trusted(store, NEW)) == (True, True)
    done(shell, store, "update", OLD, name=OTHER)
    done(shell, store, "delete", OLD)
    assert is_trusted(store, OLD)
    if store.bundle.parent.name == "certs":
        assert is_trusted(store, OLD, *by_links(store))
    done(shell, store, "delete", OLD, name=OTHER)
    assert store.content() == before


def test_two_registries_at_once_are_both_trusted(shell: Shell, store: Machine) -> None:
    before = store.content()
    with ThreadPoolExecutor(2) as pool:
        pairs = ((STORE, OLD), (OTHER, NEW))
        for ended in pool.map(lambda pair: run(shell, store, "create", pair[1], name=pair[0]), pairs):
            assert ended.returncode == 0, ended.stderr
    assert (is_trusted(store, OLD), is_trusted(store, NEW)) == (True, True)
    for name, authority in pairs:
        done(shell, store, "delete", authority, name=name)
    assert store.content() == before


def test_a_file_of_our_name_that_is_not_ours_is_left(shell: Shell, store: Machine) -> None:
    file_of(store, OLD).write_text(NEW.pem)
    before = store.content()
    ended = run(shell, store, "create", OLD)
    assert "exists with other content and was not written by this stack" in ended.stderr
    assert store.content() == before
    said = done(shell, store, "delete", OLD)
    assert "has content that this stack did not write, and was not removed" in said
    assert file_of(store, OLD).read_text() == NEW.pem


def test_what_is_there_already_is_taken_over_and_told(shell: Shell, store: Machine) -> None:
    file_of(store, OLD).write_text(OLD.pem)
    assert "existed with this content; the stack manages it from now on" in done(shell, store, "create", OLD)


def test_what_others_have_there_is_not_touched(shell: Shell, store: Machine) -> None:
    (store.anchors / "company.crt").write_text(NEW.pem)
    subprocess.run([store.program], check=True, capture_output=True)
    before = store.content()
    done(shell, store, "create", OLD)
    done(shell, store, "delete", OLD)
    assert store.content() == before
    assert is_trusted(store, NEW)


def test_hooks_are_told_of_what_comes_and_goes(shell: Shell, store: Machine) -> None:
    """Java's store is made by one."""
    hook, told = store.root / HOOKS / "told", store.root.parent / "told"
    hook.write_text(f"#!/bin/sh\ncat >> {told}\n")
    hook.chmod(0o755)
    link = store.bundle.parent / file_of(store, OLD).with_suffix(".pem").name
    done(shell, store, "create", OLD)
    assert told.read_text() == f"+{link}\n"
    done(shell, store, "delete", OLD)
    assert told.read_text() == f"+{link}\n-{link}\n"


FAILURES = {
    "it ends with an error": ("echo 'cp: No space left on device'; exit 1", "No space left on device"),
    "it writes half of the store": (f": > $store; echo {AS_BEFORE}", "failed to add"),
    "it is missing what it needs": ("ln -s nowhere ${store%/*}/broken; missing-program", "missing-program"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_program_that_fails_is_named_and_what_was_live_stays(shell: Shell, store: Machine, failure: str) -> None:
    done(shell, store, "create", OLD)
    before = store.content()
    script, reason = FAILURES[failure]
    for verb, name in (("update", STORE), ("create", OTHER)):
        store.replace(f"store={store.bundle}\n{script}")
        ended = run(shell, store, verb, *((OLD, NEW) if verb == "update" else (NEW,)), name=name)
        (store.bundle.parent / "broken").unlink(missing_ok=True)
        store.restore()
        assert ended.returncode != 0
        assert "update-ca-certificates failed" in ended.stderr
        assert reason in ended.stderr
        assert store.content() == before
    done(shell, store, "update", OLD, NEW)
    assert is_trusted(store, NEW)


def test_a_disk_that_is_full_before_the_store_is_made_leaves_it(shell: Shell, store: Machine) -> None:
    done(shell, store, "create", OLD)
    before = store.content()
    full = store.program.with_name("cp")
    full.write_text('#!/bin/sh\nhead -c 100 "$2" > "$3"\necho \'cp: No space left on device\' >&2\nexit 1\n')
    full.chmod(0o755)
    # BusyBox' shell would take its own.
    ended = run(replace(shell, command=(shutil.which("dash") or "dash",)), store, "update", OLD, NEW)
    full.unlink()
    assert "No space left on device" in ended.stderr
    assert store.content() == before


def test_a_failure_after_the_new_authority_is_live_keeps_it(shell: Shell, store: Machine) -> None:
    done(shell, store, "create", OLD)
    store.replace('cd "${0%/*}"; [ ! -e once ] || exit 1; : > once; exec ./real')
    ended = run(shell, store, "update", NEW)
    store.program.with_name("once").unlink()
    store.restore()
    assert "update-ca-certificates failed" in ended.stderr
    assert (is_trusted(store, OLD), is_trusted(store, NEW)) == (True, True)
    done(shell, store, "update", NEW)
    assert (is_trusted(store, OLD), is_trusted(store, NEW)) == (False, True)


KILLED = {
    "before the store is made": "kill -9 -$pgid",
    "while the store is made": "cp $store $store.new; kill -9 -$pgid",
    "after the store is made": "real > /dev/null; kill -9 -$pgid",
}


@pytest.mark.parametrize("moment", KILLED)
@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_what_a_killed_update_leaves_is_repaired(shell: Shell, store: Machine, verb: str, moment: str) -> None:
    before = store.content()
    if verb != "create":
        done(shell, store, "create", OLD)
    store.replace(f"store={store.bundle}\npgid=$(ps -o pgid= $$ | tr -d ' ')\n{KILLED[moment]}")
    text = with_payload(SCRIPT, {"ca.crt": (OLD if verb == "delete" else NEW).pem}, [KEEP_TRUST])
    words = [verb, f"store={STORE}", "file=ca.crt:0644:12ab", f"root={store.root}"]
    killed = subprocess.run(
        [*shell.command, "-s", "--", *words],
        input=text,
        text=True,
        env={"PATH": f"{shell.path}:/bin"},
        process_group=0,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    store.restore()
    if verb == "delete":
        done(shell, store, "delete", OLD)
    else:
        done(shell, store, verb, NEW)
        assert (is_trusted(store, OLD), is_trusted(store, NEW)) == (False, True)
        assert done(shell, store, "check", NEW) == ""
        done(shell, store, "delete", NEW)
    assert store.content() == before


def test_a_check_names_what_is_not_as_it_was_left(shell: Shell, store: Machine) -> None:
    done(shell, store, "create", OLD, NEW)
    old, new = file_of(store, OLD), file_of(store, NEW)
    before = store.content()
    old.unlink()
    new.write_text(OLD.pem)
    assert done(shell, store, "check", OLD, NEW).splitlines() == [f"{old} is missing", f"{new} has other content"]
    done(shell, store, "update", OLD, NEW)
    assert store.content() == before
    new.chmod(0o600)
    store.bundle.write_text(NEW.pem)
    assert done(shell, store, "check", OLD, NEW).splitlines() == [
        f"{store.bundle} does not contain the certificate in {old}",
        f"{new} has mode 600 instead of 0644",
    ]
    done(shell, store, "update", OLD, NEW)
    assert store.content() == before
    assert done(shell, store, "check", OLD) == f"{new} still exists, and should have been removed\n"


def test_a_bundle_that_is_gone_is_made_again(shell: Shell, store: Machine) -> None:
    done(shell, store, "create", OLD)
    before = store.content()
    store.bundle.unlink()
    assert (
        done(shell, store, "check", OLD)
        == f"{store.bundle} does not contain the certificate in {file_of(store, OLD)}\n"
    )
    done(shell, store, "update", OLD)
    assert store.content() == before


def test_a_machine_without_a_store_is_told_of(shell: Shell, store: Machine, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in reversed(shell.path.split(":")[1:]):
        for tool in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if not tool.name.startswith("update-ca-"):
                (tools / tool.name).unlink(missing_ok=True)
                (tools / tool.name).symlink_to(tool)
    store.program.unlink()
    before = store.content()
    ended = run(replace(shell, path=str(tools)), store, "create", OLD)
    assert "this client has neither update-ca-certificates nor update-ca-trust" in ended.stderr
    assert store.content() == before


def test_an_input_that_breaks_off_does_nothing(shell: Shell, store: Machine) -> None:
    before = store.content()
    for share in (0.3, 0.6, 0.9, 0.99):
        payload = {"ca.crt": OLD.pem}
        words = [f"store={STORE}", "file=ca.crt:0644:12ab", f"root={store.root}"]
        shell.run(SCRIPT, "create", *words, payload=payload, share=share)
        assert store.content() == before
