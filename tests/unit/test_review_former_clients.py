"""What a preview says of clients that a version before 0.3 left: each was a component with commands below it."""

from typing import Any

import pytest

from review.files import file_differences
from review.impacts import belonging, impacts
from tests.unit.client_events import (
    CA,
    FILES,
    HOST,
    NEXT,
    ROOT,
    STEPS,
    STORE,
    client,
    proving,
    trust,
    trusting,
    verification,
)
from tests.unit.events import COMPONENT, REGISTRY, Event, event, preview, urn

REMOTE = "command:remote:Command"
NAME = f"registry-trust-{HOST}"
OLD_STORE = STORE.replace("12ab34cd", "98fe76dc")
OLD_FILES = {"docker": CA, "system": OLD_STORE}
ENTRY: dict[str, Any] = {"hostsEntry": {"address": "10.0.0.2", "name": "r.test"}}
BOTH = ("docker", "system")
Row = tuple[str, str, str, bool]


def known(*runtimes: str, host: str = HOST, **changes: Any) -> dict[str, Any]:
    """Return what a component of a client said of itself."""
    files = {
        runtime: {"files": {OLD_FILES[runtime]: {"mode": "0644", "digest": "d0"}}, "link": None}
        for runtime in runtimes or ("docker",)
    }
    return {"host": host, "reference": "r.test", "runtimes": files, "authorities": ROOT, **changes}


def before_runtimes() -> dict[str, Any]:
    """Return what it said when Docker was the only one."""
    files = {CA: {"mode": "0644", "digest": "d0"}}
    return {"host": HOST, "runtime": "docker", "reference": "r.test", "files": files, "authorities": ROOT}


def deleted(inputs: dict[str, Any], *kinds: str, name: str = NAME) -> list[Event]:
    """Return the steps that delete a client's trust with all that is below it, and its proof."""
    component = urn(f"{COMPONENT}ClientTrust", name, REGISTRY)
    proof_name = name.replace("-trust-", "-verification-")
    proof = urn(f"{COMPONENT}Verification", proof_name, REGISTRY)
    verifies = {"verifies": {runtime: STEPS[runtime] for runtime in inputs.get("runtimes", ()) if runtime in STEPS}}
    proven = {"host": inputs["host"], **verifies} if inputs else {}
    steps = [event("delete", f"{COMPONENT}ClientTrust", name, inputs)]
    for kind in kinds or ("docker",):
        files = urn(f"{COMPONENT}HostFiles", f"{name}{kind}", component)
        steps.append(event("delete", f"{COMPONENT}HostFiles", f"{name}{kind}", {"kind": kind}, parent=component))
        steps.append(event("delete", REMOTE, f"{name}{kind}", {}, parent=files))
    return [
        *steps,
        event("delete", f"{COMPONENT}Verification", proof_name, proven),
        event("delete", REMOTE, proof_name, {}, parent=proof),
    ]


def said(*found: Event) -> list[Row]:
    return [(row.host, row.change, row.effect, row.disruptive) for row in impacts(preview(*found))]


def created(new: dict[str, Any], runtimes: Any = None) -> list[Event]:
    return [trust("create", None, new), verification("create", None, proving(runtimes))]


VERIFIED = (HOST, "TLS, login", "verified again", False)


@pytest.mark.parametrize("old", [known(), before_runtimes()])
def test_a_client_that_stays_keeps_trust_and_its_old_entry_goes_in_silence(old: dict[str, Any]) -> None:
    steps = [*created(trusting()), *deleted(old)]
    assert said(*steps) == [(HOST, f"written again: {CA}", "trust kept", False), VERIFIED]
    assert belonging(preview(*steps)) == 5
    assert file_differences(preview(*steps)) == []


