"""Running the stack's commands on a host as Pulumi does: here, or over SSH with the host's key pinned."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import asyncssh

Connection = Mapping[str, Any]
"""How to reach a host: ``host``, ``port``, ``user``, ``hostKey``, and one of ``privateKey`` (with
``privateKeyPassword``), ``password`` and neither, for an agent; ``proxy`` is the same of a bastion."""

_ATTEMPTS = 3
_LOGIN_SECONDS = 10
_LIMIT_SECONDS = 20
"""What a host costs at most that does not answer, with the one that it is reached through."""
_COMMAND_SECONDS = 180
"""A registry that is tried in its image may take a while to start."""
_CIPHERS = "^aes256-gcm@openssh.com"
"""The one that costs least here, before all others that are as good."""
_KEEPALIVE_SECONDS = 30
"""An update may work on the server for minutes between two commands on a client."""


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


@asynccontextmanager
async def session(connection: Connection | None) -> AsyncIterator[Run]:
    """Open the way to a host and yield what runs commands there.

    Raises:
        Unanswered: The host can't be reached, shows another key, refuses the login, or takes too long.
    """
    async with AsyncExitStack() as opened:
        ssh = await _within_limit(connection, opened) if connection else None

        async def run(line: str, stdin: str) -> Answer:
            nonlocal ssh
            if connection and ssh and ssh.is_closed():
                ssh = await _within_limit(connection, opened)
            try:
                async with asyncio.timeout(_COMMAND_SECONDS):
                    return await (_over(ssh, line, stdin) if ssh else _here(line, stdin))
            except (OSError, asyncssh.Error) as error:
                raise Unanswered(_reason(error, _COMMAND_SECONDS)) from None

        yield run


async def _here(line: str, stdin: str) -> Answer:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("sh", "-c", line, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        output, errors = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
    return Answer(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))


async def _over(ssh: asyncssh.SSHClientConnection, line: str, stdin: str) -> Answer:
    done = await ssh.run(line, input=stdin, errors="replace")
    # A command that a signal ended has no status.
    return Answer(1 if done.exit_status is None else done.exit_status, str(done.stdout), str(done.stderr))


async def _within_limit(connection: Connection, opened: AsyncExitStack) -> asyncssh.SSHClientConnection:
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            return await _connect(connection, opened)
    except TimeoutError as error:
        raise Unanswered(_reason(error, _LIMIT_SECONDS)) from None


async def _connect(connection: Connection, opened: AsyncExitStack) -> asyncssh.SSHClientConnection:
    bastion = connection.get("proxy")
    try:
        tunnel = await _connect(bastion, opened) if bastion else None
    except Unanswered as error:
        raise Unanswered(f"bastion {(bastion or {})['host']}: {error}") from None
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
