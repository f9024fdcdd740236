"""files.sh: what it places in folders, what it takes away, and what it leaves alone."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from components.clients.runtime import KEEP_TRUST
from tests.scripts.conftest import Shell

SCRIPT = Path("components/hosts/files.sh")
MARKER = "private-registry project/stack (client)"
HEADER = "# whose it is\n"
OLD, NEW = {"ca.crt": f"{HEADER}the authority\n"}, {"ca.crt": f"{HEADER}the next authority\n"}
BARE = OLD["ca.crt"].removeprefix(HEADER)
"""As versions before placed it."""
CLAIM = ".private-registry-names"


@pytest.fixture
def shell(shell: Shell) -> Shell:
    return replace(shell, parts=(KEEP_TRUST,))


@pytest.fixture
def host(tmp_path: Path) -> Path:
    return tmp_path


def place(host: Path, domain: str = "registry.test", *aliases: str, marker: str = MARKER) -> list[str]:
    more = [f"aliases={','.join(aliases)}"] if aliases else []
    return [f"directory={host}/certs.d/{domain}", "file=ca.crt:0644:12ab", f"marker={marker}", *more]


def claim(authorities: str, domain: str = "registry.test", marker: str = MARKER) -> str:
    """Return what says of a folder whose it is, and by what."""
    return f"{marker} as {domain}\n{sha256(authorities.encode()).hexdigest()}\n"


def target(link: Path) -> str:
    """Return what a link says; a path would lose its dot."""
    return os.readlink(link)  # noqa: PTH115


def folder_with(host: Path, text: str, domain: str = "registry.test") -> Path:
    """Put a file of authorities into a folder; return it."""
    file = host / f"certs.d/{domain}/ca.crt"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_create_places_the_file_and_says_whose_it_is(shell: Shell, host: Path) -> None:
    done = shell.run(SCRIPT, "create", *place(host), payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    file = host / "certs.d/registry.test/ca.crt"
    assert file.read_text() == OLD["ca.crt"]
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.parent.stat().st_mode & 0o777 == 0o755
    assert sorted(entry.name for entry in file.parent.iterdir()) == [".private-registry", CLAIM, "ca.crt"]
    assert (file.parent / CLAIM).read_text() == claim(OLD["ca.crt"])


def test_delete_leaves_everything_as_it_was(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    done = shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert done.returncode == 0, done.stderr
    assert list(host.iterdir()) == []


@pytest.mark.parametrize("folder", ["certs.d", "certs.d/registry.test"])
def test_a_folder_that_was_there_before_stays_even_if_it_is_empty(shell: Shell, host: Path, folder: str) -> None:
    (host / folder).mkdir(parents=True)
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert list((host / folder).iterdir()) == []


def test_the_last_of_two_registries_takes_the_folder_away(shell: Shell, host: Path) -> None:
    other = place(host, "other.test")
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    shell.run(SCRIPT, "create", *other, payload=OLD)
    shell.run(SCRIPT, "delete", *place(host), payload=OLD)
    assert (host / "certs.d/other.test/ca.crt").exists()
    shell.run(SCRIPT, "delete", *other, payload=OLD)
    assert not (host / "certs.d").exists()


def test_update_replaces_the_content(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    done = shell.run(SCRIPT, "update", *place(host), payload=NEW)
    assert done.returncode == 0, done.stderr
    folder = host / "certs.d/registry.test"
    assert (folder / "ca.crt").read_text() == NEW["ca.crt"]
    assert (folder / CLAIM).read_text() == claim(NEW["ca.crt"])


def test_an_update_of_what_is_there_writes_nothing(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    files = [host / "certs.d/registry.test/ca.crt", host / "certs.d/registry.test" / CLAIM]
    inodes = [file.stat().st_ino for file in files]
    shell.run(SCRIPT, "update", *place(host), payload=OLD)
    assert [file.stat().st_ino for file in files] == inodes


def test_create_takes_over_what_matches_and_says_so(shell: Shell, host: Path) -> None:
    file = folder_with(host, BARE)
    done = shell.run(SCRIPT, "create", *place(host), payload=OLD)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{file} existed with this content; the stack manages it from now on\n"
    assert file.read_text() == OLD["ca.crt"], "with the line that says whose it is"
    # As after an update that broke off: it says that it is ours.
    done = shell.run(SCRIPT, "create", *place(host), payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("there", ["somebody else's\n", f"{BARE}and another\n", f"# theirs\n{BARE}"])
def test_create_refuses_to_overwrite_somebody_elses_file(shell: Shell, host: Path, there: str) -> None:
    file = folder_with(host, there)
    done = shell.run(SCRIPT, "create", *place(host), payload=OLD)
    assert done.returncode != 0
    assert f"{file} exists with other content" in done.stderr
    assert "was not changed" in done.stderr
    assert file.read_text() == there
    assert [path.name for path in file.parent.iterdir()] == ["ca.crt"]


@pytest.mark.parametrize("before", ["private-registry project/stack", "private-registry other/stack (client)"])
def test_a_folder_with_anothers_claim_is_left_by_that_one(shell: Shell, host: Path, before: str) -> None:
    """As another stack has placed it, or a version before."""
    theirs, ours = place(host, "registry.test", "b.test", marker=before), place(host, "registry.test", "b.test")
    shell.run(SCRIPT, "create", *theirs, payload=OLD)
    done = shell.run(SCRIPT, "create", *ours, payload=OLD)
    assert done.returncode == 0, done.stderr
    there = {path: path.read_bytes() for path in host.rglob("*") if path.is_file()}
    assert there[host / "certs.d/registry.test" / CLAIM].decode() == claim(OLD["ca.crt"])
    done = shell.run(SCRIPT, "delete", *theirs, payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert {path: path.read_bytes() for path in host.rglob("*") if path.is_file()} == there
    shell.run(SCRIPT, "delete", *ours, payload=OLD)
    assert not (host / "certs.d").exists()


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
    # A file in the place of a folder: what comes before it is placed by then.
    (host / "certs.d").mkdir()
    (host / "certs.d/c.test").touch()
    words = [*place(host, "registry.test", "b.test", "c.test"), WITH_LINK.format(host)]
    done = shell.run(SCRIPT, "create", *words, payload=OLD)
    assert done.returncode != 0
    assert [path.name for path in host.rglob("*")] == ["certs.d", "c.test"]
    # What was there before is in use.
    file = folder_with(host, BARE)
    done = shell.run(SCRIPT, "create", *words, payload=OLD)
    assert done.returncode != 0
    assert file.read_text() == OLD["ca.crt"]
    assert sorted(path.name for path in (host / "certs.d").rglob("*")) == ["c.test", "ca.crt", "registry.test"]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.995])
def test_an_input_that_breaks_off_does_nothing(shell: Shell, host: Path, share: float) -> None:
    shell.run(SCRIPT, "create", *place(host), payload=OLD, share=share)
    assert list(host.iterdir()) == []


@pytest.mark.parametrize("name", ["with space", "with'quote", "with$(touch pwned)", 'with"double', "with;semicolon"])
def test_odd_paths_are_one_word(shell: Shell, host: Path, name: str) -> None:
    done = shell.run(SCRIPT, "create", f"directory={host}/{name}/d", "file=ca.crt:0644:x", payload=OLD)
    assert done.returncode == 0, done.stderr
    assert (host / name / "d/ca.crt").read_text() == OLD["ca.crt"]


@pytest.mark.parametrize("content", ["$(id) `id` $HOME \\n\n", "'quotes\" and \\backslash\n", "\n\n", "ümläut\n"])
def test_content_arrives_to_the_byte(shell: Shell, host: Path, content: str) -> None:
    shell.run(SCRIPT, "create", *place(host), payload={"ca.crt": content})
    assert (host / "certs.d/registry.test/ca.crt").read_text() == content


@pytest.mark.parametrize("word", ["colour=blue", "directory link=x", "a;id=x", "$(id)=x", "=x", "colour", "hosts=x"])
def test_an_unknown_argument_is_refused(shell: Shell, host: Path, word: str) -> None:
    done = shell.run(SCRIPT, "create", *place(host), word, payload=OLD)
    assert done.returncode != 0
    assert f"unknown argument {word}\n" in done.stderr
    assert not (host / "certs.d").exists()


def test_check_names_what_is_not_as_it_was_left_and_changes_nothing(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), payload=OLD)
    file = host / "certs.d/registry.test/ca.crt"

    def checked() -> str:
        before = {path: path.stat() for path in host.rglob("*")}
        done = shell.run(SCRIPT, "check", *place(host), payload=OLD)
        assert (done.returncode, done.stderr) == (0, "")
        # Reading alone changes when a file was read.
        kept = ("st_ino", "st_mode", "st_mtime_ns", "st_size")
        after = {path: path.stat() for path in host.rglob("*")}
        assert [[getattr(stat, key) for key in kept] for stat in after.values()] == [
            [getattr(stat, key) for key in kept] for stat in before.values()
        ]
        return done.stdout

    assert checked() == "", "it is as it was left"
    file.write_text(BARE)
    assert checked() == f"{file} has other content\n"
    file.write_text(OLD["ca.crt"])
    file.chmod(0o600)
    assert checked() == f"{file} has mode 600 instead of 0644\n"
    file.unlink()
    assert checked() == f"{file} is missing\n"


def test_check_after_nothing_was_placed_tells_all_that_is_missing(shell: Shell, host: Path) -> None:
    done = shell.run(SCRIPT, "check", *place(host), payload=OLD)
    assert done.returncode == 0
    folder = host / "certs.d/registry.test"
    assert done.stdout.splitlines() == [f"{folder}/ca.crt is missing", f"{folder}/{CLAIM} is missing"]
    assert list(host.iterdir()) == []


WITH_LINK = "link={}/certs.d/registry.test:443"


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
        assert target(link) == "./registry.test"
    assert (link / "ca.crt").read_text() == OLD["ca.crt"]
    assert shell.run(SCRIPT, "check", *words, payload=OLD).stdout == ""
    shell.run(SCRIPT, "delete", *words, payload=OLD)
    assert not (host / "certs.d").exists()


def test_a_link_of_before_becomes_one_that_before_does_not_take_away(shell: Shell, host: Path, link: Path) -> None:
    folder_with(host, BARE)
    link.symlink_to("registry.test")
    done = shell.run(SCRIPT, "create", *place(host), f"link={link}", payload=OLD)
    assert done.returncode == 0, done.stderr
    assert str(link) not in done.stdout
    assert target(link) == "./registry.test"
    assert (link / "ca.crt").read_text() == OLD["ca.crt"]


def test_what_somebody_else_has_under_that_name_stays(shell: Shell, host: Path, link: Path) -> None:
    folder_with(host, "by hand\n", link.name)
    words = [*place(host), f"link={link}"]
    done = shell.run(SCRIPT, "create", *words, payload=OLD)
    assert done.returncode == 0, done.stderr
    assert f"{link} existed and was not changed" in done.stdout
    assert shell.run(SCRIPT, "check", *words, payload=OLD).stdout == ""
    shell.run(SCRIPT, "delete", *words, payload=OLD)
    assert [file.read_text() for file in link.iterdir()] == ["by hand\n"]


def test_a_link_of_somebody_else_stays(shell: Shell, host: Path, link: Path) -> None:
    link.parent.mkdir()
    link.symlink_to("elsewhere")
    words = [*place(host), f"link={link}"]
    done = shell.run(SCRIPT, "create", *words, payload=OLD)
    assert f"{link} existed and was not changed" in done.stdout
    shell.run(SCRIPT, "delete", *words, payload=OLD)
    assert [path.name for path in link.parent.iterdir()] == [link.name]
    assert target(link) == "elsewhere"


def folders(host: Path) -> dict[str, str]:
    """Return each folder with its certificate, or what a link leads to."""
    found = sorted((host / "certs.d").glob("[!.]*"))
    return {one.name: target(one) if one.is_symlink() else (one / "ca.crt").read_text() for one in found}


def test_each_name_has_a_folder_with_its_link(shell: Shell, host: Path) -> None:
    words = [*place(host, "registry.test", "b.test", "c.test"), WITH_LINK.format(host)]
    done = shell.run(SCRIPT, "create", *words, payload=OLD)
    assert done.returncode == 0, done.stderr
    names = ("b.test", "c.test", "registry.test")
    assert folders(host) == {
        **dict.fromkeys(names, OLD["ca.crt"]),
        **{f"{name}:443": f"./{name}" for name in names},
    }
    done = shell.run(SCRIPT, "check", *words, payload=OLD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = shell.run(SCRIPT, "delete", *words, payload=OLD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (host / "certs.d").exists()


def test_an_alias_comes_and_goes_by_an_update(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host), WITH_LINK.format(host), payload=OLD)
    before = {path: path.read_bytes() for path in host.rglob("*") if path.is_file()}
    done = shell.run(SCRIPT, "update", *place(host, "registry.test", "b.test"), WITH_LINK.format(host), payload=NEW)
    assert done.returncode == 0, done.stderr
    assert folders(host)["b.test"] == NEW["ca.crt"]
    # The one that goes has the authority of before.
    done = shell.run(SCRIPT, "update", *place(host, "registry.test", "c.test"), WITH_LINK.format(host), payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert folders(host).keys() == {"registry.test", "registry.test:443", "c.test", "c.test:443"}
    done = shell.run(SCRIPT, "update", *place(host), WITH_LINK.format(host), payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert {path: path.read_bytes() for path in host.rglob("*") if path.is_file()} == before


def test_what_an_alias_had_that_was_changed_by_hand_stays(shell: Shell, host: Path) -> None:
    shell.run(SCRIPT, "create", *place(host, "registry.test", "b.test"), payload=OLD)
    file = host / "certs.d/b.test/ca.crt"
    file.write_text("edited by hand\n")
    done = shell.run(SCRIPT, "update", *place(host), payload=OLD)
    assert done.stdout == f"{file} has content that this stack did not write, and was not removed\n"
    assert file.read_text() == "edited by hand\n"


@pytest.mark.parametrize("verb", ["create", "update"])
def test_what_somebody_else_has_for_an_alias_is_not_overwritten(shell: Shell, host: Path, verb: str) -> None:
    if verb == "update":
        shell.run(SCRIPT, "create", *place(host), payload=OLD)
    file = folder_with(host, "somebody else's\n", "b.test")
    done = shell.run(SCRIPT, verb, *place(host, "registry.test", "b.test"), payload=OLD)
    assert f"{file} exists with other content" in done.stderr
    assert file.read_text() == "somebody else's\n"
    assert (host / "certs.d/registry.test").exists() == (verb == "update")


@pytest.mark.parametrize("domain", ["other.test", "registry.test"])
def test_another_stacks_alias_is_none_of_ours(shell: Shell, host: Path, domain: str) -> None:
    other = place(host, domain, "b.test", marker="private-registry project/other (client)")
    shell.run(SCRIPT, "create", *other, payload=OLD)
    shell.run(SCRIPT, "create", *place(host, "registry.test", "c.test:8443"), payload=OLD)
    shell.run(SCRIPT, "update", *place(host), payload=OLD)
    assert folders(host).keys() == {"registry.test", domain, "b.test"}


MOVES: list[tuple[list[str], list[str]]] = [
    (["a.test", "b.test"], ["b.test", "a.test"]),
    (["a.test"], ["b.test", "a.test"]),
    (["a.test", "b.test"], ["b.test", "c.test"]),
    (["a.test", "b.test"], ["b.test"]),
    (["a.test", "b.test"], ["c.test", "d.test"]),
    (["a.test"], ["c.test", "d.test"]),
]


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_what_takes_over_a_name_is_left_by_what_had_it(
    shell: Shell, host: Path, old: list[str], new: list[str]
) -> None:
    """The new one is placed first."""
    for names in (old, new):
        done = shell.run(SCRIPT, "create", *place(host, *names), "registry=r", payload=OLD)
        assert done.returncode == 0, done.stderr
    assert folders(host).keys() == {*old, *new}, "no name is missing in between"
    done = shell.run(SCRIPT, "delete", *place(host, *old), payload=OLD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert folders(host).keys() == {*new}
    done = shell.run(SCRIPT, "check", *place(host, *new), payload=OLD)
    assert (done.returncode, done.stdout) == (0, "")
    shell.run(SCRIPT, "delete", *place(host, *new), payload=OLD)
    assert not (host / "certs.d").exists()


def test_check_looks_at_the_folder_of_each_name(shell: Shell, host: Path) -> None:
    words = place(host, "registry.test", "b.test", "c.test:8443")
    shell.run(SCRIPT, "create", *words, payload=OLD)
    folder = host / "certs.d/b.test"
    (folder / "ca.crt").write_text("edited\n")
    (host / "certs.d/c.test:8443" / CLAIM).unlink()
    done = shell.run(SCRIPT, "check", *words, payload=OLD)
    assert done.stdout.splitlines() == [
        f"{folder}/ca.crt has other content",
        f"{host}/certs.d/c.test:8443/{CLAIM} is missing",
    ]
    done = shell.run(SCRIPT, "check", *place(host, "registry.test", "c.test:8443"), payload=OLD)
    assert f"{folder} still exists, and should have been removed" in done.stdout
    # As `drift` repairs it.
    shell.run(SCRIPT, "update", *words, payload=OLD)
    done = shell.run(SCRIPT, "check", *words, payload=OLD)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("address", ["[fd00::2]", "[fd00::2]:8443"])
def test_an_alias_may_be_an_address(shell: Shell, host: Path, address: str) -> None:
    shell.run(SCRIPT, "create", *place(host, "registry.test", address, "b.test"), payload=OLD)
    assert folders(host).keys() == {"registry.test", "b.test", address}
    shell.run(SCRIPT, "update", *place(host, "registry.test", "b.test"), payload=OLD)
    assert folders(host).keys() == {"registry.test", "b.test"}
