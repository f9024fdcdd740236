"""files.sh: what it places, what it takes away, and what it leaves alone."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from components.clients.runtime import HOSTS_FILE, KEEP_TRUST
from tests.scripts.conftest import Shell

SCRIPT = Path("components/hosts/files.sh")
MARKER = "marker=private-registry project/stack"
ENTRY = "entry=10.0.0.2/registry.test"
OLD, NEW = {"ca.crt": "the authority\n"}, {"ca.crt": "the next authority\n"}


@pytest.fixture
def shell(shell: Shell) -> Shell:
    return replace(shell, parts=(KEEP_TRUST, HOSTS_FILE))


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
    assert "the stack manages it from now on" in done.stdout


def test_create_refuses_to_overwrite_somebody_elses_file(shell: Shell, host: Path) -> None:
    file = host / "certs.d/registry.test/ca.crt"
    file.parent.mkdir(parents=True)
    file.write_text("somebody else's\n")
    before = (host / "hosts").read_bytes()
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert done.returncode != 0
    assert f"{file} exists with other content" in done.stderr
    assert "was not changed" in done.stderr
    assert file.read_text() == "somebody else's\n"
    assert (host / "hosts").read_bytes() == before


def test_delete_leaves_a_changed_file_and_a_strangers_file(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    folder = host / "certs.d/registry.test"
    (folder / "other.crt").write_text("somebody else's\n")
    (folder / "ca.crt").write_text("edited by hand\n")
    done = shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert done.returncode == 0
    assert "was not removed" in done.stdout
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


@pytest.mark.parametrize("word", ["colour=blue", "directory link=x", "a;id=x", "$(id)=x", "=x", "colour"])
def test_an_unknown_argument_is_refused(shell: Shell, host: Path, word: str) -> None:
    done = shell.run(SCRIPT, "create", *place(host), word, payload=OLD)
    assert done.returncode != 0
    assert f"unknown argument {word}\n" in done.stderr
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


LINE = "10.0.0.2\tregistry.test\t# private-registry project/stack\n"


def marked(stack: str) -> list[str]:
    return [ENTRY, f"marker=private-registry project/{stack}"]


@pytest.mark.parametrize(
    ("mine", "other"), [("prod.eu", "prod-eu"), ("a.b.c", "a-b-c"), ("eu", "prod-eu"), ("e.u", "eu")]
)
def test_the_line_of_a_stack_that_is_named_alike_stays(shell: Shell, host: Path, mine: str, other: str) -> None:
    others, hosts = f"10.0.0.9\tother.test\t# private-registry project/{other}\n", host / "hosts"
    hosts.write_text(others)
    for verb in ("create", "update", "delete"):
        shell.run(SCRIPT, verb, *place(host)[:3], *marked(mine), payload=OLD)
        assert others in hosts.read_text(), verb
        done = shell.run(SCRIPT, "check", *place(host)[:3], *marked(mine), payload=OLD)
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
def test_any_hosts_file_gets_the_entry_and_comes_back_to_the_byte(shell: Shell, host: Path, kind: str) -> None:
    hosts, text = host / "hosts", HOSTS_FILES[kind]
    hosts.unlink()
    if text is not None:
        hosts.write_text(text, encoding="latin-1", newline="")
    before = (text or "").encode("latin-1")
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert done.returncode == 0, done.stderr
    assert hosts.read_bytes() == LINE.encode() + before
    assert hosts.stat().st_mode & 0o777 == 0o644
    done = shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert done.returncode == 0, done.stderr
    assert hosts.read_bytes() == before


def test_our_line_is_known_after_an_editor_of_another_system(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    hosts = host / "hosts"
    hosts.write_bytes(hosts.read_bytes().replace(b"\n", b"\r\n"))
    assert shell.run(SCRIPT, "check", *place(host), ENTRY, payload=OLD).stdout == ""
    shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert b"private-registry" not in hosts.read_bytes()


def test_a_hosts_file_that_is_a_link_stays_one(shell: Shell, host: Path) -> None:
    hosts, target = host / "hosts", host / "elsewhere" / "hosts"
    target.parent.mkdir()
    hosts.rename(target)
    target.chmod(0o640)
    hosts.symlink_to("elsewhere/hosts")
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert done.returncode == 0, done.stderr
    assert hosts.readlink() == Path("elsewhere/hosts")
    assert target.read_text().startswith(LINE)
    assert target.stat().st_mode & 0o777 == 0o640


def mounted(shell: Shell, file: Path, *options: str) -> Shell:
    """Return a shell that finds a file mounted over itself."""
    mount = f"mount --bind '{file}' '{file}' && {''.join(options)} true && exec \"$@\""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return replace(shell, command=("/usr/bin/unshare", "--mount", *user, "/bin/sh", "-c", mount, "sh", *shell.command))


def test_a_hosts_file_that_is_a_mount_is_written_in_place(shell: Shell, host: Path) -> None:
    hosts, before = host / "hosts", (host / "hosts").read_bytes()
    inode = hosts.stat().st_ino
    there = mounted(shell, hosts)
    done = there.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert done.returncode == 0, done.stderr
    assert f"{hosts} is a mount, and was written in place" in done.stdout
    assert hosts.read_bytes() == LINE.encode() + before
    done = there.run(SCRIPT, "update", *place(host), ENTRY, payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), "what is there already is not written again"
    done = there.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert done.returncode == 0, done.stderr
    assert hosts.read_bytes() == before
    assert hosts.stat().st_ino == inode
    assert [entry.name for entry in host.iterdir()] == ["hosts"]


def test_a_hosts_file_that_can_not_be_written_is_named(shell: Shell, host: Path) -> None:
    hosts, before = host / "hosts", (host / "hosts").read_bytes()
    there = mounted(shell, hosts, f"mount -o remount,bind,ro '{hosts}' &&")
    done = there.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert done.returncode != 0
    assert f"the hosts entry can't be written to {hosts}: " in done.stderr
    assert "Read-only file system" in done.stderr
    assert hosts.read_bytes() == before
    assert [entry.name for entry in host.iterdir()] == ["hosts"], "no trust without a way to the registry"


@pytest.fixture
def template(host: Path) -> Path:
    """Return a template of cloud-init, by which the hosts file was made."""
    file = host / "cloud/templates/hosts.debian.tmpl"
    file.parent.mkdir(parents=True)
    head = f"# make changes to the master file in {file}\n"
    file.write_text(f"## template:jinja\n{head}127.0.1.1 {{{{fqdn}}}}\n")
    (host / "hosts").write_text(f"{head}127.0.1.1 client.test\n")
    return file


def test_the_entry_is_in_the_template_too_from_which_cloud_init_makes_the_file(
    shell: Shell, host: Path, template: Path
) -> None:
    before = {file: file.read_text() for file in (host / "hosts", template)}
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (host / "hosts").read_text() == LINE + before[host / "hosts"]
    first, second, *_ = template.read_text().splitlines(keepends=True)
    assert (first, second) == ("## template:jinja\n", LINE)
    shell.run(SCRIPT, "update", *place(host), payload=OLD)
    assert {file: file.read_text() for file in before} == before, "an update without an entry takes it away"
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    (host / "hosts").write_text("127.0.0.1\tlocalhost\n")
    shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert template.read_text() == before[template], "also after cloud-init was told to leave the file"


def test_a_template_that_is_not_used_is_left(shell: Shell, host: Path, template: Path) -> None:
    before = template.read_text()
    (host / "hosts").write_text("127.0.0.1\tlocalhost\n")
    shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert template.read_text() == before


def test_what_cloud_init_is_going_to_take_away_is_said(shell: Shell, host: Path, template: Path) -> None:
    template.unlink()
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert f"cloud-init overwrites {host}/hosts at each boot" in done.stdout


def test_a_hosts_file_that_is_generated_is_said_to_be(shell: Shell, host: Path) -> None:
    (host / "hosts").write_text("# This file was automatically generated by WSL.\n127.0.0.1\tlocalhost\n")
    done = shell.run(SCRIPT, "create", *place(host), ENTRY, payload=OLD)
    assert f"{host}/hosts is generated, as a comment in it says, and can lose the entry" in done.stdout


@pytest.fixture
def link(host: Path) -> Path:
    return host / "certs.d/registry.test:443"


def test_the_folder_has_the_name_with_the_port_too(shell: Shell, host: Path, link: Path) -> None:
    words = [*place(host), f"link={link}"]
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    assert shell.run(SCRIPT, "check", *words, payload=OLD).stdout == f"{link} is missing\n"
    for _ in range(2):
        done = shell.run(SCRIPT, "update", *words, payload=OLD)
        assert (done.returncode, done.stdout) == (0, ""), "an update gives it to a client of before"
        assert link.readlink() == Path("registry.test")
    assert (link / "ca.crt").read_text() == OLD["ca.crt"]
    assert shell.run(SCRIPT, "check", *words, payload=OLD).stdout == ""
    shell.run(SCRIPT, "delete", *words, payload=OLD)
    assert not (host / "certs.d").exists()


def test_what_somebody_else_has_under_that_name_stays(shell: Shell, host: Path, link: Path) -> None:
    link.mkdir(parents=True)
    (link / "ca.crt").write_text("by hand\n")
    words = [*place(host), f"link={link}"]
    done = shell.run(SCRIPT, "create", *words, payload=OLD)
    assert done.returncode == 0, done.stderr
    assert f"{link} existed and was not changed" in done.stdout
    assert shell.run(SCRIPT, "check", *words, payload=OLD).stdout == ""
    shell.run(SCRIPT, "delete", *words, payload=OLD)
    assert [file.read_text() for file in link.iterdir()] == ["by hand\n"]


def test_a_failed_create_leaves_no_link(shell: Shell, host: Path, link: Path) -> None:
    (host / "hosts").unlink()
    (host / "hosts").mkdir()
    done = shell.run(SCRIPT, "create", *place(host), f"link={link}", ENTRY, payload=OLD)
    assert done.returncode != 0
    assert [entry.name for entry in host.iterdir()] == ["hosts"]


ALIASES = "aliases=b.test,c.test:8443"
WITH_LINK = "link={}/certs.d/registry.test:443"
CLAIM = ".private-registry-names"


def folders(host: Path) -> dict[str, str]:
    """Return each folder with its certificate, or what a link leads to."""
    found = sorted((host / "certs.d").glob("[!.]*"))
    return {one.name: str(one.readlink()) if one.is_symlink() else (one / "ca.crt").read_text() for one in found}


def test_each_name_has_a_folder_with_its_link(shell: Shell, host: Path) -> None:
    before = (host / "hosts").read_bytes()
    words = [*place(host), WITH_LINK.format(host), "aliases=b.test,c.test"]
    done = shell.run(SCRIPT, "create", *words, f"{ENTRY} b.test c.test", payload=OLD)
    assert done.returncode == 0, done.stderr
    names = ("b.test", "c.test", "registry.test")
    assert folders(host) == {
        **dict.fromkeys(names, OLD["ca.crt"]),
        **{f"{name}:443": name for name in names},
    }
    assert (host / "hosts").read_text().startswith("10.0.0.2\tregistry.test b.test c.test\t# private-registry")
    done = shell.run(SCRIPT, "check", *words, f"{ENTRY} b.test c.test", payload=OLD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = shell.run(SCRIPT, "delete", *words, payload=OLD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (host / "hosts").read_bytes() == before
    assert not (host / "certs.d").exists()


def test_an_alias_comes_and_goes_by_an_update(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), WITH_LINK.format(host), payload=OLD)
    before = {path: path.read_bytes() for path in host.rglob("*") if path.is_file()}
    done = shell.run(SCRIPT, "update", *place(host), WITH_LINK.format(host), "aliases=b.test", payload=NEW)
    assert done.returncode == 0, done.stderr
    assert folders(host)["b.test"] == NEW["ca.crt"]
    # The one that goes has the authority of before.
    done = shell.run(SCRIPT, "update", *place(host), WITH_LINK.format(host), "aliases=c.test", payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert folders(host).keys() == {"registry.test", "registry.test:443", "c.test", "c.test:443"}
    done = shell.run(SCRIPT, "update", *place(host), WITH_LINK.format(host), payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert {path: path.read_bytes() for path in host.rglob("*") if path.is_file()} == before


def test_what_an_alias_had_that_was_changed_by_hand_stays(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), "aliases=b.test", payload=OLD)
    file = host / "certs.d/b.test/ca.crt"
    file.write_text("edited by hand\n")
    done = shell.run(SCRIPT, "update", *place(host), payload=OLD)
    assert done.stdout == f"{file} has content that this stack did not write, and was not removed\n"
    assert file.read_text() == "edited by hand\n"


@pytest.mark.parametrize("verb", ["create", "update"])
def test_what_somebody_else_has_for_an_alias_is_not_overwritten(shell: Shell, host: Path, verb: str) -> None:
    if verb == "update":
        shell.run(SCRIPT, "create", *place(host), payload=OLD)
    before = (host / "hosts").read_bytes()
    file = host / "certs.d/b.test/ca.crt"
    file.parent.mkdir(parents=True)
    file.write_text("somebody else's\n")
    done = shell.run(SCRIPT, verb, *place(host), "aliases=b.test", ENTRY, payload=OLD)
    assert f"{file} exists with other content" in done.stderr
    assert file.read_text() == "somebody else's\n"
    assert (host / "hosts").read_bytes() == before
    assert (host / "certs.d/registry.test").exists() == (verb == "update")


@pytest.mark.parametrize("domain", ["other.test", "registry.test"])
def test_another_stacks_alias_is_none_of_ours(shell: Shell, host: Path, domain: str) -> None:
    other = [f"directory={host}/certs.d/{domain}", "file=ca.crt:0644:12ab", *marked("other")[1:]]
    shell.run(SCRIPT, "create", *other, "aliases=b.test", f"hosts={host}/hosts", payload=OLD)
    shell.run(SCRIPT, "create", *place(host), "aliases=c.test:8443", payload=OLD)
    shell.run(SCRIPT, "update", *place(host), payload=OLD)
    assert folders(host).keys() == {"registry.test", domain, "b.test"}


def moved(host: Path, domain: str, *aliases: str) -> list[str]:
    return [
        f"directory={host}/certs.d/{domain}",
        "file=ca.crt:0644:12ab",
        f"hosts={host}/hosts",
        MARKER,
        *([f"aliases={','.join(aliases)}"] if aliases else []),
    ]


MOVES: list[tuple[list[str], list[str]]] = [
    (["a.test", "b.test"], ["b.test", "a.test"]),
    (["a.test"], ["b.test", "a.test"]),
    (["a.test", "b.test"], ["b.test", "c.test"]),
    (["a.test", "b.test"], ["c.test", "d.test"]),
    (["a.test"], ["c.test", "d.test"]),
]


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_what_takes_over_a_name_is_left_by_what_had_it(
    shell: Shell, host: Path, old: list[str], new: list[str]
) -> None:
    """The engine makes the new one first."""
    before = (host / "hosts").read_bytes()
    for names in (old, new):
        done = shell.run(
            SCRIPT, "create", *moved(host, *names), f"entry=10.0.0.2/{' '.join(names)}", "registry=r", payload=OLD
        )
        assert done.returncode == 0, done.stderr
    assert folders(host).keys() == {*old, *new}, "no name is missing in between"
    done = shell.run(SCRIPT, "delete", *moved(host, *old), payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert folders(host).keys() == {*new}
    assert (host / "hosts").read_text().startswith(f"10.0.0.2\t{' '.join(new)}\t#")
    done = shell.run(SCRIPT, "check", *moved(host, *new), f"entry=10.0.0.2/{' '.join(new)}", payload=OLD)
    assert (done.returncode, done.stdout) == (0, "")
    shell.run(SCRIPT, "delete", *moved(host, *new), payload=OLD)
    assert not (host / "certs.d").exists()
    assert (host / "hosts").read_bytes() == before


def test_files_that_come_to_an_entry_alone_keep_it(shell: Shell, host: Path) -> None:
    """The issuer was a public one: another set of files is another placement too."""
    alone = [f"directory={host}/certs.d/a.test", f"hosts={host}/hosts", MARKER]
    shell.run(SCRIPT, "create", *alone, "entry=10.0.0.2/a.test b.test", payload=OLD)
    shell.run(SCRIPT, "create", *moved(host, "a.test", "b.test"), "entry=10.0.0.2/a.test b.test", payload=OLD)
    shell.run(SCRIPT, "delete", *alone, payload=OLD)
    assert folders(host).keys() == {"a.test", "b.test"}
    assert "a.test b.test" in (host / "hosts").read_text()


def test_check_looks_at_the_folder_of_each_name(shell: Shell, host: Path) -> None:
    words = [*place(host), ALIASES]
    shell.run(SCRIPT, "create", *words, f"{ENTRY} b.test", payload=OLD)
    folder = host / "certs.d/b.test"
    (folder / "ca.crt").write_text("edited\n")
    (host / "certs.d/c.test:8443" / CLAIM).unlink()
    (host / "hosts").write_text((host / "hosts").read_text().replace(" b.test", ""))
    done = shell.run(SCRIPT, "check", *words, f"{ENTRY} b.test", payload=OLD)
    assert done.stdout.splitlines() == [
        f"{folder}/ca.crt has other content",
        f"{host}/certs.d/c.test:8443/{CLAIM} is missing",
        f"{host}/hosts has the entry '10.0.0.2/registry.test' instead of '10.0.0.2/registry.test b.test'",
    ]
    done = shell.run(SCRIPT, "check", *place(host), "aliases=c.test:8443", ENTRY, payload=OLD)
    assert f"{folder} still exists, and should have been removed" in done.stdout
    # As `drift` repairs it.
    shell.run(SCRIPT, "update", *words, f"{ENTRY} b.test", payload=OLD)
    done = shell.run(SCRIPT, "check", *words, f"{ENTRY} b.test", payload=OLD)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_failed_create_takes_the_folders_of_all_names_away(shell: Shell, host: Path) -> None:
    (host / "hosts").unlink()
    (host / "hosts").mkdir()
    done = shell.run(SCRIPT, "create", *place(host), WITH_LINK.format(host), ALIASES, ENTRY, payload=OLD)
    assert done.returncode != 0
    assert [entry.name for entry in host.iterdir()] == ["hosts"]


@pytest.mark.parametrize("address", ["[fd00::2]", "[fd00::2]:8443"])
def test_an_alias_may_be_an_address(shell: Shell, host: Path, address: str) -> None:
    shell.run(SCRIPT, "create", *place(host), f"aliases={address},b.test", payload=OLD)
    assert folders(host).keys() == {"registry.test", "b.test", address}
    shell.run(SCRIPT, "update", *moved(host, "registry.test", "b.test"), payload=OLD)
    assert folders(host).keys() == {"registry.test", "b.test"}
