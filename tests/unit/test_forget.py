"""What is left of a state when a client or a server is forgotten."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest

from operations.command_line import CommandLine, OperationError
from operations.fleet import TRUST, VERIFICATION
from operations.forget import clients, forget, forget_server, leaving, without, without_servers
from operations.servers import Server, servers_of
from tests.unit.conftest import SECRET_MARK as MARK
from tests.unit.conftest import Declare, Recorder
from tests.unit.several import SEVERAL
from tests.unit.test_acme import IMAGES
from tests.unit.test_drift import exported, urn

STACK = "urn:pulumi:s::p::pulumi:pulumi:Stack::p-s"
PROXY = "urn:pulumi:s::p::c$command:local:Command::hub-proxy-tls"
KINDS = ("ClientTrust", "Verification")


def of(client: str, name: str = "hub", says: bool = True) -> list[dict[str, Any]]:
    """Return what a state has of a client: components, and what is below them."""
    found: list[dict[str, Any]] = []
    for kind, word in zip(KINDS, ("trust", "verification"), strict=True):
        component = f"urn:pulumi:s::p::private-registry:index:{kind}::{name}-{word}-{client}"
        files, command = f"{component}-files", f"{component}-command"
        type_ = f"private-registry:index:{kind}"
        found += [
            {"urn": component, "type": type_, "parent": STACK, "inputs": {"host": client} if says else {}},
            {"urn": files, "type": "private-registry:index:HostFiles", "parent": component},
            {"urn": command, "type": "command:remote:Command", "parent": files},
        ]
    return found


def urns(resources: list[dict[str, Any]]) -> list[str]:
    return [resource["urn"] for resource in resources]


def state(*clients: list[dict[str, Any]]) -> dict[str, Any]:
    placed = [client[2]["urn"] for client in clients]
    proxy = {
        "urn": PROXY,
        "type": "command:local:Command",
        "parent": STACK,
        "dependencies": placed,
        "propertyDependencies": {"stdin": placed, "create": None},
    }
    known = [resource for client in clients for resource in client]
    return {"manifest": {}, "resources": [{"urn": STACK, "type": "pulumi:pulumi:Stack"}, *known, proxy]}


@pytest.mark.parametrize(
    ("name", "says"), [("registry", True), ("registry", False), ("hub", True), ("a-trust-b", True)]
)
@pytest.mark.parametrize("client", ["10.0.0.7", "fd00:78::13", "registry-trust-7"])
def test_a_client_goes_with_all_that_is_below_and_refers_to_it(name: str, says: bool, client: str) -> None:
    one, other = of(client, name, says), of(f"{client}7", name, says)
    whole = state(one, other)
    assert clients(whole) == [client, f"{client}7"]
    kept = without(whole, client)
    assert urns(kept["resources"]) == [STACK, *urns(other), PROXY]
    proxy = kept["resources"][-1]
    assert proxy["dependencies"] == proxy["propertyDependencies"]["stdin"] == [other[2]["urn"]]


def test_a_client_that_is_not_there_changes_nothing() -> None:
    whole = state(of("10.0.0.7"), of("10.0.0.77"))
    assert urns(without(whole, "10.0.0.9")["resources"]) == urns(whole["resources"])
    fleet = {"resources": registry("hub", listed=["10.0.0.7"], dropped=["10.0.0.8"])}
    assert without(fleet, "10.0.0.9") == fleet


def registry(name: str, listed: Sequence[str], dropped: Sequence[str] = (), removed: Sequence[str] = ()) -> list[Any]:
    """Return what a state has of all clients of a registry; the last that is listed did not answer yet."""
    said = {"registry": {"mark": name}}
    trusting = listed[:-1]
    entries = [{"name": f"gone-{host}", "host": host, "reach": {MARK: "encrypted"}} for host in dropped]
    return [
        {
            "urn": f"urn:pulumi:s::p::{TRUST}::{name}-trust",
            "type": TRUST,
            "inputs": {**said, "hosts": {key: {"login": "1"} for key in listed}, "logins": {"1": {MARK: "encrypted"}}},
            "outputs": {
                "placed": {key: {"docker": {}} for key in trusting},
                "texts": {},
                "dropped": entries,
                "missing": dict.fromkeys(listed[-1:], "no answer"),
            },
        },
        {
            "urn": f"urn:pulumi:s::p::{VERIFICATION}::{name}-verification",
            "type": VERIFICATION,
            "inputs": {**said, "hosts": {key: ["docker"] for key in listed}, "password": {MARK: "encrypted"}},
            "outputs": {"proven": {key: {} for key in trusting}, "removed": [f"gone-{host}" for host in removed]},
        },
    ]


@pytest.mark.parametrize("client", ["10.0.0.7", "10.0.0.77"])
def test_a_client_is_taken_out_of_what_all_clients_share(client: str) -> None:
    """One that trusts the registry, and one that an update did without."""
    listed = ["10.0.0.7", "10.0.0.8", "10.0.0.77"]
    whole = {"resources": [*registry("hub", listed), *registry("other", ["10.0.0.8"])]}
    before = copy.deepcopy(whole)
    assert clients(whole) == sorted(listed)
    kept = without(whole, client)
    assert whole == before
    assert client not in clients(kept)
    assert f'"{client}"' not in json.dumps(kept)
    rest = [one for one in listed if one != client]
    trust, verification, *other = kept["resources"]
    assert [*trust["inputs"]["hosts"]] == [*verification["inputs"]["hosts"]] == rest
    assert trust["inputs"]["logins"] == {"1": {MARK: "encrypted"}}
    assert [*trust["outputs"]["placed"], *trust["outputs"]["missing"]] == rest
    assert other == before["resources"][2:]


def test_a_client_that_has_left_the_list_can_be_forgotten_until_all_is_removed_from_it() -> None:
    """A client that is dead: each update fails at it."""
    dropped = ["10.0.0.8", "10.0.0.9"]
    whole = {"resources": registry("hub", ["10.0.0.7"], dropped, removed=["10.0.0.8"])}
    other = registry("other", ["10.0.0.7"], removed=["10.0.0.9"])
    assert clients({"resources": [*whole["resources"], *other]}) == ["10.0.0.7", "10.0.0.9"]
    kept = without(whole, "10.0.0.9")
    assert clients(kept) == ["10.0.0.7"]
    assert kept["resources"][0]["outputs"]["dropped"] == whole["resources"][0]["outputs"]["dropped"][:1]
    assert kept["resources"][1]["outputs"]["removed"] == ["gone-10.0.0.8"]


def test_nothing_is_left_to_do_after_an_update_that_failed_at_a_client() -> None:
    resources = registry("hub", ["10.0.0.7"], ["10.0.0.9"])
    resources[1]["initErrors"] = ["10.0.0.9: no answer"]
    kept = without({"resources": resources}, "10.0.0.9")["resources"]
    assert [one for one in kept if "initErrors" in one] == []


def test_what_was_removed_from_a_client_is_forgotten_with_it() -> None:
    """Else it would count as removed when the client has come back, and leaves again."""
    again = registry("hub", ["10.0.0.7"], ["10.0.0.7"], removed=["10.0.0.7"])
    assert without({"resources": again}, "10.0.0.7")["resources"][1]["outputs"]["removed"] == []


def test_a_client_of_the_version_before_goes_from_both() -> None:
    """As an update leaves it that could not take the old components away."""
    whole = {"resources": [*of("10.0.0.7"), *registry("hub", ["10.0.0.7", "10.0.0.8"])]}
    kept = without(whole, "10.0.0.7")
    assert clients(whole) == ["10.0.0.7", "10.0.0.8"]
    assert clients(kept) == ["10.0.0.8"]
    assert [one["type"] for one in kept["resources"]] == [TRUST, VERIFICATION]


class Answers(CommandLine):
    """A command line that exports a state and keeps the one that is imported."""

    def __init__(self, resources: list[Any]) -> None:
        super().__init__("prod")
        self.done_with: list[Any] = []
        self._exported = json.dumps({"version": 3, "deployment": {"resources": resources}})

    def run(self, *words: str, failure: str, stdin: str | None = None) -> str:
        if stdin:
            self.done_with.append(json.loads(stdin))
        return self._exported


def test_the_state_is_written_and_it_is_said_what_to_do_next() -> None:
    asked = Answers(registry("hub", ["10.0.0.7", "10.0.0.8"]))
    said = forget("10.0.0.7", asked)
    assert said == (
        "Client 10.0.0.7 was removed from the state of stack prod. Files on the host are not changed. "
        "Remove it from private-registry:clients too."
    )
    [written] = asked.done_with
    assert (written["version"], clients(written["deployment"])) == (3, ["10.0.0.8"])
    with pytest.raises(OperationError, match=r"has no client 10\.0\.0\.9; it has 10\.0\.0\.7, 10\.0\.0\.8$"):
        forget("10.0.0.9", asked)
    assert len(asked.done_with) == 1


def several(recorder: Recorder) -> dict[str, Any]:
    """Return a state in which each resource also refers to what it waits for."""
    urns = {resource.name: urn(resource.type, resource.name) for resource in recorder.resources}
    resources = exported(recorder)
    for one, known in zip(resources, recorder.resources, strict=True):
        one["dependencies"] = [urns[name] for name in recorder.options[known.type, known.name].depends_on]
        one["propertyDependencies"] = {"any": list(one["dependencies"])}
    below = {one["urn"]: one for one in resources}

    def depth(one: dict[str, Any]) -> int:
        return 1 + depth(below[one["parent"]]) if one["parent"] in below else 0

    return {"resources": sorted(resources, key=depth)}


def names(deployment: dict[str, Any]) -> set[str]:
    return {resource["urn"].rpartition("::")[2] for resource in deployment["resources"]}


def of_server(name: str, part: str) -> bool:
    """Tell whether a resource is called as one of a server; one server has no name."""
    words = ("registry", "caches", "proxy", "docker-host", "proof")
    starts = [f"registry-{name}{word}" for word in words] + [f"private-registry-test-{name}registry"]
    return part.startswith(tuple(starts))


ASKED = {"images": IMAGES, "certificate": {"source": "acme"}}


@pytest.mark.parametrize(
    ("server", "also", "start"), [("10.0.0.5", [], ""), ("b", ["192.0.2.6", "10.0.0.6"], "b-"), ("c", [], "c-")]
)
def test_a_server_goes_with_all_that_is_on_it_and_refers_to_it(
    declare: Declare, server: str, also: list[str], start: str
) -> None:
    whole = several(declare(**SEVERAL, caches={"docker.io": {}}))
    before = copy.deepcopy(whole)
    for name in [server, *also]:
        kept = without_servers(whole, leaving(servers_of(whole["resources"]), name))
        gone = {one["urn"] for one in whole["resources"]} - {one["urn"] for one in kept["resources"]}
        assert whole == before
        assert names(whole) - names(kept) == {name for name in names(whole) if of_server(start, name)}
        assert not [urn for urn in gone if urn in json.dumps(kept)]
    assert {"registry-seed", "registry-users", "registry-certificate", "registry-trust"} <= names(kept)
    assert [one.name for one in servers_of(kept["resources"])] == [
        one for one in ("10.0.0.5", "b", "c") if one != server
    ]


def test_what_asks_a_ca_goes_with_the_server_that_it_is_on(declare: Declare) -> None:
    whole = several(declare(**SEVERAL, **ASKED))
    certificate = {name for name in names(whole) if name.startswith("registry-certificate")}
    of_b = {name for name in names(whole) if name.startswith("registry-b-certificate")}
    assert len(certificate) == len(of_b) > 5
    asked = Answers(whole["resources"])
    forget_server("10.0.0.5", asked)
    forget_server("b", asked)
    first, second = (names(one["deployment"]) & (certificate | of_b) for one in asked.done_with)
    assert (first, second) == (of_b, certificate)


def test_what_was_begun_on_a_server_is_forgotten_with_it(declare: Declare) -> None:
    """An update was killed, and the server is dead."""
    whole = several(declare(**SEVERAL))
    on = {name: next(one for one in whole["resources"] if one["urn"].endswith(f"::{name}")) for name in names(whole)}
    begun = [{"type": "creating", "resource": on[name]} for name in ("registry-b-proxy-container", "registry-trust")]
    begun_first = {**whole, "resources": [one for one in whole["resources"] if one != begun[0]["resource"]]}
    found = leaving(servers_of(whole["resources"]), "b")
    assert without_servers({**begun_first, "pending_operations": begun}, found)["pending_operations"] == begun[1:]


def test_the_last_server_and_one_that_is_not_there_are_not_forgotten(declare: Declare) -> None:
    alone = Answers(exported(declare()))
    with pytest.raises(OperationError, match=r"^stack prod has no other server than localhost; "):
        forget_server("localhost", alone)
    with pytest.raises(OperationError, match=r"^stack prod has no server d; it has 10\.0\.0\.5, b, c$"):
        forget_server("d", Answers(exported(declare(**SEVERAL))))
    assert alone.done_with == []


def test_a_name_that_means_two_machines_is_refused() -> None:
    def server(registry: str, name: str, host: str) -> Server:
        return Server(registry, name, host, (host,), frozenset(), None)

    hub = [server("hub", "b", "10.0.0.6"), server("hub", "c", "10.0.0.7")]
    other = [server("other", "b", "10.0.0.8"), server("other", "x", "10.0.0.7"), server("other", "y", "10.0.0.9")]
    with pytest.raises(ValueError, match=r"has several servers b: b at 10\.0\.0\.6, b at 10\.0\.0\.8; "):
        leaving([*hub, *other], "b")
    assert leaving([*hub, *other], "10.0.0.7") == [hub[1], other[1]], "one machine serves both"
    with pytest.raises(ValueError, match="has no other server than b"):
        leaving([hub[0], *other[1:]], "b")
    twice = [server("hub", "b", "10.0.0.6"), server("hub", "c", "10.0.0.6")]
    with pytest.raises(ValueError, match=r"b at 10\.0\.0\.6, c at 10\.0\.0\.6"):
        leaving(twice, "10.0.0.6")
