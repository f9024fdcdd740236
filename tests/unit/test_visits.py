"""Visits to many hosts: in parallel, with the errors of each kept apart, and a bastion that is logged in to once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncssh
import pytest

from components.hosts.connections import Connections, Failed, Failure
from components.hosts.session import Connection, Run, Unanswered
from operations import visits
from operations.visits import visit

HOST_KEY, KEY = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))


@dataclass(frozen=True)
class Named:
    """A host of which no more is known than its name."""

    name: str
    connection: Connection | None = field(default=None)


async def work(host: Named, run: Run) -> str:
    """Fail as the host's name says."""
    errors = {"down": Unanswered("no answer"), "ill": Failed("one", "two"), "odd": ValueError("marker-secret")}
    if host.name in errors:
        raise errors[host.name]
    return (await run(f"echo {host.name}", "")).output.strip()


def test_each_host_has_its_own_errors_and_all_are_in_order() -> None:
    async def all_of(*names: str) -> list[str | Failure]:
        async with Connections() as connections:
            return await visit(connections, "hosts", [Named(name) for name in names], work)

    first, down, ill, odd, last = asyncio.run(all_of("a", "down", "ill", "odd", "b"))
    assert (first, last) == ("a", "b")
    assert isinstance(down, Failure)
    assert (down.reasons, type(down.error)) == (["no answer"], Unanswered)
    assert isinstance(ill, Failure)
    assert ill.reasons == ["one", "two"]
    assert isinstance(odd, Failure)
    assert odd.reasons[0].startswith("unexpected ValueError in test_visits.py, line ")
    assert "marker-secret" not in repr(odd)


def test_no_host_waits_for_another_and_the_bar_counts_all_that_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    class Bar:
        def __init__(self, what: str, total: int) -> None:
            counted.append(f"{what}: {total}")

        def __enter__(self) -> Callable[[], None]:
            return lambda: counted.append("one")

        def __exit__(self, *_: object) -> None:
            counted.append("end")

    monkeypatch.setattr(visits, "counted", Bar)

    async def go() -> list[str | Failure]:
        together = asyncio.Barrier(3)

        async def meet(host: Named, run: Run) -> str:
            await together.wait()
            return await work(host, run)

        async with Connections() as connections, asyncio.timeout(10):
            return await visit(connections, "hosts", [Named("a"), Named("down"), Named("b")], meet)

    assert len(asyncio.run(go())) == 3
    assert counted == ["hosts: 3", "one", "one", "one", "end"]


class Bastion(asyncssh.SSHServer):
    """Lets everybody in and through, and counts who comes."""

    logins = 0

    def begin_auth(self, username: str) -> bool:
        type(self).logins += username == "jump"
        return False

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


def test_a_bastion_is_logged_in_to_once_and_a_dead_host_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.hosts.remote._LIMIT_SECONDS", 0.5)
    monkeypatch.setattr("components.hosts.remote._ATTEMPTS", 1)
    monkeypatch.setattr(Bastion, "logins", 0)
    held: list[asyncio.StreamWriter] = []

    def dead(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    async def answer(process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write(f"{process.get_extra_info('username')}\n")
        process.exit(0)

    async def go() -> list[list[str | Failure]]:
        silent = await asyncio.start_server(dead, "127.0.0.1", 0)
        listening = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Bastion, server_host_keys=[HOST_KEY], process_factory=answer
        )
        key = {
            "hostKey": HOST_KEY.export_public_key().decode().strip(),
            "privateKey": KEY.export_private_key().decode(),
        }
        there: dict[str, Any] = {"host": "127.0.0.1", "port": listening.get_port(), **key}
        proxy = {**there, "user": "jump"}
        hosts = [Named(name, {**there, "user": name, "proxy": proxy}) for name in ("a", "b", "c")]
        hosts.append(Named("silent", {**there, "port": silent.sockets[0].getsockname()[1]}))
        async with silent, listening, Connections() as connections:
            found = [await visit(connections, "hosts", hosts, work) for _ in range(2)]
            for writer in held:
                writer.close()
                await writer.wait_closed()
            return found
        raise AssertionError

    for found in asyncio.run(go()):
        assert found[:3] == ["a", "b", "c"]
        assert isinstance(found[3], Failure)
        assert "no answer within" in found[3].reasons[0]
    assert (Bastion.logins, len(held)) == (1, 1)