def test_what_changes_besides_is_told() -> None:
    new = trusting(hosts={HOST: client(hostsEntry="10.0.0.3/r.test")}, trusted=NEXT)
    steps = [*created(new), *deleted(known(**ENTRY))]
    assert said(*steps)[:2] == [
        (
            HOST,
            f"written again: {CA}",
            "trust gained in next, until 2040-01-01; trust lost in root, until 2030-01-01",
            True,
        ),
        (HOST, "hosts entry: 10.0.0.2 r.test → 10.0.0.3 r.test", "the registry's name resolves to it", False),
    ]
    [difference] = file_differences(preview(*steps))
    assert difference.lines == ("-root, until 2030-01-01", "+next, until 2040-01-01")
    same = trusting(hosts={HOST: client(hostsEntry="10.0.0.2/r.test")})
    kept = f"written again: {CA}, hosts entry 10.0.0.2 r.test"
    assert said(*created(same), *deleted(known(**ENTRY)))[0] == (HOST, kept, "trust kept", False)
    moved = trusting(names=["hub.test"], files={"docker": ["/etc/docker/certs.d/hub.test/ca.crt"]})
    [row, _] = said(*created(moved), *deleted(known()))
    assert row[1:] == (
        f"placed: /etc/docker/certs.d/hub.test/ca.crt; then removed: {CA}",
        "trust gained as hub.test; trust lost as r.test",
        True,
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (BOTH, BOTH, [(f"written again: {CA}", "trust kept"), (f"written again: {STORE}", "trust kept")]),
        (("docker",), BOTH, [(f"written again: {CA}", "trust kept"), (f"placed: {STORE}", "trust by system gained")]),
        (
            BOTH,
            ("docker",),
            [(f"written again: {CA}", "trust kept"), (f"removed: {OLD_STORE}", "trust by system lost")],
        ),
    ],
)
def test_each_runtime_is_told_of(old: tuple[str, ...], new: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    steps = [trust("create", None, trusting(hosts={HOST: client(*new)})), *deleted(known(*old), *old)]
    assert sorted((change, effect) for _, change, effect, _ in said(*steps)) == sorted(expected)


def test_a_client_that_goes_in_the_same_update_loses_trust() -> None:
    gone = deleted(known(*BOTH, host="10.0.0.8", **ENTRY), *BOTH, "hosts", name="registry-trust-10.0.0.8")
    rows = said(*created(trusting()), *deleted(known()), *gone)
    assert sorted(rows, key=str) == sorted(
        [
            (HOST, f"written again: {CA}", "trust kept", False),
            VERIFIED,
            ("10.0.0.8", f"removed: {CA}, hosts entry 10.0.0.2 r.test", "trust by docker lost", True),
            ("10.0.0.8", f"removed: {OLD_STORE}", "trust by system lost", True),
            ("10.0.0.8", "hosts entry: 10.0.0.2 r.test → none", "the registry's name resolves as without it", False),
        ],
        key=str,
    )


def test_what_is_deleted_later_than_it_was_taken_over_is_no_loss() -> None:
    """An update failed in between: all is placed anew, and the old entries are still in the state."""
    placed = [trust("same", trusting(), trusting()), verification("same", proving(), proving())]
    assert said(*placed, *deleted(known())) == []
    assert said(*placed, *deleted({})) == []


def test_a_state_that_says_nothing_is_taken_over_without_an_alarm() -> None:
    new = trusting(hosts={HOST: client(hostsEntry="10.0.0.2/r.test")})
    steps = [*created(new), *deleted({})]
    assert said(*steps) == [
        (
            HOST,
            f"written again: {CA}, hosts entry 10.0.0.2 r.test",
            "the state does not contain what it trusted before this update",
            False,
        ),
        VERIFIED,
    ]
    assert file_differences(preview(*steps)) == []


@pytest.mark.parametrize(("old", "shown", "files"), [(known(), HOST, CA), ({}, NAME, "its files")])
def test_a_preview_that_only_deletes_is_readable(old: dict[str, Any], shown: str, files: str) -> None:
    assert said(*deleted(old)) == [(shown, f"removed: {files}", "trust lost", True)]


def test_a_client_on_which_nothing_was_placed_goes_and_stays() -> None:
    nothing = {**known(), "runtimes": {}}
    off = event("delete", f"{COMPONENT}ClientTrust", NAME, nothing)
    assert said(off) == [(HOST, "off the list", "nothing was placed there", False)]
    public = trusting(files=dict.fromkeys(FILES, ()))
    assert said(trust("create", None, public), off) == [
        (HOST, "its entry in the state", "nothing on it changes", False)
    ]


def test_a_client_that_is_verified_no_more_is_told_of() -> None:
    steps = [trust("create", None, trusting()), verification("create", None, proving({})), *deleted(known())]
    assert (HOST, "TLS, login", "no longer verified", False) in said(*steps)


def test_a_client_named_as_a_part_of_the_server_is_a_client() -> None:
    gone = deleted(known(host="one-proxy-users"), name="hub-trust-one-proxy-users")
    assert said(*gone) == [("one-proxy-users", f"removed: {CA}", "trust lost", True)]
