"""A way to a port as a host sees it: through its SSH connection, or straight from this machine."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from .session import Connection


@asynccontextmanager
async def way(connection: Connection | None, address: str, port: int) -> AsyncIterator[tuple[str, int]]:
    """Yield where this machine reaches a port, as a host would.

    Args:
        connection: How to reach the host; None is this machine.
        address: Whose port it is, as the host knows it.
        port: Which one.

    Raises:
        Unanswered: The host can't be reached, or lets nothing through.
    """
    if connection is None:
        yield address, port
        return
    # A preview reaches no host, and does not wait for this library to be read.
    from .remote import forwarding

    async with AsyncExitStack() as opened:
        yield "127.0.0.1", await forwarding(connection, opened, address, port)
