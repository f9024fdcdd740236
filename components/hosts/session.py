"""Running the stack's commands on a host as Pulumi does: here, or over SSH with the host's key pinned."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Connection = Mapping[str, Any]
"""How to reach a host: ``host``, ``port``, ``user``, ``hostKey``, and one of ``privateKey`` (with
``privateKeyPassword``), ``password`` and neither, for an agent; ``proxy`` is the same of a bastion."""

_COMMAND_SECONDS = 600
"""A registry that is tried in its image may take a while to start, and some services take minutes to restart."""


class Unanswered(Exception):
    """A host did not answer; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What a command printed."""

    status: int
    output: str
    errors: str

    @property
    def failure(self) -> str | None:
        """Return why the command failed, or None if it ended well."""
        if self.status == 0:
            return None
        lines = self.errors.strip().splitlines()
        return lines[-1] if lines else f"the command failed with status {self.status}"


def reason(answer: Answer) -> str:
    """Return all that a command said of why it failed."""
    return answer.errors.strip() or f"the command failed with status {answer.status}"


Run = Callable[[str, str], Awaitable[Answer]]
"""Runs a command line with a text on its standard input."""


@dataclass(frozen=True)
class Tunnels:
    """Connections to bastions, each shared by all hosts behind it: an SSH server drops logins that come all at once."""

    opened: AsyncExitStack
    """What closes them."""
    known: dict[str, asyncio.Task[Any]] = field(default_factory=dict)


@asynccontextmanager
async def session(connection: Connection | None, tunnels: Tunnels | None = None) -> AsyncIterator[Run]:
    """Open the way to a host and yield what runs commands there.

    Args:
        connection: How to reach it; None is this machine.
        tunnels: Where connections to bastions are shared; without it each session has one of its own.

    Raises:
        Unanswered: The host can't be reached, shows another key, refuses the login, or takes too long.
    """
    async with AsyncExitStack() as opened:
        run = await _remote(connection, opened, tunnels) if connection else _here

        async def limited(line: str, stdin: str) -> Answer:
            try:
                async with asyncio.timeout(_COMMAND_SECONDS):
                    return await run(line, stdin)
            except TimeoutError:
                raise Unanswered(f"no answer within {_COMMAND_SECONDS} s") from None

        yield limited


async def _remote(connection: Connection, opened: AsyncExitStack, tunnels: Tunnels | None) -> Run:
    # A preview reaches no host, and does not wait for this library to be read.
    from .remote import opening

    return await opening(connection, opened, tunnels)


async def _here(line: str, stdin: str) -> Answer:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("sh", "-c", line, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        output, errors = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
    return Answer(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))
