"""Which client proves one of several servers, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from components.clients.https_proof import Asked, NotServed
from components.hosts.session import Connection, Unanswered
from components.provider.fleet import Fleets
from components.provider.kind import Last, Result
from components.provider.server_proof import ServerProof

INPUTS = {
    "registry": {"mark": "registry", "reference": "registry.test"},
    "server": "b",
    "address": "10.0.0.6",
    "port": 443.0,
    "user": "verification",
    "password": "marker",
    "generation": "1",
}
DOWN, BROKEN = Unanswered("no answer within 10 s"), NotServed("login: HTTP status 503 instead of 200")


def proven(
    monkeypatch: pytest.MonkeyPatch,
    clients: Mapping[str, Exception | None],
    failed: tuple[str, ...] = (),
    has_trust: bool = True,
) -> tuple[Result, list[str]]:
    """Return what comes of clients that answer, or not, and which of them were asked."""
    asked: list[str] = []

    @asynccontextmanager
    async def way(connection: Connection, address: str, port: int) -> AsyncIterator[tuple[str, int]]:
        asked.append(connection["host"])
        if isinstance(error := clients[connection["host"]], Unanswered):
            raise error
        yield connection["host"], port

    def prove(said: Asked, _: str) -> str:
        if isinstance(error := clients[said.place[0]], NotServed):
            raise error
        return "pushed"

    monkeypatch.setattr("components.provider.server_proof.way", way)
    monkeypatch.setattr("components.provider.server_proof.prove", prove)
    fleets = Fleets()
    fleet = fleets.of(INPUTS)
    if has_trust:
        fleet.inputs = {"hosts": {host: {"hostKey": "key"} for host in clients}}
    fleet.failed = {host: ["down"] for host in failed}
    return asyncio.run(ServerProof(fleets).update(Last(), INPUTS, lambda _: None)), asked


@pytest.mark.parametrize(
    ("clients", "failed", "asked", "outputs"),
    [
        ({"h": None, "i": None}, (), ["h"], {"h": "pushed"}),
        ({"h": None, "i": None}, ("h",), ["i"], {"i": "pushed"}),
        ({"h": DOWN, "i": None}, (), ["h", "i"], {"i": "pushed"}),
        ({"h": BROKEN, "i": None}, (), ["h"], {}),
        ({"h": DOWN, "i": DOWN, "j": DOWN, "k": None}, (), ["h", "i", "j"], {}),
    ],
)
def test_the_first_client_that_answers_proves_it(
    clients: Mapping[str, Any],
    failed: tuple[str, ...],
    asked: list[str],
    outputs: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, seen = proven(monkeypatch, clients, failed)
    assert (seen, result.outputs) == (asked, {"proven": outputs})
    assert bool(result.failures) == (BROKEN in clients.values())


def test_where_nobody_can_ask_the_update_says_why_and_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [
        proven(monkeypatch, {"h": DOWN})[0],
        proven(monkeypatch, {"h": None}, ("h",))[0],
        proven(monkeypatch, {"h": None}, has_trust=False)[0],
    ]
    assert not any(result.failures for result in said)
    assert [result.warnings[0].partition("could ask it: ")[2] for result in said] == [
        "h: no answer within 10 s",
        "no client trusts the registry yet",
        "their trust is not part of this update; leave out --target and --exclude",
    ]
