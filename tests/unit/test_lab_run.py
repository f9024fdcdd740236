"""A long part of the lab shows that it moves, on a terminal and in a pipe, and nothing waits for ever."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import cache
from lab.places import PROJECT
from lab.run import LabError, last_line, run

PROGRAM = """
import sys
from lab import run as lab
lab.FRAME_SECONDS = lab.LINE_SECONDS = 0.05
with lab.step("all of it"), lab.step("  part", "building, about a minute") as chosen:
    script = 'echo compiling one of a hundred packages >&2; until [ -e "$0" ]; do sleep 0.05; done'
    lab.run(["sh", "-c", script, sys.argv[1]], tell=lab.last_line, timeout=60)
    chosen.append("built")
"""
DONE = r"    part: built \(\d+\.\d s\)\n  all of it: ready \(\d+\.\d s\)\n"


def until_seen(read: Callable[[], str], text: str, then: Path) -> str:
    """Read until a text comes, make the file that the program waits for, and read the rest."""
    printed = ""
    while text not in printed:
        chunk = read()
        assert chunk, f"it ended and has not said {text!r}: {printed!r}"
        printed += chunk
    then.touch()
    while chunk := read():
        printed += chunk
    return printed


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "go-on"


def test_a_pipe_gets_plain_lines(gate: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(gate)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        printed = until_seen(process.stdout.readline, "): compiling one of a hundred", gate)
    lines = re.sub(DONE, "", printed).splitlines()
    # On a machine with much to do the whole may say that it works before its part begins.
    first, *moving = [line for line in lines if not re.fullmatch(r"  all of it \(\d+ s\): working", line)]
    assert first == "    part: building, about a minute"
    assert moving
    assert all(
        re.fullmatch(r"    part \(\d+ s\): (working|compiling one of a hundred packages)", line) for line in moving
    )
    assert re.search(f"{DONE}$", printed)


def test_a_terminal_gets_one_line_that_is_rewritten(gate: Path) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    command = [sys.executable, "-c", PROGRAM, str(gate)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"}
    ):
        os.close(slave)

        def read() -> str:
            try:
                return os.read(master, 4096).decode()
            except OSError:  # as Linux says that nobody has the other end any more
                return ""

        printed = until_seen(read, "): compiling one", gate).replace("\r\n", "\n")
    os.close(master)
    first, *rest = printed.split("\r\x1b[K")
    assert first == ""
    moving = [text for text in rest if "\n" not in text and text]
    assert moving
    assert all(re.match(r"(    part|  all of it) \(\d+ s\): ", text) for text in moving)
    assert all(len(text) < 40 for text in moving), "no wider than it is"
    assert re.fullmatch(f"    part: building, about a minute\n{DONE}", "".join(t for t in rest if t not in moving))


def test_a_program_that_takes_too_long_ends_with_all_that_it_started() -> None:
    started: list[str] = []
    with pytest.raises(LabError, match=r"sh -c .* did not end within 1 s\n.*network") as failure:
        run(["sh", "-c", "sleep 1000 & echo $!; wait"], timeout=1, tell=started.append)
    assert "is kept" in str(failure.value)
    # A program that was told to end is still there while the kernel takes it away.
    ended = time.monotonic() + 10
    while runs(started[0]):
        assert time.monotonic() < ended, "it runs on"
        time.sleep(0.01)


def runs(process: str) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_followed_program_printed_is_in_the_error_and_in_the_result(tmp_path: Path) -> None:
    assert run(["sh", "-c", "echo moving >&2; echo result"], tell=last_line) == "result"
    with pytest.raises(LabError, match="ended with 3:\nout\nno mirror"):
        run(["sh", "-c", "echo out; echo no mirror >&2; exit 3"], tell=last_line)
    with (tmp_path / "file").open("wb") as file:
        run(["echo", "text"], stdout=file, tell=last_line)
    assert (tmp_path / "file").read_text() == "text\n"


@pytest.fixture
def somebody_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Another run of the lab builds something; call it to let that end."""
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(lock, fcntl.LOCK_UN)


@pytest.mark.usefixtures("somebody_builds")
def test_what_is_built_does_not_wait_for_what_another_run_builds(tmp_path: Path) -> None:
    (tmp_path / "parts/tool-1").mkdir(parents=True)
    answers: list[Path] = []
    asking = threading.Thread(target=lambda: answers.append(cache.built("tool", "1", Path.touch)), daemon=True)
    asking.start()
    asking.join(30)
    assert answers == [tmp_path / "parts/tool-1"]


def test_a_wait_for_another_run_is_said(somebody_builds: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def doing(what: str) -> None:
        said.append(what)
        # The other one is done as soon as this one has said that it waits.
        somebody_builds()

    monkeypatch.setattr(cache, "doing", doing)
    assert cache.built("tool", "1", lambda folder: (folder / "tool").touch()).name == "tool-1"
    assert said == ["waiting for another run of the lab, which builds something", ""]
