"""An update starts what does not run of the stack, and never ends well over a registry that does not answer.

No resource tells of that: the state does not follow what happens to a container. So the program asks the server itself,
in an update and never in a preview.
"""

import asyncio
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from ..advice import advise
from ..scripts.script import with_payload
from .container import START_SECONDS

_SCRIPT = Path(__file__).parent / "running.sh"
_SECONDS = 2 * START_SECONDS


def started(owner: pulumi.Output[str], shell: Sequence[str]) -> pulumi.Output[str]:
    """Return the owner once all that Docker has of it was started.

    What can't be started now may be so after the update, so that is said only in the end.

    Args:
        owner: The label value of what Docker keeps for the stack.
        shell: The words with which a shell on the server reads a script from standard input.
    """

    async def start(known: str) -> str:
        await asyncio.to_thread(_failure, shell, "start", known, {})
        return known

    return owner.apply(start) if _is_update() else owner


def answering(
    name: str,
    owner: pulumi.Output[str],
    shell: Sequence[str],
    probes: Sequence[tuple[pulumi.Input[str], Sequence[str]]],
    after: pulumi.Output[str],
) -> pulumi.Output[str]:
    """Return the owner once every container answers; fail the update if one does not.

    Args:
        name: Of the stack's component, for messages.
        owner: As of ``started``.
        shell: As of ``started``.
        probes: A container's name, and the command that asks in it.
        after: What the update does before it asks.
    """

    async def wait(known: list[str]) -> str:
        own, _, *names = known
        lines = [f"{container} {shlex.join(probe)}\n" for container, (_, probe) in zip(names, probes, strict=True)]
        failure = await asyncio.to_thread(_failure, shell, "await", own, {"containers": "".join(lines)})
        if failure is not None:
            advise(name, failure)
            raise pulumi.RunError(failure)
        return own

    if not _is_update():
        return owner
    return pulumi.Output.all(owner, after, *(container for container, _ in probes)).apply(wait)


def _is_update() -> bool:
    return not pulumi.runtime.is_dry_run() and not isinstance(get_monitor(), MockMonitor)


def _failure(shell: Sequence[str], verb: str, owner: str, payload: Mapping[str, str]) -> str | None:
    """Run the script on the server; return what it said if it failed."""
    try:
        done = subprocess.run(
            [*shell, verb, f"owner={owner}", f"seconds={START_SECONDS}"],
            input=with_payload(_SCRIPT, payload),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the containers on the server could not be checked: {error}"
    return done.stderr.strip() if done.returncode else None
