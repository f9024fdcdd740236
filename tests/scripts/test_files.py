"""files.sh: what it places, what it takes away, and what it leaves alone."""

from pathlib import Path

import pytest

from tests.scripts.conftest import Shell

SCRIPT = Path("components/host_files/files.sh")
MARKER = "marker=private-registry project/stack"
ENTRY = "entry=10.0.0.2/registry.test"
OLD, NEW = {"ca.crt": "the authority\n"}, {"ca.crt": "the next authority\n"}


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "hosts").write_text("127.0.0.1\tlocalhost\n10.0.0.9\tother\n")
    return tmp_path


def place(host: Path) -> list[str]:
    return [f"directory={host}/certs.d/registry.test", "file=ca.crt:0644:12ab", f"hosts={host}/hosts", MARKER]


def test_create_places_the_file_and_the_entry(shell: Shell, host: Path) -> None:
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert done.returncode == 0, done.stderr
    file = host / "certs.d/registry.test/ca.crt"
    assert file.read_text() == OLD["ca.crt"]
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.parent.stat().st_mode & 0o777 == 0o755
    first, *rest = (host / "hosts").read_text().splitlines()
    assert first == "10.0.0.2\tregistry.test\t# private-registry project/stack"
    assert rest == ["127.0.0.1\tlocalhost", "10.0.0.9\tother"]
    assert sorted(entry.name for entry in file.parent.iterdir()) == [".private-registry", "ca.crt"]


def test_delete_leaves_everything_as_it_was(shell: Shell, host: Path) -> None:
    before = (host / "hosts").read_bytes()
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    done = shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert done.returncode == 0, done.stderr
    assert (host / "hosts").read_bytes() == before
    assert not (host / "certs.d").exists()


@pytest.mark.parametrize("folder", ["certs.d", "certs.d/registry.test"])
def test_a_folder_that_was_there_before_stays_even_if_it_is_empty(shell: Shell, host: Path, folder: str) -> None:
    (host / folder).mkdir(parents=True)
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert list((host / folder).iterdir()) == []


def test_the_last_of_two_registries_takes_the_folder_away(shell: Shell, host: Path) -> None:
    other = [f"directory={host}/certs.d/other.test", "file=ca.crt:0644:12ab"]
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    shell.run(SCRIPT, "create", *other, payload=OLD)
    shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert (host / "certs.d/other.test/ca.crt").exists()
    shell.run(SCRIPT, "delete", *other, payload=OLD)
    assert not (host / "certs.d").exists()


