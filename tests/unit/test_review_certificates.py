"""What a preview says of the certificate: where it comes from, who signs, who gains or loses trust."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from review.certificates import has_gap
from review.impacts import impacts
from review.render import text
from tests.unit.events import TIME, event, preview

AUTHORITY = "tls:index/selfSignedCert:SelfSignedCert"
SERVER = "tls:index/locallySignedCert:LocallySignedCert"
KEY = "tls:index/privateKey:PrivateKey"
UNTIL = "2036-11-23T00:00:00Z"
ROOT = {"CN=team root": {"sha256": "root", "until": UNTIL}}
BEFORE: Mapping[str, Any] = {}
"""What a state of the version before says."""

Side = Mapping[str, Any] | None


def kind(source: str) -> str:
    name = {"self-signed": "SelfSigned", "provided": "Provided", "signing-authority": "SigningAuthority"}[source]
    return f"private-registry:index:{name}Certificate"


def own(*names: str, **more: Any) -> dict[str, Any]:
    """Return what a component with authorities of the stack's own says."""
    authorities = {name: {"commonName": f"test registry authority {name}"} for name in names}
    given = more.pop("given", {})
    return {
        "source": "self-signed",
        "names": ["registry.test"],
        "signer": names[0],
        "anchors": [names[0]],
        "authorities": {**authorities, **given},
        "rotation": "",
        **more,
    }


def signing(**given: Mapping[str, str]) -> dict[str, Any]:
    authorities = {**ROOT, **given}
    return {
        "source": "signing-authority",
        "names": ["registry.test"],
        "signer": "CN=team intermediate",
        "anchors": ["CN=team root"],
        "authorities": authorities,
        "rotation": "",
    }


def provided(leaf: str = "leaf", until: str = UNTIL, **more: Any) -> dict[str, Any]:
    served = {"sha256": leaf, "until": until}
    given = {"source": "provided", "names": ["registry.test"], "signer": "CN=shop", "anchors": ["CN=team root"]}
    return {**given, "authorities": ROOT, "served": served, **more}


def given_too(*names: str) -> dict[str, Any]:
    """Return authorities of the stack's own as they are given to a source that does not make them."""
    return {f"CN=test registry authority {name}": {"sha256": f"own {name}", "until": UNTIL} for name in names}


def component(op: str, source: str, old: Side, new: Side) -> dict[str, Any]:
    made = {name: {"sha256": f"own {name}"} for name in (old or {}).get("authorities", {}) if "=" not in name}
    return step(op, kind(source), "registry-certificate", old, new, outputs={"authorities": made})


def step(
    op: str, type_: str, name: str, old: Side = None, new: Side = None, diffs: Any = (), outputs: Any = None
) -> dict[str, Any]:
    return event(op, type_, name, old, new, diffs, outputs=outputs or {})


def authority(op: str, name: str) -> dict[str, Any]:
    subject = {"subject": {"commonName": f"test registry authority {name}"}, "validityPeriodHours": 24 * 3650}
    old, new = (None if op == "create" else subject), (None if op == "delete" else subject)
    return step(op, AUTHORITY, f"any-{name}", old, new)


def server(op: str, *diffs: str) -> dict[str, Any]:
    hours = {"validityPeriodHours": 24 * 365, "earlyRenewalHours": 24 * 30}
    old, new = (None if op == "create" else hours), (None if op == "delete" else hours)
    return step(op, SERVER, "any", old, new, diffs, {"validityEndTime": "2027-11-25T00:00:00Z"})


