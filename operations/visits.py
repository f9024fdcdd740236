"""Visits to many hosts side by side, with a bar where somebody looks on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from components.hosts.connections import Connections, Failure, allow_many_files
from components.hosts.session import Connection, Run
from operations.progress import counted


class Reached(Protocol):
    """Anything that knows how its host is reached."""

    @property
    def connection(self) -> Connection | None:
        """None for this machine."""


H = TypeVar("H", bound=Reached)
R = TypeVar("R")


async def visit(
    connections: Connections, what: str, hosts: Sequence[H], work: Callable[[H, Run], Awaitable[R]]
) -> list[R | Failure]:
    """Work on hosts side by side; return what came of each, in their order.

    Args:
        connections: Those of this process: a host that did not answer once is not tried again.
        what: The words beside the bar.
        hosts: Which.
        work: What is done on each, with what runs commands there.
    """
    allow_many_files()

    async def go(host: H) -> R:
        return await work(host, await connections.run(host.connection))

    with counted(what, len(hosts)) as done:
        return await connections.each(hosts, go, done)
