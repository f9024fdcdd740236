"""Commands over SSH, against a server in this process."""

import asyncio

import asyncssh

from components.hosts.session import Answer, session

KEY = asyncssh.generate_private_key("ssh-ed25519")
TIMES = 50


async def refuse(process: "asyncssh.SSHServerProcess[str]") -> None:
    """End before anything is read, as ``sudo -n`` does where it needs a password."""
    process.stderr.write("a password is required\n")
    process.exit(1)


async def asked(text: str) -> set[Answer]:
    """Return what a command over SSH said, each of many times: which of the two is faster differs."""
    listening = asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[KEY],
        authorized_client_keys=asyncssh.import_authorized_keys(KEY.export_public_key().decode()),
        process_factory=refuse,
    )
    async with listening as server:
        connection = {
            "host": "127.0.0.1",
            "port": server.get_port(),
            "user": "ops",
            "hostKey": KEY.export_public_key().decode(),
            "privateKey": KEY.export_private_key().decode(),
        }
        async with session(connection) as run:
            return {await run("sudo -n true", text) for _ in range(TIMES)}


def test_a_command_that_ends_before_it_has_read_has_said_why() -> None:
    assert asyncio.run(asked("x" * 100_000)) == {Answer(1, "", "a password is required\n")}
