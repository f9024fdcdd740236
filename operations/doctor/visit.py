"""Asking all hosts at once, each by one connection. Nothing on a host is changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncssh

from components.hosts import shell
from components.hosts.connections import Connections, Failure
from components.hosts.session import Answer, Connection, Run
from components.scripts.script import with_payload, words
from operations.doctor.facts import Facts, read
from operations.doctor.judge import Wanted
from operations.visits import visit

_LOOK = Path(__file__).parent / "look.sh"


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


async def visit_all(hosts: Sequence[Host], registry: str, name: str) -> list[Seen]:
    """Ask hosts what is there.

    Args:
        hosts: Which.
        registry: What names of images start with.
        name: The registry's name alone.
    """
    arguments, script = words(registry=registry, host=name), with_payload(_LOOK, {})

    async def look(host: Host, run: Run) -> Seen:
        begin = datetime.now(UTC)
        answer = await run(line(host, arguments), script)
        return _seen(host, (begin, datetime.now(UTC)), answer)

    async with Connections() as connections:
        found = await visit(connections, "hosts that were read", hosts, look)
    return [_unseen(host, one) if isinstance(one, Failure) else one for host, one in zip(hosts, found, strict=True)]


def _seen(host: Host, asked: tuple[datetime, datetime], answer: Answer) -> Seen:
    facts = read(answer.output)
    if not facts.is_whole:
        return Seen(host, asked, None, "failed", answer.failure or "the answer broke off")
    return Seen(host, asked, facts)


def _unseen(host: Host, failure: Failure) -> Seen:
    now = datetime.now(UTC)
    return Seen(host, (now, now), None, reason(failure.error), "; ".join(failure.reasons))


def line(host: Host, arguments: str) -> str:
    """Return the command that starts the script: as root where the login may be root, and else as who it is."""
    if host.is_root:
        return f"{shell(sudo=False)}{arguments}"
    start = 'if sudo -n true < /dev/null 2> /dev/null; then exec sudo -n sh -s -- "$@"; else exec sh -s -- "$@"; fi'
    return f"sh -c '{start}' sh {arguments}"


def reason(error: Exception | None) -> str:
    """Return why a host did not answer, in a word."""
    cause = error and (error.__cause__ or error.__context__)
    if isinstance(cause, ConnectionRefusedError):
        return "refused"
    if isinstance(cause, asyncssh.HostKeyNotVerifiable):
        return "host key"
    if isinstance(cause, OSError):
        return "unreachable"
    return "login" if isinstance(cause, asyncssh.PermissionDenied) else "failed"
