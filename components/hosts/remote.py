"""Commands on a host over SSH, with its key pinned."""

import asyncio
import json
import os
from contextlib import AsyncExitStack, suppress
from functools import cache
from typing import Any

import asyncssh

from .session import Answer, Connection, Run, Tunnels, Unanswered

_ATTEMPTS = 3
_LOGIN_SECONDS = 10
_LIMIT_SECONDS = 20
"""What a host costs at most that does not answer, and as much the one that it is reached through."""
_CIPHERS = "^aes256-gcm@openssh.com"
"""The one that costs least here, before all others that are as good."""
_NO_FORWARDING = (
    "its SSH server forwards no connection; set AllowTcpForwarding to local in its sshd_config, or allow port "
    "forwarding for the key"
)
_KEEPALIVE_SECONDS = 30
"""An update may work on the server for minutes between two commands on a client."""


async def opening(connection: Connection, opened: AsyncExitStack, tunnels: Tunnels | None) -> Run:
    """Connect, and return what runs commands there; it connects again where the connection was lost in between.

    Raises:
        Unanswered: The host can't be reached, shows another key, refuses the login, or takes too long.
    """
    ssh = await _within_limit(connection, opened, tunnels)

    async def run(line: str, stdin: str) -> Answer:
        nonlocal ssh
        if ssh.is_closed():
            ssh = await _within_limit(connection, opened, tunnels)
        try:
            return await _over(ssh, line, stdin)
        except TimeoutError:
            raise
        except (OSError, asyncssh.Error) as error:
            raise Unanswered(_reason(error, _LOGIN_SECONDS)) from None

    return run


async def forwarding(connection: Connection, opened: AsyncExitStack, address: str, port: int) -> int:
    """Return a port of this machine that leads to one that a host reaches.

    Raises:
        Unanswered: As ``opening``, or the host's SSH server forwards no connection.
    """
    ssh = await _within_limit(connection, opened, None)
    await _refuse_without_forwarding(ssh, address, port)
    listener = await opened.enter_async_context(ssh.forward_local_port("127.0.0.1", 0, address, port))
    return int(listener.get_port())


async def _refuse_without_forwarding(ssh: asyncssh.SSHClientConnection, address: str, port: int) -> None:
    # The port here takes each connection, and ends it where it leads nowhere: by that, nobody can tell why.
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            _, writer = await ssh.open_connection(address, port)
    except asyncssh.ChannelOpenError as error:
        if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            raise Unanswered(_NO_FORWARDING) from None
    except TimeoutError:
        return
    except (OSError, asyncssh.Error) as error:
        raise Unanswered(_reason(error, _LOGIN_SECONDS)) from None
    else:
        writer.close()


async def _over(ssh: asyncssh.SSHClientConnection, line: str, stdin: str) -> Answer:
    process = await ssh.create_process(line, errors="replace")
    # One that ends before it has read anything, as sudo without a password does, has said why.
    with suppress(OSError):
        process.stdin.write(stdin)
        process.stdin.write_eof()
    done = await process.wait()
    # A command that a signal ended has no status.
    return Answer(1 if done.exit_status is None else done.exit_status, str(done.stdout), str(done.stderr))


async def _within_limit(
    connection: Connection, opened: AsyncExitStack, tunnels: Tunnels | None
) -> asyncssh.SSHClientConnection:
    try:
        bastion = connection.get("proxy")
        # Hosts share it, and its login may be slow: that costs none of them its own time.
        async with asyncio.timeout(_LIMIT_SECONDS):
            tunnel = await _tunnel(bastion, opened, tunnels) if bastion else None
        async with asyncio.timeout(_LIMIT_SECONDS):
            return await _connect(connection, opened, tunnel)
    except TimeoutError as error:
        raise Unanswered(_reason(error, _LIMIT_SECONDS)) from None


async def _tunnel(bastion: Connection, opened: AsyncExitStack, tunnels: Tunnels | None) -> asyncssh.SSHClientConnection:
    try:
        if tunnels is None:
            return await _connect(bastion, opened)
        key = json.dumps(bastion, sort_keys=True)
        known = tunnels.known.get(key)
        if known is None or (known.done() and not known.exception() and known.result().is_closed()):
            known = tunnels.known[key] = asyncio.ensure_future(_connect(bastion, tunnels.opened))
        # One of those that wait may run out of time, and the others wait on.
        return await asyncio.shield(known)
    except Unanswered as error:
        raise Unanswered(f"bastion {bastion['host']}: {error}") from None


async def _connect(
    connection: Connection, opened: AsyncExitStack, tunnel: asyncssh.SSHClientConnection | None = None
) -> asyncssh.SSHClientConnection:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            options = await _options(connection, opened)
            return await opened.enter_async_context(asyncssh.connect(tunnel=tunnel, **options))
        except (OSError, asyncssh.ConnectionLost) as error:
            if attempt == _ATTEMPTS:
                raise Unanswered(_reason(error, _LOGIN_SECONDS)) from None
            await asyncio.sleep(attempt)
        except (asyncssh.Error, ValueError) as error:
            raise Unanswered(_reason(error, _LOGIN_SECONDS)) from None
    raise AssertionError


async def _options(connection: Connection, opened: AsyncExitStack) -> dict[str, Any]:
    """Return the options of one connection: its own key, and nothing of the caller's SSH configuration."""
    return {
        "host": connection["host"],
        "port": int(connection.get("port") or 22),
        "username": connection.get("user") or "root",
        "password": connection.get("password"),
        "client_keys": await _client_keys(connection, opened),
        "known_hosts": ([_public_key(connection["hostKey"])], [], []),
        "encryption_algs": _CIPHERS,
        "connect_timeout": _LOGIN_SECONDS,
        "keepalive_interval": _KEEPALIVE_SECONDS,
        "config": None,
        "agent_path": None,
        # Either of them would vouch for a host without its key.
        "gss_host": None,
        "x509_trusted_certs": None,
    }


async def _client_keys(connection: Connection, opened: AsyncExitStack) -> list[Any] | None:
    """Return the keys of a login: the one of the connection, or those of the agent where it has no password either."""
    if key := connection.get("privateKey"):
        return [_private_key(key, connection.get("privateKeyPassword"))]
    if connection.get("password"):
        return None
    path = connection.get("agentSocketPath") or os.environ.get("SSH_AUTH_SOCK")
    if not path:
        raise Unanswered("no SSH agent is running; start one and set SSH_AUTH_SOCK")
    agent = await opened.enter_async_context(asyncssh.connect_agent(path))
    return list(await agent.get_keys())


# Most hosts of a fleet have the same key to log in with, and a key with a password takes long to read by design.
@cache
def _private_key(text: str, password: str | None) -> asyncssh.SSHKey:
    return asyncssh.import_private_key(text, password)


@cache
def _public_key(text: str) -> asyncssh.SSHKey:
    return asyncssh.import_public_key(text)


def _reason(error: Exception, seconds: int) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds} s"
    # asyncio puts an address in the place of the reason.
    number = error.errno or 0 if isinstance(error, OSError) else 0
    return os.strerror(number) if number > 0 else str(error)
