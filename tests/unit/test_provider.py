"""What the provider does on clients, on hosts that only answer: what it places, takes away, tries again and leaves."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from components.hosts.session import Answer, Run, Unanswered
from components.provider.fleet import Fleets
from components.provider.kind import Last, Result, Values
from components.provider.servicer import Servicer
from components.provider.trust import Trust
from components.provider.values import Secret, received, sent
from components.provider.verification import Verification
from components.scripts.script import read_words

MARK = "private-registry project/test"
REGISTRY = {
    "reference": "registry.test",
    "fullReference": "registry.test:443",
    "mark": MARK,
    "hasAuthorities": True,
    "isPublic": False,
}
ONE, TWO = "one\n", "one\ntwo\n"


class Clients:
    """Clients that answer at once, and what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str, str]] = []
        """Client, verb, and the folder that it was about."""
        self.down: set[str] = set()
        self.refusing: set[str] = set()
        self._fleets = Fleets()
        monkeypatch.setattr("components.provider.fleet.Fleet.run", lambda _, reach: self._run(reach))

    async def _run(self, reach: Values) -> Run:
        host = reach["connection"]["host"]
        if host in self.down:
            raise Unanswered(f"{host}: no answer within 10 s")

        async def run(line: str, stdin: str) -> Answer:
            words = read_words(line)
            place = dict(words)
            self.asked.append(
                (host, words[0][0], place.get("directory") or place.get("store") or place.get("entry", ""))
            )
            return Answer(1, "", "it refused") if host in self.refusing else Answer(0, "done", "")

        return run

    def update(self, last: Last, inputs: Values) -> Result:
        """Place trust as a new update does."""
        self.asked.clear()
        trust = Trust(self._fleets)
        trust.changed(last, inputs)
        return asyncio.run(trust.update(last, inputs, lambda _: None))

    def prove(self, last: Last, inputs: Values) -> Result:
        """Remove and prove, after an update of the trust."""
        self.asked.clear()
        verification = Verification(self._fleets)
        verification.changed(last, inputs)
        return asyncio.run(verification.update(last, inputs, lambda _: None))

    def restart(self) -> None:
        """Forget all, as a new update does."""
        self._fleets = Fleets()


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    return Clients(monkeypatch)


def inputs(*hosts: str, authorities: str = ONE, **changes: Any) -> dict[str, Any]:
    """Return what a program says, of clients that trust by Docker."""
    said = {host: {"hostKey": "key", "login": "1", "runtimes": ["docker"]} for host in hosts}
    return {
        "registry": REGISTRY,
        "hosts": said,
        "logins": {"1": {"password": "marker"}},
        "authorities": authorities,
        "share": 100.0,
        **changes,
    }


def proof(*hosts: str, generation: str = "1") -> dict[str, Any]:
    return {
        "registry": REGISTRY,
        "hosts": {host: ["docker"] for host in hosts},
        "user": "verification",
        "password": "marker",
        "generation": generation,
    }


def kept(said: Mapping[str, Any], result: Result) -> Last:
    """Return what the state has after an update, as the next one receives it."""
    return Last(received(sent(said)), received(sent(result.outputs)))


def test_only_a_client_that_lacks_something_is_asked(clients: Clients) -> None:
    said = inputs("a", "b")
    first = clients.update(Last(), said)
    assert {host for host, *_ in clients.asked} == {"a", "b"}
    last = kept(said, first)
    assert Trust(Fleets()).changed(last, said) == []
    more = inputs("a", "b", "c")
    clients.update(last, more)
    assert [host for host, *_ in clients.asked] == ["c"]


def test_how_a_client_is_reached_is_no_reason_to_ask_it(clients: Clients) -> None:
    said = inputs("a")
    last = kept(said, clients.update(Last(), said))
    moved = inputs("a", logins={"1": {"password": "another"}})
    assert Trust(Fleets()).changed(last, moved) == ["logins"]
    clients.update(last, moved)
    assert clients.asked == []


def test_another_authority_is_an_update_in_place(clients: Clients) -> None:
    said = inputs("a")
    last = kept(said, clients.update(Last(), said))
    result = clients.update(last, inputs("a", authorities=TWO))
    assert clients.asked == [("a", "update", "/etc/docker/certs.d/registry.test")]
    assert len(result.outputs["texts"]) == 1, "the text that nobody has any more goes"


