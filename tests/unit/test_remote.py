"""Commands over SSH, against a server in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh
import pytest

from components.hosts.session import Answer, Connection, Unanswered, session
from components.hosts.way import way

KEY = asyncssh.generate_private_key("ssh-ed25519")
TIMES = 50


async def refuse(process: "asyncssh.SSHServerProcess[str]") -> None:
    """End before anything is read, as ``sudo -n`` does where it needs a password."""
    process.stderr.write("a password is required\n")
    process.exit(1)


class Server(asyncssh.SSHServer):
    """Remembers who has connected."""

    def __init__(self, connected: list[asyncssh.SSHServerConnection]) -> None:
        self._connected = connected

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember it."""
        self._connected.append(conn)


class Forwards(Server):
    """Lets connections through, unlike the library by itself."""

    def connection_requested(self, *_: object) -> bool:
        """Allow it."""
        return True


class ForwardsNothing(Server):
    """Refuses them as OpenSSH does, by ``AllowTcpForwarding no`` and by a key that is restricted."""

    def connection_requested(self, *_: object) -> bool:
        """Refuse it."""
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed")


@asynccontextmanager
async def listening(server: type[Server] = Server) -> AsyncIterator[Connection]:
    """Yield how to connect to a server, and end its connections with it."""
    connected: list[asyncssh.SSHServerConnection] = []
    started = asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: server(connected),
        server_host_keys=[KEY],
        authorized_client_keys=asyncssh.import_authorized_keys(KEY.export_public_key().decode()),
        process_factory=refuse,
    )
    async with started as running:
        try:
            yield {
                "host": "127.0.0.1",
                "port": running.get_port(),
                "user": "ops",
                "hostKey": KEY.export_public_key().decode(),
                "privateKey": KEY.export_private_key().decode(),
            }
        finally:
            for one in connected:
                one.abort()
                await one.wait_closed()


async def asked(text: str) -> set[Answer]:
    """Return what a command over SSH said, each of many times: which of the two is faster differs."""
    async with listening() as connection, session(connection) as run:
        return {await run("sudo -n true", text) for _ in range(TIMES)}


async def through(server: type[Server], is_open: bool) -> bytes:
    """Return what comes over SSH from a port that says something, or is closed."""

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()
        await writer.wait_closed()

    said = await asyncio.start_server(say, "127.0.0.1", 0)
    port = said.sockets[0].getsockname()[1]
    if not is_open:
        said.close()
    async with said, listening(server) as connection, way(connection, "127.0.0.1", port) as place:
        reader, writer = await asyncio.open_connection(*place)
        found = await reader.read()
        writer.close()
        await writer.wait_closed()
        return found


def test_a_command_that_ends_before_it_has_read_has_said_why() -> None:
    assert asyncio.run(asked("x" * 100_000)) == {Answer(1, "", "a password is required\n")}


@pytest.mark.parametrize(("is_open", "said"), [(True, b"here"), (False, b"")])
def test_a_port_is_reached_as_the_host_reaches_it(is_open: bool, said: bytes) -> None:
    assert asyncio.run(through(Forwards, is_open)) == said


def test_a_host_that_forwards_nothing_is_told_from_a_port_that_does_not_answer() -> None:
    with pytest.raises(Unanswered, match="its SSH server forwards no connection; set AllowTcpForwarding"):
        asyncio.run(through(ForwardsNothing, is_open=True))
