"""Running a script on the server, in a hook, before the engine makes something there."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..advice import advise
from ..scripts.script import with_payload

_REFUSED = 1
"""The script's status. Others, such as that of an SSH connection that fails, the engine meets and reports itself."""


def run_first(
    name: str, shell: Sequence[str], script: Path, known: Mapping[str, str | None], patience_seconds: int
) -> None:
    """Run a script.

    Args:
        name: The resource that is to be made.
        shell: The words with which a shell on the server reads a script from standard input.
        script: The script.
        known: Its ``key=value`` words, without those of no value; no character in them may mean anything to a shell.
        patience_seconds: How long it may take.

    Raises:
        RuntimeError: The script says why nothing is to be made.
    """
    done = subprocess.run(
        [*shell, *(f"{key}={value}" for key, value in known.items() if value)],
        input=with_payload(script, {}),
        capture_output=True,
        text=True,
        timeout=patience_seconds,
        check=False,
    )
    if done.returncode == _REFUSED:
        advise(name, done.stderr)
        raise RuntimeError(done.stderr.strip())
