"""Running other programs, with errors that say what to do."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class LabError(RuntimeError):
    """Something that the lab needs is missing or failed; the message says what to do."""


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: IO[bytes] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program and return its output.

    Raises:
        LabError: It is not there, took too long, or ended with another status than 0; with its last lines.
    """
    try:
        done = subprocess.run(
            [str(word) for word in command],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            input=stdin.encode() if stdin is not None else None,
            stdin=subprocess.DEVNULL if stdin is None else None,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise LabError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{command[0]} did not end within {timeout} s") from None
    if done.returncode != 0:
        tail = "\n".join((done.stdout or b"").decode(errors="replace").splitlines()[-5:])
        errors = "\n".join(done.stderr.decode(errors="replace").splitlines()[-15:])
        raise LabError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{tail}\n{errors}")
    return (done.stdout or b"").decode(errors="replace").strip()


def succeeds(command: Sequence[str | Path], timeout: float = 30, env: Mapping[str, str] | None = None) -> bool:
    """Tell whether a program is there and ends well."""
    try:
        run(command, env=env, timeout=timeout)
    except LabError:
        return False
    return True


@contextmanager
def step(name: str, expected: str = "") -> Iterator[list[str]]:
    """Print one line for a part: its name, what was chosen, and the time it took.

    Yields:
        A list to which the body adds what it chose.
    """
    chosen: list[str] = []
    started = time.monotonic()
    if expected:
        print(f"  {name}: {expected}", flush=True)
    yield chosen
    print(f"  {name}: {', '.join(chosen) or 'ready'} ({time.monotonic() - started:.1f} s)", flush=True)


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True, file=sys.stdout)
