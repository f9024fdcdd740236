"""What a preview is said to mean for several servers: from what the program declares before and after."""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.places import PROJECT
from review.events import Preview
from review.impact import Impact
from review.impacts import impacts
from review.render import markdown
from tests.unit.authority import issue
from tests.unit.conftest import BASE, CONTAINER, DIGEST, Declare, Recorder
from tests.unit.events import Event, event, preview, urn
from tests.unit.fleet import VERIFICATION
from tests.unit.several import SEVERAL

PROOF = "private-registry:index:ServerProof"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for what comes from a container that is made in the update."""
GOLDEN = PROJECT / "tests/unit/review/servers-nginx.md"
KEPT_BY_DOCKER = {"memory", "memorySwap"}


def steps(before: Recorder, after: Recorder) -> Iterator[Event]:
    """Yield the events of an update, as the engine would show it of the same resources."""
    old, new = ({(one.type, one.name): one.inputs for one in recorder.resources} for recorder in (before, after))
    for key in {**old, **new}:
        type_, name = key
        parent = whole_urn((after if key in new else before).options[key].above, after, before)
        was, is_ = old.get(key), new.get(key)
        if was and is_ and type_ in (PROOF, VERIFICATION):
            is_ = {**is_, "generation": UNKNOWN}
        diffs = [one for one in {**(was or {}), **(is_ or {})} if (was or {}).get(one) != (is_ or {}).get(one)]
        yield event(op(type_, was, is_, diffs), type_, name, was, is_, diffs, parent=parent)


def whole_urn(key: tuple[str, str], *recorders: Recorder) -> str:
    """Return the URN as the engine has it; mocks leave out some of the types above."""
    for recorder in recorders:
        if key in recorder.options:
            return urn(*key, whole_urn(recorder.options[key].above, *recorders))
    return ""


def op(type_: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, diffs: list[str]) -> str:
    if old is None or new is None:
        return "create" if old is None else "delete"
    if type_ == CONTAINER and set(diffs) - KEPT_BY_DOCKER:
        return "replace"
    return "update" if diffs else "same"


def change(before: Recorder, after: Recorder) -> Preview:
    return preview(*steps(before, after))


def changes(declare: Declare, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Impact]:
    return impacts(change(declare(**before), declare(**after)))


def with_nginx(digit: str) -> dict[str, Any]:
    return {**SEVERAL, "images": {"registry": f"sha256:{DIGEST}", "nginx": f"sha256:{digit * 64}"}}


def alone(settings: Mapping[str, Any] = SEVERAL) -> dict[str, Any]:
    return {**settings, "servers": SEVERAL["servers"][:1]}


IN_TURN = Impact(
    "the stack",
    "servers change in turn: 10.0.0.5, then b, then c",
    "each waits until a client has proven the one before it; if one fails, those after it stay as they are",
)
AWAY = "stops and starts again; clients use the other servers"
GONE = "stopped; clients use the other servers"


def test_another_nginx_interrupts_no_one_where_another_server_serves(declare: Declare) -> None:
    found = changes(declare, with_nginx("a"), with_nginx("b"))
    first, *rest = [row for row in found if "nginx: " in row.change or row == IN_TURN]
    assert first == IN_TURN
    assert [(row.host, row.effect) for row in rest] == [(f"server {name}", AWAY) for name in ("10.0.0.5", "b", "c")]
    assert not [row for row in found if row.disruptive]
    shown = markdown(change(declare(**with_nginx("a")), declare(**with_nginx("b"))))
    assert f"{shown}\n" == GOLDEN.read_text()


def test_another_nginx_of_the_only_one_that_serves_is_an_interruption(declare: Declare) -> None:
    """In an update that adds the others, which nobody uses yet."""
    [row] = [row for row in changes(declare, alone(with_nginx("a")), with_nginx("b")) if row.disruptive]
    assert row.host == "server 10.0.0.5"
    assert row.effect == "stopped and started again: the registry is unavailable for some seconds"


def test_servers_that_are_added_have_rows_together(declare: Declare) -> None:
    shown = markdown(change(declare(**alone()), declare(**SEVERAL)))
    assert shown.count("servers change in turn") == 1
    for row in (
        "| 2 servers: b, c | nginx: container | starts for the first time |",
        "| server 10.0.0.5 | nginx's configuration: token.key | nginx reloads with the new configuration; no interru",
        "| 10.0.0.6 | how its Docker is reached: created | nothing on the server changes |",
        "| server b | a client proves server b | login, push and pull through this server alone; if that fails, no",
    ):
        assert row in shown


def test_servers_that_leave_are_no_loss_while_one_stays(declare: Declare) -> None:
    found = changes(declare, SEVERAL, alone())
    assert IN_TURN not in found
    assert [row.host for row in found if row.effect == GONE] == ["server b", "server c"] * 3
    assert not [row for row in found if row.disruptive]
    assert {row.change for row in found if row.change.startswith("no client")} == {
        "no client proves server 10.0.0.5 by itself any more",
        "no client proves server b by itself any more",
        "no client proves server c by itself any more",
    }
    nobody = impacts(preview(*(event("delete", one.type, one.name, one.inputs, None) for one in declare().resources)))
    assert [row for row in nobody if row.disruptive], "as of one that leaves nobody"


def test_without_a_client_the_next_server_waits_for_the_health_of_the_one_before(declare: Declare) -> None:
    first = changes(declare, {**with_nginx("a"), "clients": []}, {**with_nginx("b"), "clients": []})[0]
    assert first.effect.startswith("each waits until the one before it is healthy; ")


def of_acme(number: int = 3, **source: Any) -> dict[str, Any]:
    images = {**BASE["images"], "lego": f"sha256:{DIGEST}"}
    servers = SEVERAL["servers"][:number]
    return {**SEVERAL, "servers": servers, "images": images, "certificate": {"source": "acme", **source}}


def test_each_server_asks_a_ca_and_what_clients_trust_is_said_once(declare: Declare) -> None:
    root = issue("team root", authority=True, ends=1000).pem
    found = changes(declare, {**of_acme(), "certificate": {}}, of_acme(authority=root))
    asking = [row.host for row in found if " is asked in the update for a certificate " in row.change]
    assert asking == ["server 10.0.0.5", "server b", "server c"]
    said = [row.change for row in found if row.host == "the stack"]
    assert len([text for text in said if text.startswith("a new server certificate: from acme instead of self-")]) == 1
    assert len([text for text in said if "is placed on clients" in text]) == 1


def test_a_server_that_comes_or_goes_changes_nothing_of_what_clients_trust(declare: Declare) -> None:
    root = issue("team root", authority=True, ends=1000).pem
    two, three = of_acme(2, authority=root), of_acme(authority=root)
    for before, after, word in ((two, three, "in the update for a certificate"), (three, two, "for no certificate")):
        found = changes(declare, before, after)
        assert [row.host for row in found if word in row.change] == ["server c"]
        assert not [row for row in found if row.disruptive or "clients" in row.change]
