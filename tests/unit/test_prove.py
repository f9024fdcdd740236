"""Clients that prove themselves outside of an update: which are asked, by what, and what is said."""

from typing import Any

import pytest

from components.clients.clients import sample
from components.hosts.session import Answer, Run, Unanswered
from components.scripts.script import read_payload, read_words
from components.settings import Client
from operations.command_line import CommandLine, OperationError
from operations.prove import Proof, proofs, report
from tests.unit.test_provider import inputs, proof

TYPES = "private-registry:index:Clients"
STATE = [
    {"type": f"{TYPES}Trust", "inputs": inputs("a", "b")},
    # Only one of them proves itself in an update.
    {"type": f"{TYPES}Verification", "inputs": {**proof("a"), "password": "marker"}},
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let clients answer, but one that is down and one that has no trust; return who was asked."""
    found: list[str] = []

    async def open_(_: Any, connection: dict[str, Any]) -> Run:
        host = connection["host"]
        if host == "down":
            raise Unanswered("no answer within 10 s")

        async def run(line: str, stdin: str) -> Answer:
            found.append(host)
            assert "marker" not in line
            assert read_payload(stdin)["password"] == "marker\n"
            assert dict(read_words(line))["registry"] == "registry.test"
            return Answer(1, "", "no trust") if host == "wrong" else Answer(0, "trusted", "")

        return run

    monkeypatch.setattr("components.hosts.connections.Connections.run", open_)
    return found


def test_all_clients_prove_themselves_also_those_that_an_update_leaves_out(asked: list[str]) -> None:
    assert proofs(STATE) == [Proof("a", "registry.test", "trusted"), Proof("b", "registry.test", "trusted")]
    assert asked == ["a", "b"]


def test_some_prove_themselves_where_they_are_named(asked: list[str]) -> None:
    assert [one.host for one in proofs(STATE, ["b"])] == ["b"]
    with pytest.raises(OperationError, match="the stack has no client c; it has a, b"):
        proofs(STATE, ["b", "c"])


def test_what_fails_is_said_of_its_client(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = [{**STATE[0], "inputs": inputs("a", "down", "wrong")}, STATE[1]]
    monkeypatch.setattr("operations.prove.export", lambda _: state)
    assert report(CommandLine("test"), [], as_json=False) == 2
    assert capsys.readouterr().out.splitlines() == [
        "a: trusted",
        "down: FAILED: no answer within 10 s",
        "wrong: FAILED: no trust",
        "1 of 3 clients have proven that they trust the registry.",
    ]
    monkeypatch.setattr("operations.prove.export", lambda _: STATE)
    assert report(CommandLine("test"), [], as_json=True) == 0


@pytest.mark.parametrize(
    ("count", "share", "chosen"), [(0, 10, 0), (1, 10, 1), (10, 10, 1), (11, 10, 2), (10, 100, 10)]
)
def test_a_share_of_the_clients_verifies(count: int, share: int, chosen: int) -> None:
    clients = [Client(host=f"h{number}", local=True) for number in range(count)]
    assert len(sample(clients, share)) == chosen


def test_the_share_stays_nearly_the_same_where_clients_come() -> None:
    clients = [Client(host=f"h{number}", local=True) for number in range(101)]
    before, after = ({one.host for one in sample(known, 20)} for known in (clients[:100], clients))
    assert len(before - after) <= 1