def test_a_client_that_is_down_stops_no_other_and_is_tried_again(clients: Clients) -> None:
    said = inputs("a", "b", "c")
    clients.down = {"b"}
    result = clients.update(Last(), said)
    assert result.failures == {"b": ["b: no answer within 10 s"]}
    assert result.outputs["placed"].keys() == {"a", "c"}
    clients.down = set()
    last = kept(said, result)
    assert Trust(Fleets()).changed(last, said) == ["missing"]
    clients.restart()
    clients.update(last, said)
    assert [host for host, *_ in clients.asked] == ["b"]


@pytest.mark.parametrize(
    ("hosts", "share", "required", "fails"),
    [
        (4, 100, {}, True),
        (4, 75, {}, False),
        (4, 76, {}, True),
        (4, 75, {"b": True}, True),
        (4, 100, {"b": False}, False),
        (4, 100, {"a": False}, True),
    ],
)
def test_an_update_does_without_as_many_as_the_settings_allow(
    clients: Clients, hosts: int, share: float, required: Mapping[str, bool], fails: bool
) -> None:
    said = inputs(*"abcd"[:hosts], share=share)
    for host, one in required.items():
        said["hosts"][host]["required"] = one
    clients.down = {"b"}
    result = clients.update(Last(), said)
    assert bool(result.failures) is fails
    assert result.outputs["missing"].keys() == (set() if fails else {"b"})
    assert [line for line in result.warnings if "does not trust the registry yet" in line] != [] or fails


def test_what_a_client_lost_from_the_list_has_goes_after_the_proxy_and_once(clients: Clients) -> None:
    both, one = inputs("a", "b"), inputs("a")
    last = kept(both, clients.update(Last(), both))
    result = clients.update(last, one)
    assert clients.asked == []
    proved = clients.prove(Last(), proof("a"))
    assert ("b", "delete", "/etc/docker/certs.d/registry.test") in clients.asked
    assert not proved.failures
    after, settled = kept(one, result), kept(proof("a"), proved)
    clients.restart()
    assert Trust(clients._fleets).changed(after, one) == []
    assert Verification(clients._fleets).changed(settled, proof("a")) == []
    # An update later there may be no such client any more: it is asked for nothing.
    clients.down = {"b"}
    clients.update(after, inputs("a", authorities=TWO))
    assert not clients.prove(settled, proof("a", generation="2")).failures


def test_what_could_not_be_taken_away_is_tried_again(clients: Clients) -> None:
    both, one = inputs("a", "b"), inputs("a")
    last = kept(both, clients.update(Last(), both))
    result = clients.update(last, one)
    clients.down = {"b"}
    proved = clients.prove(Last(), proof("a"))
    assert proved.failures == {"b": ["b: no answer within 10 s"]}
    clients.restart()
    clients.down = set()
    after, settled = kept(one, result), kept(proof("a"), proved)
    assert Trust(clients._fleets).changed(after, one) == []
    assert Verification(clients._fleets).changed(settled, proof("a")) == ["removed"]
    clients.prove(settled, proof("a"))
    assert [entry[:2] for entry in clients.asked] == [("b", "delete")]


def test_what_an_update_that_broke_off_has_left_is_taken_away_by_the_next(clients: Clients) -> None:
    """The proxy failed after the trust was placed, and the client goes from the list in the update after."""
    both, one = inputs("a", "b"), inputs("a")
    last = kept(both, clients.update(Last(), both))
    last = kept(one, clients.update(last, one))
    clients.restart()
    clients.update(last, inputs("a", authorities=TWO))
    clients.prove(Last(), proof("a"))
    assert ("b", "delete", "/etc/docker/certs.d/registry.test") in clients.asked


def test_a_client_that_comes_back_is_left_what_it_has(clients: Clients) -> None:
    both, one = inputs("a", "b"), inputs("a")
    last = kept(both, clients.update(Last(), both))
    last = kept(one, clients.update(last, one))
    clients.restart()
    clients.update(last, both)
    clients.prove(Last(), proof("a", "b"))
    assert [entry for entry in clients.asked if entry[1] == "delete"] == []


