"""releases.sh: a bundle changes as a whole or not at all. Its check by nginx is tested with the real one, in e2e."""

import fcntl
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.scripts.conftest import Shell

SCRIPT = Path("components/hosts/releases.sh")
OWNER = f"owner={os.getuid()}:{os.getgid()}"


def bundle(content: str) -> dict[str, str]:
    return {"server.crt": f"certificate {content}\n", "server.key": f"key {content}\n"}


def place(directory: Path, release: str) -> list[str]:
    return [f"directory={directory}", OWNER, f"release={release}", "file=server.crt:0644:1", "file=server.key:0600:2"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "all/stack/proxy/tls"


def test_create_makes_the_release_live(shell: Shell, directory: Path) -> None:
    done = shell.run(SCRIPT, "create", *place(directory, "a"), payload=bundle("a"))
    assert done.returncode == 0, done.stderr
    assert (directory / "current").readlink() == Path("releases/a")
    key = directory / "current/server.key"
    assert key.read_text() == "key a\n"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "releases/a").stat().st_mode) == 0o700


def test_an_update_keeps_the_release_before_it_and_no_older_one(shell: Shell, directory: Path) -> None:
    for release in "abc":
        done = shell.run(SCRIPT, "update", *place(directory, release), payload=bundle(release))
        assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (directory / "releases").iterdir()) == ["b", "c"]
    assert (directory / "current/server.crt").read_text() == "certificate c\n"
    assert sorted(path.name for path in directory.iterdir()) == ["current", "releases"]


def test_updates_at_the_same_time_take_turns(shell: Shell, directory: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = [
            pool.submit(shell.run, SCRIPT, "update", *place(directory, release), payload=bundle(release * 20_000))
            for release in "abcdefgh"
        ]
        while not all(run.done() for run in runs):
            live = (directory / "current").resolve()
            # Two updates later a release is gone, also under the reader's hands.
            with suppress(FileNotFoundError):
                texts = [(live / name).read_text() for name in ("server.crt", "server.key")]
                assert len({text.split()[1] for text in texts}) == 1, "never another's key"
    assert [run.result().stderr for run in runs] == [""] * 8
    assert len(list((directory / "releases").iterdir())) <= 2


def test_an_update_waits_as_long_as_another_is_at_work(shell: Shell, directory: Path) -> None:
    shell.run(SCRIPT, "create", *place(directory, "a"), payload=bundle("a"))
    other = os.open(directory, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(shell.run, SCRIPT, "update", *place(directory, "b"), payload=bundle("b"))
        try:
            time.sleep(1.5)
            assert not run.done()
            assert (directory / "current/server.crt").read_text() == "certificate a\n"
        finally:
            os.close(other)
        assert run.result().stderr == ""
    assert (directory / "current/server.crt").read_text() == "certificate b\n"


def test_the_rest_of_a_killed_update_is_replaced(shell: Shell, directory: Path) -> None:
    shell.run(SCRIPT, "create", *place(directory, "a"), payload=bundle("a"))
    half = directory / "releases/b"
    half.mkdir()
    (half / "server.crt").write_text("half")
    done = shell.run(SCRIPT, "update", *place(directory, "b"), payload=bundle("b"))
    assert done.returncode == 0, done.stderr
    assert (directory / "current/server.crt").read_text() == "certificate b\n"
    assert (directory / "current/server.key").read_text() == "key b\n"


def test_the_same_release_again_touches_no_file(shell: Shell, directory: Path) -> None:
    shell.run(SCRIPT, "create", *place(directory, "a"), payload=bundle("a"))
    inode = (directory / "releases/a/server.key").stat().st_ino
    shell.run(SCRIPT, "update", *place(directory, "a"), payload=bundle("a"))
    assert (directory / "releases/a/server.key").stat().st_ino == inode


def test_a_release_that_can_not_be_checked_is_not_made_live(shell: Shell, directory: Path) -> None:
    for other in ("users", "site"):
        shell.run(SCRIPT, "create", f"directory={directory.parent / other}", OWNER, "release=a", payload={})
    # There is no image of this name anywhere, or no Docker: either way nobody has said that nginx accepts the release.
    image = ["program=nginx", f"image=sha256:{'0' * 64}", "network=none", "container=nobody"]
    parts = [Path("components/proxy/nginx.sh")]
    done = shell.run(SCRIPT, "create", *place(directory, "a"), *image, payload=bundle("a"), parts=parts)
    assert done.returncode != 0
    assert "the old one keeps serving" in done.stderr
    assert not directory.exists()


def test_delete_takes_the_bundle_and_the_empty_folders_above(shell: Shell, directory: Path) -> None:
    shell.run(SCRIPT, "create", *place(directory, "a"), payload=bundle("a"))
    done = shell.run(SCRIPT, "delete", f"directory={directory}")
    assert done.returncode == 0, done.stderr
    assert not directory.parents[1].exists()
    assert directory.parents[2].exists(), "the folder above the stack's may be anybody's"


def test_delete_leaves_another_stacks_folder(shell: Shell, directory: Path) -> None:
    shell.run(SCRIPT, "create", *place(directory, "a"), payload=bundle("a"))
    other = directory.parents[2] / "other"
    other.mkdir()
    shell.run(SCRIPT, "delete", f"directory={directory}")
    assert [path.name for path in directory.parents[2].iterdir()] == ["other"]


def test_check_names_what_is_not_as_it_was_left_and_changes_nothing(shell: Shell, directory: Path) -> None:
    shell.run(SCRIPT, "create", *place(directory, "a"), payload=bundle("a"))

    def checked() -> list[str]:
        before = sorted((path, path.lstat().st_mtime_ns) for path in directory.rglob("*"))
        done = shell.run(SCRIPT, "check", *place(directory, "a"), payload=bundle("a"))
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted((path, path.lstat().st_mtime_ns) for path in directory.rglob("*")) == before
        return done.stdout.splitlines()

    certificate, key = directory / "current/server.crt", directory / "current/server.key"
    assert checked() == []
    certificate.write_text("another certificate\n")
    key.chmod(0o644)
    assert checked() == [f"{certificate} has other content", f"{key} has mode 644 instead of 0600"]
    key.unlink()
    assert f"{key} is missing" in checked()
    shell.run(SCRIPT, "update", *place(directory, "b"), payload=bundle("b"))
    assert checked() == [f"{certificate} has other content", f"{key} has other content"]
    (directory / "current").unlink()
    assert checked() == [f"{certificate} is missing", f"{key} is missing"]
