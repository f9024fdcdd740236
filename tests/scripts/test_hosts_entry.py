"""hosts_entry.sh: an entry alone, beside one that files have taken along."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from components.clients.runtime import HOSTS_FILE
from tests.scripts.conftest import Shell

SCRIPT = Path("components/hosts/hosts_entry.sh")
ENTRY = "entry=10.0.0.2/registry.test"
BEFORE = b"127.0.0.1\tlocalhost\n10.0.0.2\tregistry.test\t# private-registry project/stack\n10.0.0.9 last"


@pytest.fixture
def shell(shell: Shell) -> Shell:
    return replace(shell, parts=(HOSTS_FILE,))


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    file = tmp_path / "hosts"
    file.write_bytes(BEFORE)
    return file


def test_entries_that_are_written_at_the_same_time_are_all_there(shell: Shell, hosts: Path) -> None:
    """As those of several registries of one program are on a client."""

    def place(number: int) -> int:
        known = [f"hosts={hosts}", f"marker=private-registry project/{number}"]
        return shell.run(SCRIPT, "create", *known, f"entry=10.0.0.2/{number}.test").returncode

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(place, range(32))) == {0}
    assert sum(line.endswith(tuple("0123456789")) for line in hosts.read_text().splitlines()) == 32


def test_a_lock_that_nobody_gives_back_is_named(shell: Shell, hosts: Path, tmp_path: Path) -> None:
    (tmp_path / "flock").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "flock").chmod(0o755)
    impatient = replace(shell, path=f"{tmp_path}:{shell.path}")
    done = impatient.run(SCRIPT, "create", f"hosts={hosts}", "marker=private-registry project/other", ENTRY)
    assert done.returncode == 1
    assert f"another update is still changing {hosts}" in done.stderr
    assert hosts.read_bytes() == BEFORE


def test_an_entry_comes_changes_and_goes_without_a_trace(shell: Shell, hosts: Path) -> None:
    known = [f"hosts={hosts}", "marker=private-registry project/stack (hosts)"]
    for verb, entry in (("create", ENTRY), ("update", "entry=10.0.0.3/registry.test")):
        done = shell.run(SCRIPT, verb, *known, entry)
        assert done.returncode == 0, done.stderr
        first, rest = hosts.read_bytes().split(b"\n", 1)
        address = entry.removeprefix("entry=").partition("/")[0]
        assert first.decode() == f"{address}\tregistry.test\t# private-registry project/stack (hosts)"
        assert rest == BEFORE, "the line that files have taken along is another one"
        assert shell.run(SCRIPT, "check", *known, entry).stdout == ""
    said = shell.run(SCRIPT, "check", *known, ENTRY).stdout
    assert said == f"{hosts} has the entry '10.0.0.3/registry.test' instead of '10.0.0.2/registry.test'\n"
    assert shell.run(SCRIPT, "delete", *known).returncode == 0
    assert hosts.read_bytes() == BEFORE
