"""Asking all hosts at once, each by one connection. Nothing on a host is changed."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncssh

from components.hosts import shell
from components.hosts.session import Connection, Run, Unanswered, session
from components.scripts.script import with_payload, words
from operations.doctor.facts import Facts, read
from operations.doctor.judge import Wanted

_AT_ONCE = 20
_LOGIN_SECONDS = 20
"""A host that discards packets costs this much, and no other host waits for it."""
_LOOK = Path(__file__).parent / "look.sh"

__all__ = ["Host", "Seen", "Unanswered", "line", "reason", "visit_all"]


@dataclass(frozen=True)
class Host:
    """A host that is asked."""

    name: str
    connection: Connection | None = field(repr=False)
    """None for this machine."""
    wanted: Wanted
    is_root: bool = True
    """Whether the login is root's own."""


@dataclass(frozen=True)
class Seen:
    """What came of asking a host."""

    host: Host
    asked: tuple[datetime, datetime]
    facts: Facts | None = None
    reason: str = ""
    """Why there are no facts: ``refused``, ``unreachable``, ``host key``, ``login`` or ``failed``."""
    failure: str = ""
    """The same as a sentence."""


async def visit_all(hosts: Sequence[Host], registry: str, name: str, seen: Callable[[], None]) -> list[Seen]:
    """Ask hosts what is there.

    Args:
        hosts: Which.
        registry: What names of images start with.
        name: The registry's name alone.
        seen: Called after each host.
    """
    limit, script = asyncio.Semaphore(_AT_ONCE), with_payload(_LOOK, {})

    async def go(host: Host) -> Seen:
        async with limit:
            found = await _visit(host, words(registry=registry, host=name), script)
        seen()
        return found

    return await asyncio.gather(*map(go, hosts))


async def _visit(host: Host, arguments: str, script: str) -> Seen:
    begin = datetime.now(UTC)
    try:
        async with AsyncExitStack() as opened:
            run = await _opened(host, opened)
            begin = datetime.now(UTC)
            answer = await run(line(host, arguments), script)
    except Unanswered as error:
        return Seen(host, (begin, datetime.now(UTC)), None, reason(error), str(error))
    asked = (begin, datetime.now(UTC))
    facts = read(answer.output)
    if not facts.is_whole:
        return Seen(host, asked, None, "failed", answer.failure or "the answer broke off")
    return Seen(host, asked, facts)


async def _opened(host: Host, opened: AsyncExitStack) -> Run:
    try:
        async with asyncio.timeout(_LOGIN_SECONDS):
            return await opened.enter_async_context(session(host.connection))
    except TimeoutError:
        raise Unanswered(f"no answer within {_LOGIN_SECONDS} s") from TimeoutError()


def line(host: Host, arguments: str) -> str:
    """Return the command that starts the script: as root where the login may be root, and else as who it is."""
    if host.is_root:
        return f"{shell(sudo=False)}{arguments}"
    start = 'if sudo -n true < /dev/null 2> /dev/null; then exec sudo -n sh -s -- "$@"; else exec sh -s -- "$@"; fi'
    return f"sh -c '{start}' sh {arguments}"


def reason(error: Unanswered) -> str:
    """Return why a host did not answer, in a word."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if isinstance(cause, asyncssh.HostKeyNotVerifiable):
        return "host key"
    if isinstance(cause, OSError):
        return "unreachable"
    return "login" if isinstance(cause, asyncssh.PermissionDenied) else "failed"