def test_a_new_folder_is_there_before_the_old_one_goes(clients: Clients) -> None:
    said = inputs("a")
    last = kept(said, clients.update(Last(), said))
    moved = inputs("a", registry={**REGISTRY, "reference": "registry.test:8443", "fullReference": "registry.test:8443"})
    clients.update(last, moved)
    assert clients.asked == [("a", "create", "/etc/docker/certs.d/registry.test:8443")]
    clients.prove(Last(), {**proof("a"), "registry": moved["registry"]})
    assert clients.asked[0] == ("a", "delete", "/etc/docker/certs.d/registry.test")


def test_what_a_failed_update_has_placed_on_a_new_client_can_be_taken_away(clients: Clients) -> None:
    """The engine keeps the inputs of the update before a failed one, and its outputs."""
    one, both = inputs("a"), inputs("a", "b", hosts={**inputs("a", "b")["hosts"]})
    both["hosts"]["b"]["hostsEntry"] = "10.0.0.2/registry.test"
    both["logins"] = {"1": {"password": "other"}}
    last = kept(one, clients.update(Last(), one))
    clients.refusing = {"b"}
    entered = Clients._run

    async def run(self: Clients, reach: Values) -> Run:
        """Let the hosts entry be written, and no folder."""
        inner = await entered(self, reach)

        async def only_entry(line: str, stdin: str) -> Answer:
            return Answer(0, "", "") if "entry=" in line else await inner(line, stdin)

        return only_entry

    clients._run = run.__get__(clients)  # type: ignore[method-assign]
    failed = clients.update(last, both)
    assert failed.failures == {"b": ["it refused"]}
    after = Last(last.inputs, kept(both, failed).outputs)
    clients.restart()
    clients.refusing = set()
    assert Trust(clients._fleets).changed(after, one) == ["placed"]
    dropped = clients.update(after, one).outputs["dropped"]
    assert [(entry["host"], entry["bundle"]) for entry in dropped] == [("b", "hosts")]
    assert dropped[0]["reach"].value["connection"]["password"] == "other"
    assert asyncio.run(Trust(clients._fleets).delete(after, lambda _: None)) == {}


def test_the_old_folder_stays_where_the_new_one_could_not_be_placed(clients: Clients) -> None:
    said = inputs("a", share=1.0)
    last = kept(said, clients.update(Last(), said))
    moved = {**said, "registry": {**REGISTRY, "reference": "registry.test:8443"}}
    moved["hosts"]["a"]["required"] = False
    clients.refusing = {"a"}
    result = clients.update(last, moved)
    assert result.outputs["dropped"] == []
    assert result.outputs["placed"]["a"]["docker"]["place"]["directory"] == "/etc/docker/certs.d/registry.test"


def test_a_proof_is_asked_of_whom_it_is_new_to(clients: Clients) -> None:
    said = inputs("a", "b")
    clients.update(Last(), said)
    proved = clients.prove(Last(), proof("a"))
    settled = kept(proof("a"), proved)
    assert Verification(Fleets()).changed(settled, proof("a")) == []
    clients.prove(settled, proof("a", "b"))
    assert {host for host, *_ in clients.asked} == {"b"}
    clients.prove(settled, proof("a", "b", generation="2"))
    assert {host for host, *_ in clients.asked} == {"a", "b"}


def test_a_failed_proof_names_the_client_and_the_others_are_kept(clients: Clients) -> None:
    said = inputs("a", "b")
    clients.update(Last(), said)
    clients.refusing = {"b"}
    proved = clients.prove(Last(), proof("a", "b"))
    assert proved.failures == {"b": ["it refused"]}
    assert proved.outputs["proven"].keys() == {"a"}


def test_who_is_excused_from_trust_proves_nothing(clients: Clients) -> None:
    said = inputs("a", "b", share=50.0)
    clients.down = {"b"}
    clients.update(Last(), said)
    assert not clients.prove(Last(), proof("a", "b")).failures


def test_a_destroy_takes_everything_away_and_names_what_it_could_not(clients: Clients) -> None:
    said = inputs("a", "b")
    last = kept(said, clients.update(Last(), said))
    clients.restart()
    clients.asked.clear()
    clients.down = {"b"}
    assert asyncio.run(Trust(clients._fleets).delete(last, lambda _: None)) == {"b": ["b: no answer within 10 s"]}
    assert clients.asked == [("a", "delete", "/etc/docker/certs.d/registry.test")]


