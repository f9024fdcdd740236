"""What is left of a state when a client is forgotten."""

from typing import Any

from lab.forget import clients, without

TRUST = "urn:pulumi:s::p::a$command:remote:Command::registry-trust-10.0.0.7"
VERIFICATION = "urn:pulumi:s::p::b$command:remote:Command::registry-verification-10.0.0.7"
OTHER = "urn:pulumi:s::p::a$command:remote:Command::registry-trust-10.0.0.77"
PROXY = "urn:pulumi:s::p::c$command:local:Command::registry-proxy-tls"

STATE: dict[str, Any] = {
    "manifest": {},
    "resources": [
        {"urn": TRUST},
        {"urn": OTHER},
        {"urn": PROXY, "dependencies": [TRUST, OTHER], "propertyDependencies": {"stdin": [TRUST], "create": None}},
        {"urn": VERIFICATION, "dependencies": [PROXY, TRUST]},
    ],
}


def test_a_client_goes_with_all_that_refers_to_it() -> None:
    kept, gone = without(STATE, "10.0.0.7")
    assert gone == {TRUST, VERIFICATION}
    assert [resource["urn"] for resource in kept["resources"]] == [OTHER, PROXY]
    assert f"{TRUST}'" not in str(kept)
    assert kept["resources"][1]["dependencies"] == [OTHER]


def test_a_client_that_is_not_there_changes_nothing() -> None:
    assert without(STATE, "10.0.0.9") == (STATE | {"resources": without(STATE, "10.0.0.9")[0]["resources"]}, set())
    assert clients(STATE) == ["10.0.0.7", "10.0.0.77"]


def test_a_client_with_an_ipv6_address_is_known_by_all_of_it() -> None:
    urn = "urn:pulumi:s::p::a$command:remote:Command::registry-trust-fd00:78::13"
    assert clients({"resources": [{"urn": urn}]}) == ["fd00:78::13"]
    assert without({"resources": [{"urn": urn}]}, "fd00:78::13")[1] == {urn}