def test_an_entry_alone_makes_no_folder(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", f"directory={host}/certs.d/registry.test", f"hosts={host}/hosts", MARKER, ENTRY)
    assert not (host / "certs.d").exists()
    assert "registry.test" in (host / "hosts").read_text()


def test_a_hosts_file_without_a_last_line_break_comes_back_to_the_byte(shell: Shell, host: Path) -> None:
    (host / "hosts").write_bytes(b"127.0.0.1 localhost\n10.0.0.9 last")
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert (host / "hosts").read_bytes().endswith(b"10.0.0.9 last")
    shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert (host / "hosts").read_bytes() == b"127.0.0.1 localhost\n10.0.0.9 last"


def test_update_replaces_the_content_and_the_entry(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    done = shell.run(SCRIPT, "update", *place(host), "entry=10.0.0.3/registry.test", payload=NEW)
    assert done.returncode == 0, done.stderr
    assert (host / "certs.d/registry.test/ca.crt").read_text() == NEW["ca.crt"]
    hosts = (host / "hosts").read_text()
    assert "10.0.0.3\tregistry.test" in hosts
    assert "10.0.0.2" not in hosts


def test_an_update_without_an_entry_takes_ours_away(shell: Shell, host: Path) -> None:
    before = (host / "hosts").read_bytes()
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    shell.run(SCRIPT, "update", *place(host), payload=OLD)
    assert (host / "hosts").read_bytes() == before


def test_an_update_of_what_is_there_writes_nothing(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    files = [host / "certs.d/registry.test/ca.crt", host / "hosts"]
    inodes = [file.stat().st_ino for file in files]
    shell.run(SCRIPT, "update", *place(host), ENTRY, payload=OLD)
    assert [file.stat().st_ino for file in files] == inodes


def test_create_takes_over_what_matches_and_says_so(shell: Shell, host: Path) -> None:
    file = host / "certs.d/registry.test/ca.crt"
    file.parent.mkdir(parents=True)
    file.write_text(OLD["ca.crt"])
    done = shell.run(SCRIPT, "create", *place(host), payload=OLD)
    assert done.returncode == 0
    assert "is taken over" in done.stdout


def test_create_refuses_to_overwrite_somebody_elses_file(shell: Shell, host: Path) -> None:
    file = host / "certs.d/registry.test/ca.crt"
    file.parent.mkdir(parents=True)
    file.write_text("somebody else's\n")
    before = (host / "hosts").read_bytes()
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert done.returncode != 0
    assert f"{file} exists with other content" in done.stderr
    assert "was left as it is" in done.stderr
    assert file.read_text() == "somebody else's\n"
    assert (host / "hosts").read_bytes() == before


def test_delete_leaves_a_changed_file_and_a_strangers_file(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    folder = host / "certs.d/registry.test"
    (folder / "other.crt").write_text("somebody else's\n")
    (folder / "ca.crt").write_text("edited by hand\n")
    done = shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert done.returncode == 0
    assert "was left" in done.stdout
    assert {file.name for file in folder.iterdir()} == {".private-registry", "other.crt", "ca.crt"}


def test_a_failed_create_cleans_up_behind_it(shell: Shell, host: Path) -> None:
    # A folder in the place of the hosts file can't be written.
    (host / "hosts").unlink()
    (host / "hosts").mkdir()
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert done.returncode != 0
    assert [entry.name for entry in host.iterdir()] == ["hosts"]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.995])
def test_an_input_that_breaks_off_does_nothing(shell: Shell, host: Path, share: float) -> None:
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD, share=share)
    assert sorted(entry.name for entry in host.iterdir()) == ["hosts"]
    assert (host / "hosts").read_text().startswith("127.0.0.1")


@pytest.mark.parametrize("name", ["with space", "with'quote", "with$(touch pwned)", 'with"double', "with;semicolon"])
def test_odd_paths_are_one_word(shell: Shell, host: Path, name: str) -> None:
    done = shell.run(SCRIPT, "create", f"directory={host}/{name}/d", "file=ca.crt:0644:x", payload=OLD)
    assert done.returncode == 0, done.stderr
    assert (host / name / "d/ca.crt").read_text() == OLD["ca.crt"]


@pytest.mark.parametrize("content", ["$(id) `id` $HOME \\n\n", "'quotes\" and \\backslash\n", "\n\n", "ümläut\n"])
def test_content_arrives_to_the_byte(shell: Shell, host: Path, content: str) -> None:
    shell.run(SCRIPT, "create", *place(host), payload={"ca.crt": content})
    assert (host / "certs.d/registry.test/ca.crt").read_text() == content


def test_an_unknown_argument_is_refused(shell: Shell, host: Path) -> None:
    done = shell.run(SCRIPT, "create", *place(host), "colour=blue", payload=OLD)
    assert done.returncode != 0
    assert "unknown argument colour=blue" in done.stderr
    assert not (host / "certs.d").exists()


def test_check_prints_nothing_for_what_is_as_it_was_left(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    done = shell.run(SCRIPT, "check", *place(host), ENTRY, payload=OLD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_names_what_is_not_as_it_was_left_and_changes_nothing(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    file, hosts = host / "certs.d/registry.test/ca.crt", host / "hosts"
    entry = hosts.read_text()

    def checked() -> str:
        before = {path: path.stat() for path in host.rglob("*")}
        done = shell.run(SCRIPT, "check", *place(host), ENTRY, payload=OLD)
        assert (done.returncode, done.stderr) == (0, "")
        # Reading alone changes when a file was read.
        kept = ("st_ino", "st_mode", "st_mtime_ns", "st_size")
        after = {path: path.stat() for path in host.rglob("*")}
        assert [[getattr(stat, key) for key in kept] for stat in after.values()] == [
            [getattr(stat, key) for key in kept] for stat in before.values()
        ]
        return done.stdout

    file.write_text("edited\n")
    assert checked() == f"{file} has other content\n"
    file.write_text(OLD["ca.crt"])
    file.chmod(0o600)
    assert checked() == f"{file} has mode 600 instead of 0644\n"
    file.unlink()
    assert checked() == f"{file} is missing\n"
    hosts.write_text("127.0.0.1\tlocalhost\n")
    assert checked().splitlines()[1] == f"{hosts} has the entry '' instead of '10.0.0.2/registry.test'"
    hosts.write_text(entry.replace("10.0.0.2", "10.0.0.3"))
    assert "'10.0.0.3/registry.test' instead of '10.0.0.2/registry.test'" in checked()


def test_check_after_nothing_was_placed_tells_all_that_is_missing(shell: Shell, host: Path) -> None:
    done = shell.run(SCRIPT, "check", *place(host), ENTRY, payload=OLD)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert sorted(entry.name for entry in host.iterdir()) == ["hosts"]