def said(*steps: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [(row.change, row.effect, row.disruptive) for row in impacts(preview(*steps))]


GAINED, LOST = "clients trust what it signs", "clients no longer trust what it signed"
KEPT = "clients keep trusting the registry: they have its CA"
GIVEN_ROOT = ("CN=team root is placed on clients, until 2036-11-23", GAINED, False)


def test_an_authority_has_the_name_that_the_settings_give_it_whatever_its_resource_is_called() -> None:
    rows = said(component("update", "self-signed", own("2026"), own("2026", "2027")), authority("create", "2027"))
    assert rows == [("CA 2027 is created, for 3650 days", GAINED, False)]
    rows = said(component("update", "self-signed", own("2026", "2027"), own("2026")), authority("delete", "2027"))
    assert rows == [("CA 2027 is removed", LOST, True)]


def test_who_signs_is_named() -> None:
    moved = component("update", "self-signed", own("2026", "2027"), own("2027", "2026"))
    change = "a new server certificate: signed by CA 2027 instead of CA 2026"
    assert said(moved, server("replace", "caCertPem")) == [(change, KEPT, False)]
    first = component("create", "signing-authority", None, signing())
    made = "a server certificate is created, for 365 days, signed by CN=team intermediate"
    assert said(first, server("create")) == [GIVEN_ROOT, (made, "nginx serves it", False)]


def test_an_authority_of_the_teams_own_takes_over_in_steps_and_nothing_alarms_but_the_last() -> None:
    trusted = component("update", "self-signed", own("2027"), own("2027", given=ROOT))
    assert said(trusted) == [GIVEN_ROOT]
    signs = (
        component("delete", "self-signed", own("2027", given=ROOT), None),
        component("create", "signing-authority", None, signing(**given_too("2027"))),
    )
    below = (server("create"), server("delete"), authority("delete", "2027"), step("delete", KEY, "any", {}))
    assert said(*signs, *below) == [
        (
            "a new server certificate: from signing-authority instead of self-signed, "
            "signed by CN=team intermediate instead of CA 2027",
            KEPT,
            False,
        ),
        (
            "CA 2027 is removed",
            "clients keep trusting what it signed: they have it by the setting 'authority' too",
            False,
        ),
    ]
    assert "(until 2027-11-25); this update replaces it." in text(preview(*signs, *below))
    alone = component("update", "signing-authority", signing(**given_too("2027")), signing())
    assert said(alone) == [("CN=test registry authority 2027 is removed from clients", LOST, True)]


def test_the_way_back_is_as_safe() -> None:
    back = (
        component("delete", "signing-authority", signing(), None),
        component("create", "self-signed", None, own("2028", given=ROOT)),
    )
    rows = said(*back, server("create"), server("delete"), authority("create", "2028"))
    assert [disruptive for _, _, disruptive in rows] == [False, False]
    unprepared = component("create", "self-signed", None, own("2028"))
    assert has_gap(preview(back[0], unprepared, server("create"), server("delete"), authority("create", "2028")))


@pytest.mark.parametrize(
    ("old", "new", "gap"),
    [
        (own("2027"), signing(), True),
        (own("2027"), signing(**given_too("2027")), False),
        (own("2027", given=ROOT), signing(), True),
        (own("2027"), provided(), True),
        (own("2027"), provided(authorities={}, anchors=[]), False),
        (signing(), provided(), False),
        (provided(authorities={}, anchors=[]), signing(), False),
    ],
)
def test_a_move_that_clients_would_refuse_is_said_to_fail(old: dict[str, Any], new: dict[str, Any], gap: bool) -> None:
    moved = preview(component("delete", old["source"], old, None), component("create", new["source"], None, new))
    assert has_gap(moved) is gap
    [row] = [row for row in impacts(moved) if row.change.startswith("a new server certificate")]
    assert row.disruptive is gap
    assert ("the update fails" in row.effect) is gap


def test_a_certificate_that_is_given_is_told_of_too() -> None:
    newer = provided("newer", "2037-01-01T00:00:00Z", signer="CN=other shop")
    renewed = component("update", "provided", provided(), newer)
    change = "a new server certificate: until 2037-01-01, signed by CN=other shop instead of CN=shop"
    assert said(renewed) == [(change, KEPT, False)]
    assert "(until 2036-11-23); this update replaces it." in text(preview(renewed))
    same = component("same", "provided", provided(), provided())
    assert "(until 2036-11-23); replace it before that." in text(preview(same))
    first = said(component("create", "provided", None, provided()))
    given = "a server certificate is configured, until 2036-11-23, signed by CN=shop"
    assert first == [GIVEN_ROOT, (given, "nginx serves it", False)]
    gone = said(component("delete", "provided", provided(), None))
    assert [change for change, _, _ in gone] == [
        "CN=team root is removed from clients",
        "the server certificate is removed",
    ]


def test_a_rotation_is_named_by_what_the_settings_say() -> None:
    rotated = component("update", "self-signed", own("1"), own("1", rotation="2026-11"))
    [row] = said(rotated, server("replace", "certRequestPem"), step("create", KEY, "any", None, {}))
    assert row == ("a new server certificate: a rotation, with a new key", KEPT, False)


@pytest.mark.parametrize(("old", "new"), [({}, {"keyType": "RSA-2048"}), ({"keyType": "RSA-2048"}, {})])
def test_another_kind_of_key_is_named(old: dict[str, str], new: dict[str, str]) -> None:
    changed = component("update", "self-signed", own("1", **old), own("1", **new))
    [row] = said(changed, server("replace", "certRequestPem"), step("create", KEY, "any", None, {}))
    kinds = "RSA-2048 instead of P-256" if new else "P-256 instead of RSA-2048"
    assert row == (f"a new server certificate: a key of another type, {kinds}", KEPT, False)
    unknown = component("update", "self-signed", BEFORE, own("1", **new))
    assert "of another kind" not in text(preview(unknown, server("replace", "certRequestPem")))


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (91, ""),
        (89, "has 89 days left (until 2027-02-22)"),
        (0, "has 0 days left (until 2026-11-25)"),
        (-1, "expired on 2026-11-24"),
    ],
)
def test_an_authority_that_ends_soon_is_told_of(days: int, words: str) -> None:
    until = (datetime.fromtimestamp(TIME, UTC) + timedelta(days=days, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = {name: {"sha256": name, "until": until} for name in ("1", "2")}
    root = {"CN=team root": {"sha256": "root", "until": until}}
    old = own("1", "2", given=root)
    for new, names in ((old, ["CA 1", "CA 2", "CN=team root"]), (own("2"), ["CA 2"]), (None, [])):
        found = step("update", kind("self-signed"), "registry-certificate", old, new, outputs={"authorities": made})
        told = [line for line in text(preview(found), width=200).splitlines() if "which clients trust, " in line]
        expected = [f"{name}, which clients trust, {words}: replace it in three updates" for name in names]
        assert told == ([f"{one} (docs/rotate.md)." for one in expected] if words else [])


def test_another_time_of_renewal_makes_no_certificate() -> None:
    old, new = ({"validityPeriodHours": 24 * 365, "earlyRenewalHours": 24 * days} for days in (30, 60))
    [row] = said(step("update", SERVER, "any", old, new, ["earlyRenewalHours"]))
    assert row == ("the server certificate is renewed in its last 60 days instead of 30", "it is not changed", False)


def test_a_state_of_the_version_before_says_nothing_and_alarms_nobody() -> None:
    known = component("update", "self-signed", BEFORE, own("2026", given=ROOT))
    assert said(known) == []
    assert "Nothing changes" in text(preview(known))
    added = component("update", "self-signed", BEFORE, own("2026", "2027"))
    rows = said(added, authority("create", "2027"))
    assert rows == [("CA 2027 is created, for 3650 days", GAINED, False)]
    renewed = said(known, server("replace", "readyForRenewal"))
    assert [(effect, disruptive) for _, effect, disruptive in renewed] == [(KEPT, False)]
    assert said(component("update", "provided", BEFORE, provided())) == []
    assert said(component("delete", "provided", BEFORE, None)) == []


def test_what_is_dropped_too_early_alarms_also_in_a_state_of_the_version_before() -> None:
    signer = {"subject": {"commonName": "test registry authority 2026"}}
    gone = step("delete", AUTHORITY, "any", signer, None, outputs={"certPem": "old"})
    anew = step("replace", SERVER, "any", {"caCertPem": "old"}, {"caCertPem": "new"}, ["caCertPem"])
    assert has_gap(preview(component("update", "self-signed", BEFORE, own("2027")), gone, anew))