def test_two_registries_of_one_program_know_nothing_of_each_other(clients: Clients) -> None:
    other = inputs("a", registry={**REGISTRY, "mark": f"{MARK}/mirror", "reference": "mirror.test"})
    said = inputs("a", "b")
    last = kept(said, clients.update(Last(), said))
    clients.update(last, inputs("a"))
    clients.update(Last(), other)
    clients.prove(Last(), {**proof("a"), "registry": other["registry"]})
    assert [entry for entry in clients.asked if entry[1] == "delete"] == []


def test_a_secret_is_marked_for_the_engine_and_plain_for_who_works() -> None:
    values = {"reach": Secret({"password": "marker"}), "list": [Secret("one"), 2]}
    assert "marker" in str(sent(values))
    assert received(sent(values)) == {"reach": {"password": "marker"}, "list": ["one", 2.0]}
    assert "4dabf18193072939515e22adb298388d" in str(sent(values))


def test_how_a_dropped_client_is_reached_is_secret(clients: Clients) -> None:
    both = inputs("a", "b")
    last = kept(both, clients.update(Last(), both))
    [entry] = clients.update(last, inputs("a")).outputs["dropped"]
    assert isinstance(entry["reach"], Secret)


def test_what_to_do_is_said_once_for_all_clients_with_the_same_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str]] = []
    servicer = Servicer({kind.name: kind for kind in (Trust(Fleets()), Verification(Fleets()))}, "", "1", lambda: None)

    async def log(_: str, severity: Any, message: str, ephemeral: bool = False) -> None:
        said.append((str(severity), message))

    monkeypatch.setattr(servicer, "_log", log)
    down = {f"web-{number}": ["no answer within 10 s"] for number in range(1, 100)}
    urn = "urn:pulumi:test::project::private-registry:index:ClientsTrust::registry-trust"
    asyncio.run(servicer._advise(urn, {**down, "other": ["something new"]}))
    [(_, first), (_, second)] = said
    assert first.startswith("web-1, web-2, web-3 and 96 more: The host does not answer.")
    assert "Still working: the registry. nginx keeps the current certificate" in first
    assert second.startswith("other: Still working: the registry.")


def test_an_update_that_is_stopped_begins_on_no_client_more(clients: Clients) -> None:
    clients._fleets.stop()
    said = inputs("a")
    result = clients.update(Last(), said)
    assert result.failures == {"a": ["not tried, since the update was stopped"]}
    assert clients.asked == []


def test_an_unexpected_fault_at_one_client_stops_no_other(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entered = clients._run

    async def run(reach: Values) -> Run:
        if reach["connection"]["host"] == "b":
            raise ValueError("marker of a secret")
        return await entered(reach)

    monkeypatch.setattr(clients, "_run", run)
    result = clients.update(Last(), inputs("a", "b", "c"))
    assert result.failures.keys() == {"b"}
    assert result.failures["b"][0].startswith("unexpected ValueError in test_provider.py, line ")
    assert "marker" not in str(result.failures)
    assert result.outputs["placed"].keys() == {"a", "c"}
    assert "marker" not in "".join(capsys.readouterr())


def test_without_its_trust_nobody_proves_anything(clients: Clients) -> None:
    last = Last(proof("a"), {"proven": {}, "removed": ["known"]})
    result = clients.prove(last, proof("a"))
    assert "leave out --target" in str(result.failures)
    assert result.outputs == last.outputs


def test_what_a_removal_that_failed_halfway_has_taken_is_placed_again(clients: Clients) -> None:
    """A removal of all clients that fails leaves a state in which everything is placed, and takes the proof away."""
    said = inputs("a")
    last = kept(said, clients.update(Last(), said))
    clients.restart()
    Trust(clients._fleets).changed(last, said)
    verification = Verification(clients._fleets)
    clients.asked.clear()
    assert not asyncio.run(verification.update(Last(), proof("a"), lambda _: None)).failures
    assert clients.asked[0][:2] == ("a", "create")
