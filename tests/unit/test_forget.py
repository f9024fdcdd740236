"""What is left of a state when a client is forgotten."""

from typing import Any

import pytest

from operations.forget import clients, without

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
    kept, gone = without(whole, client)
    assert gone == set(urns(one))
    assert urns(kept["resources"]) == [STACK, *urns(other), PROXY]
    proxy = kept["resources"][-1]
    assert proxy["dependencies"] == proxy["propertyDependencies"]["stdin"] == [other[2]["urn"]]


def test_a_client_that_is_not_there_changes_nothing() -> None:
    whole = state(of("10.0.0.7"), of("10.0.0.77"))
    kept, gone = without(whole, "10.0.0.9")
    assert gone == set()
    assert urns(kept["resources"]) == urns(whole["resources"])
