"""Running other programs, with errors that say what to do, and steps that show that they move.

It needs Python alone: the Makefile installs the packages with it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LINE_SECONDS = 30.0
"""How often a step that runs prints a line where the output is no terminal."""

FRAME_SECONDS = 0.5
"""How often it writes its line anew on a terminal."""

LONG_SECONDS = 3600
"""How long a program may take that builds or fetches something."""

_END_SECONDS = 10
"""How long a program that was told to end may take for that."""


class LabError(RuntimeError):
    """Something that the lab needs is missing or failed; the message says what to do."""


@dataclass(eq=False)
class _Step:
    """A part that is being made ready."""

    name: str
    doing: str = ""
    chosen: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def line(self) -> str:
        seconds = int(time.monotonic() - self.started)
        passed = f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
        return f"  {self.name} ({passed}): {self.doing or 'working'}"


_running: list[_Step] = []
"""The steps that have begun, each within the one before."""

_printing = threading.Lock()


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: IO[bytes] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    tell: Callable[[str], str | None] | None = None,
) -> str:
    """Run a program and return its output.

    Args:
        command: The program and its arguments.
        env: What its environment has besides.
        cwd: Where it runs.
        stdout: Where its output goes, instead of into what is returned.
        stdin: What it reads.
        timeout: Seconds.
        tell: For a program that takes long: says of a line that it prints what the step shows, if anything.

    Raises:
        LabError: It is not there, took too long, or ended with another status than 0; with its last lines.
    """
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            # With what it starts, it can be ended as one.
            start_new_session=tell is not None,
        )
    except FileNotFoundError:
        raise LabError(f"{command[0]} is not installed") from None
    with process:
        try:
            if tell:
                output, errors = _followed(process, tell, timeout)
            else:
                output, errors = process.communicate(None if stdin is None else stdin.encode(), timeout)
        except subprocess.TimeoutExpired:
            _end(process, with_children=tell is not None)
            raise LabError(_too_long(words, timeout, tell is not None)) from None
        except BaseException:
            _end(process, with_children=tell is not None)
            raise
    said = (output or b"").decode(errors="replace")
    if process.returncode != 0:
        tail = "\n".join(said.splitlines()[-5:])
        last = "\n".join(errors.decode(errors="replace").splitlines()[-15:])
        raise LabError(f"{' '.join(words)} ended with {process.returncode}:\n{tail}\n{last}")
    return said.strip()


def _followed(
    process: subprocess.Popen[bytes], tell: Callable[[str], str | None], timeout: float | None
) -> tuple[bytes, bytes]:
    """Wait for a program and show what it prints; return its output and its errors."""
    texts: tuple[list[bytes], list[bytes]] = ([], [])

    def follow(stream: IO[bytes], text: list[bytes]) -> None:
        for line in stream:
            text.append(line)
            if told := tell(line.decode(errors="replace").strip()):
                doing(told)

    streams = zip((process.stdout, process.stderr), texts, strict=True)
    readers = [threading.Thread(target=follow, args=pair, daemon=True) for pair in streams if pair[0]]
    for reader in readers:
        reader.start()
    process.wait(timeout)
    for reader in readers:
        reader.join()
    return b"".join(texts[0]), b"".join(texts[1])


def _end(process: subprocess.Popen[bytes], *, with_children: bool) -> None:
    if not with_children:
        process.kill()
        return
    # What builds a file system has something to clear away.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)


def _too_long(words: Sequence[str], timeout: float | None, is_long: bool) -> str:
    advice = (
        "\nSee whether this machine reaches the network (DNS, proxy, mirror), and run the command again: what was "
        "built or fetched is kept."
    )
    return f"{' '.join(words[:3])} did not end within {timeout:.0f} s{advice if is_long else ''}"


def succeeds(
    command: Sequence[str | Path],
    timeout: float = 30,
    env: Mapping[str, str] | None = None,
    tell: Callable[[str], str | None] | None = None,
) -> bool:
    """Tell whether a program is there and ends well."""
    try:
        run(command, env=env, timeout=timeout, tell=tell)
    except LabError:
        return False
    return True


@contextmanager
def step(name: str, expected: str = "", *, live: bool = True) -> Iterator[list[str]]:
    """Print one line for a part: its name, what was chosen, and the time it took.

    Args:
        name: The part.
        expected: What is going to happen, and how long that takes.
        live: Whether it shows that it moves; not where the body prints.

    Yields:
        A list to which the body adds what it chose.
    """
    this = _Step(name)
    if expected:
        say(f"  {name}: {expected}")
    ended = threading.Event()
    ticker = threading.Thread(target=_tick, args=(this, ended), daemon=True)
    _running.append(this)
    if live:
        ticker.start()
    try:
        yield this.chosen
    finally:
        _running.remove(this)
        ended.set()
        if live:
            ticker.join()
        say("", end="")
    say(f"  {name}: {', '.join(this.chosen) or 'ready'} ({time.monotonic() - this.started:.1f} s)")


def doing(what: str) -> None:
    """Say what the innermost step does now."""
    if _running:
        _running[-1].doing = what


def _tick(this: _Step, ended: threading.Event) -> None:
    """Show a step until it has ended, and nothing of it while one within it runs."""
    while not ended.wait(FRAME_SECONDS if _on_terminal() else LINE_SECONDS):
        with _printing:
            # One that has ended meanwhile is on the list no more.
            if _running and _running[-1] is this:
                line = this.line()
                _write(f"{_CLEAR}{line[: _columns() - 1]}" if _on_terminal() else f"{line[:_PIPE_COLUMNS]}\n")


def say(text: str, end: str = "\n") -> None:
    """Print a line at once, also into a pipe, in place of the one that shows a step."""
    with _printing:
        _write((_CLEAR if _on_terminal() else "") + text + end)


_CLEAR = "\r\x1b[K"
_PIPE_COLUMNS = 120


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _on_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _columns() -> int:
    # A terminal that nobody has told its size says 0.
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80


def last_line(line: str) -> str | None:
    """Show what a program prints as it is."""
    return line or None


def main(arguments: Sequence[str]) -> int:
    """Run one program as a step: NAME COMMAND…; return the status."""
    name, *command = arguments
    try:
        with step(name):
            run(command, timeout=LONG_SECONDS, tell=last_line)
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
