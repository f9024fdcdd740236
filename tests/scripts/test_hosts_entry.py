"""hosts_entry.sh: an entry in the hosts file, and all else in it as it was."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from components.clients.runtime import HOSTS_FILE
from tests.scripts.conftest import Shell

SCRIPT = Path("components/hosts/hosts_entry.sh")
MARKER = "private-registry project/stack (client)"
ENTRY = "entry=10.0.0.2/registry.test"
LINE = f"10.0.0.2\tregistry.test\t# {MARKER}\n"


@pytest.fixture
def shell(shell: Shell) -> Shell:
    return replace(shell, parts=(HOSTS_FILE,))


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    file = tmp_path / "hosts"
    file.write_bytes(b"127.0.0.1\tlocalhost\n10.0.0.9\tother\n")
    return file


def place(hosts: Path, marker: str = MARKER) -> list[str]:
    return [f"hosts={hosts}", f"marker={marker}"]


def test_entries_that_are_written_at_the_same_time_are_all_there(dash: Shell, hosts: Path) -> None:
    """As those of several registries of one program are on a client."""
    shell = replace(dash, parts=(HOSTS_FILE,))

    def placed(number: int) -> int:
        known = place(hosts, f"private-registry project/{number}")
        return shell.run(SCRIPT, "create", *known, f"entry=10.0.0.2/{number}.test").returncode

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(placed, range(32))) == {0}
    assert sum(line.endswith(tuple("0123456789")) for line in hosts.read_text().splitlines()) == 32


def test_a_lock_that_nobody_gives_back_is_named(shell: Shell, hosts: Path, tmp_path: Path) -> None:
    before = hosts.read_bytes()
    (tmp_path / "flock").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "flock").chmod(0o755)
    impatient = replace(shell, path=f"{tmp_path}:{shell.path}")
    done = impatient.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert done.returncode == 1
    assert f"another update is still changing {hosts}" in done.stderr
    assert hosts.read_bytes() == before


def test_an_entry_comes_changes_and_goes_without_a_trace(shell: Shell, hosts: Path) -> None:
    known, before = place(hosts), hosts.read_bytes()
    entries = (
        ("create", "10.0.0.2", "registry.test"),
        ("update", "10.0.0.7,fd00::6,10.0.0.5", "registry.test b.test"),
        ("update", "10.0.0.5,10.0.0.7", "registry.test b.test"),
        ("update", "10.0.0.3", "registry.test b.test"),
    )
    for verb, addresses, names in entries:
        done = shell.run(SCRIPT, verb, *known, f"entry={addresses}/{names}")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        lines = [f"{address}\t{names}\t# {MARKER}\n" for address in addresses.split(",")]
        assert hosts.read_bytes() == "".join(lines).encode() + before
        assert shell.run(SCRIPT, "check", *known, f"entry={addresses}/{names}").stdout == ""
    said = shell.run(SCRIPT, "check", *known, ENTRY).stdout
    assert said == f"{hosts} has the entry '10.0.0.3/registry.test b.test' instead of '10.0.0.2/registry.test'\n"
    assert shell.run(SCRIPT, "delete", *known).returncode == 0
    assert hosts.read_bytes() == before
    said = shell.run(SCRIPT, "check", *known, ENTRY).stdout
    assert said == f"{hosts} has the entry '' instead of '10.0.0.2/registry.test'\n"


def test_a_line_of_several_that_somebody_changes_is_found_and_put_right(shell: Shell, hosts: Path) -> None:
    known, entry, before = place(hosts), "10.0.0.2,10.0.0.3/registry.test", hosts.read_text()
    first, second = (f"{address}\tregistry.test\t# {MARKER}\n" for address in ("10.0.0.2", "10.0.0.3"))
    another = f"10.0.0.3\tother.test\t# {MARKER}\n"
    for lines, found in (
        (first, "10.0.0.2/registry.test"),
        (second + first, "10.0.0.3,10.0.0.2/registry.test"),
        (first + second + second, "10.0.0.2,10.0.0.3,10.0.0.3/registry.test"),
        (first + another, "10.0.0.2/registry.test\n10.0.0.3/other.test"),
    ):
        hosts.write_text(lines + before)
        said = shell.run(SCRIPT, "check", *known, f"entry={entry}").stdout
        assert said == f"{hosts} has the entry '{found}' instead of '{entry}'\n"
        shell.run(SCRIPT, "update", *known, f"entry={entry}")
        assert hosts.read_text() == first + second + before


def test_an_update_of_what_is_there_writes_nothing(shell: Shell, hosts: Path) -> None:
    shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    inode = hosts.stat().st_ino
    shell.run(SCRIPT, "update", *place(hosts), ENTRY)
    assert hosts.stat().st_ino == inode


@pytest.mark.parametrize("end", ["", " (hosts)"])
def test_the_line_of_a_version_before_goes_when_ours_comes(shell: Shell, hosts: Path, end: str) -> None:
    before = hosts.read_text()
    hosts.write_text(f"{before}10.0.0.3\tregistry.test\t# private-registry project/stack{end}\n")
    shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert hosts.read_text() == LINE + before


@pytest.mark.parametrize(
    ("mine", "other"), [("prod.eu", "prod-eu"), ("a.b.c", "a-b-c"), ("eu", "prod-eu"), ("e.u", "eu")]
)
def test_the_line_of_a_stack_that_is_named_alike_stays(shell: Shell, hosts: Path, mine: str, other: str) -> None:
    marks = [f"private-registry project/{other}{end}" for end in ("", " (client)")]
    others = "".join(f"10.0.0.9\tother.test\t# {mark}\n" for mark in marks)
    hosts.write_text(others)
    known = place(hosts, f"private-registry project/{mine} (client)")
    for verb in ("create", "delete"):
        shell.run(SCRIPT, verb, *known, *([ENTRY] if verb == "create" else []))
        assert others in hosts.read_text(), verb
        done = shell.run(SCRIPT, "check", *known, ENTRY)
        assert (done.stdout == "") == (verb != "delete")
    assert hosts.read_text() == others


HOSTS_FILES = {
    "missing": None,
    "empty": "",
    "without a last line break": "127.0.0.1 localhost",
    "of another system": "127.0.0.1 localhost\r\n10.0.0.9 other\r\n",
    "with blank lines": "\n\n127.0.0.1 localhost\n\n\n",
    "with signs of a format": "127.0.0.1 localhost # 100% \\n %s\n",
    "in Latin": "127.0.0.1 localhost # \xfcml\xe4ut\n",
}


@pytest.mark.parametrize("kind", HOSTS_FILES)
def test_any_hosts_file_gets_the_entry_and_comes_back_to_the_byte(shell: Shell, hosts: Path, kind: str) -> None:
    text = HOSTS_FILES[kind]
    hosts.unlink()
    if text is not None:
        hosts.write_text(text, encoding="latin-1", newline="")
    before = (text or "").encode("latin-1")
    done = shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert done.returncode == 0, done.stderr
    assert hosts.read_bytes() == LINE.encode() + before
    assert hosts.stat().st_mode & 0o777 == 0o644
    done = shell.run(SCRIPT, "delete", *place(hosts))
    assert done.returncode == 0, done.stderr
    assert hosts.read_bytes() == before


def test_our_line_is_known_after_an_editor_of_another_system(shell: Shell, hosts: Path) -> None:
    shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    hosts.write_bytes(hosts.read_bytes().replace(b"\n", b"\r\n"))
    assert shell.run(SCRIPT, "check", *place(hosts), ENTRY).stdout == ""
    shell.run(SCRIPT, "delete", *place(hosts))
    assert b"private-registry" not in hosts.read_bytes()


def test_a_hosts_file_that_is_a_link_stays_one(shell: Shell, hosts: Path) -> None:
    target = hosts.parent / "elsewhere" / "hosts"
    target.parent.mkdir()
    hosts.rename(target)
    target.chmod(0o640)
    hosts.symlink_to("elsewhere/hosts")
    done = shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert done.returncode == 0, done.stderr
    assert hosts.readlink() == Path("elsewhere/hosts")
    assert target.read_text().startswith(LINE)
    assert target.stat().st_mode & 0o777 == 0o640


def mounted(shell: Shell, file: Path, *options: str) -> Shell:
    """Return a shell that finds a file mounted over itself."""
    mount = f"mount --bind '{file}' '{file}' && {''.join(options)} true && exec \"$@\""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return replace(shell, command=("/usr/bin/unshare", "--mount", *user, "/bin/sh", "-c", mount, "sh", *shell.command))


def test_a_hosts_file_that_is_a_mount_is_written_in_place(shell: Shell, hosts: Path) -> None:
    before, inode = hosts.read_bytes(), hosts.stat().st_ino
    there = mounted(shell, hosts)
    done = there.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert done.returncode == 0, done.stderr
    assert f"{hosts} is a mount, and was written in place" in done.stdout
    assert hosts.read_bytes() == LINE.encode() + before
    done = there.run(SCRIPT, "update", *place(hosts), ENTRY)
    assert (done.returncode, done.stdout) == (0, ""), "what is there already is not written again"
    done = there.run(SCRIPT, "delete", *place(hosts))
    assert done.returncode == 0, done.stderr
    assert hosts.read_bytes() == before
    assert hosts.stat().st_ino == inode
    assert [entry.name for entry in hosts.parent.iterdir()] == ["hosts"]


def test_a_hosts_file_that_can_not_be_written_is_named(shell: Shell, hosts: Path) -> None:
    before = hosts.read_bytes()
    there = mounted(shell, hosts, f"mount -o remount,bind,ro '{hosts}' &&")
    done = there.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert done.returncode != 0
    assert f"the hosts entry can't be written to {hosts}: " in done.stderr
    assert "Read-only file system" in done.stderr
    assert hosts.read_bytes() == before
    assert [entry.name for entry in hosts.parent.iterdir()] == ["hosts"]


def test_a_folder_in_the_place_of_the_hosts_file_is_named(shell: Shell, hosts: Path) -> None:
    hosts.unlink()
    hosts.mkdir()
    done = shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert done.returncode != 0
    assert [entry.name for entry in hosts.parent.rglob("*")] == ["hosts"]


def test_an_input_that_breaks_off_does_nothing(shell: Shell, hosts: Path) -> None:
    before = hosts.read_bytes()
    for share in (0.3, 0.6, 0.9, 0.99):
        shell.run(SCRIPT, "create", *place(hosts), ENTRY, share=share)
        assert hosts.read_bytes() == before


@pytest.fixture
def template(hosts: Path) -> Path:
    """Return a template of cloud-init, by which the hosts file was made."""
    file = hosts.parent / "cloud/templates/hosts.debian.tmpl"
    file.parent.mkdir(parents=True)
    head = f"# make changes to the master file in {file}\n"
    file.write_text(f"## template:jinja\n{head}127.0.1.1 {{{{fqdn}}}}\n")
    hosts.write_text(f"{head}127.0.1.1 client.test\n")
    return file


def test_the_entry_is_in_the_template_too_from_which_cloud_init_makes_the_file(
    shell: Shell, hosts: Path, template: Path
) -> None:
    before = {file: file.read_text() for file in (hosts, template)}
    done = shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert hosts.read_text() == LINE + before[hosts]
    first, second, *_ = template.read_text().splitlines(keepends=True)
    assert (first, second) == ("## template:jinja\n", LINE)
    hosts.write_text("127.0.0.1\tlocalhost\n")
    shell.run(SCRIPT, "delete", *place(hosts))
    assert template.read_text() == before[template], "also after cloud-init was told to leave the file"


def test_a_template_that_is_not_used_is_left(shell: Shell, hosts: Path, template: Path) -> None:
    before = template.read_text()
    hosts.write_text("127.0.0.1\tlocalhost\n")
    shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert template.read_text() == before


def test_what_cloud_init_is_going_to_take_away_is_said(shell: Shell, hosts: Path, template: Path) -> None:
    template.unlink()
    done = shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert f"cloud-init overwrites {hosts} at each boot" in done.stdout


def test_a_hosts_file_that_is_generated_is_said_to_be(shell: Shell, hosts: Path) -> None:
    hosts.write_text("# This file was automatically generated by WSL.\n127.0.0.1\tlocalhost\n")
    done = shell.run(SCRIPT, "create", *place(hosts), ENTRY)
    assert f"{hosts} is generated, as a comment in it says, and can lose the entry" in done.stdout
