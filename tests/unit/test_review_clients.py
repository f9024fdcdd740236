"""What a preview says of the clients: which of them gains, keeps or loses trust, and what is placed there."""

from typing import Any

import pytest

from review.events import Preview
from review.files import file_differences
from review.impact import named
from review.impacts import belonging, impacts
from review.render import markdown
from tests.unit import events
from tests.unit.events import COMMAND, COMPONENT, REGISTRY, Event, event, urn

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
CA = "/etc/docker/certs.d/r.test/ca.crt"
STORE = "the system's store, private-registry_r.test_12ab34cd_*.crt"
ROOT, NEXT = {"1a": "root, until 2030-01-01"}, {"2b": "next, until 2040-01-01"}
HOST = "10.0.0.7"
REMOTE, LOCAL = "command:remote:Command", COMMAND


def trusting(digest: str = "d1", *runtimes: str, link: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return what a component of a client says of itself."""
    files = {"docker": CA, "system": STORE}
    known = {
        "host": HOST,
        "reference": "r.test",
        "runtimes": {
            runtime: {"files": {files[runtime]: {"mode": "0644", "digest": digest}}, "link": link}
            for runtime in runtimes or ("docker",)
        },
        "authorities": ROOT,
    }
    return {**known, **changes}


def before_runtimes(**changes: Any) -> dict[str, Any]:
    """Return what it said when Docker was the only one."""
    files = {CA: {"mode": "0644", "digest": "d1"}}
    return {"host": HOST, "runtime": "docker", "reference": "r.test", "files": files, "authorities": ROOT, **changes}


def client(
    op: str,
    old: Any,
    new: Any,
    name: str = "any-name",
    *,
    kind: str = "ClientTrust",
    commands: tuple[str, ...] | None = None,
    command_type: str = REMOTE,
    diffs: Any = ("stdin", "create"),
) -> list[Event]:
    """Return the steps of a component and of what is below it: as a rule the same is done to both."""
    component = urn(f"{COMPONENT}{kind}", name, REGISTRY)
    done = (op,) if commands is None else commands
    return [
        event(op, f"{COMPONENT}{kind}", name, old, new),
        *bundle(done, name, component, command_type, diffs),
    ]


def bundle(
    commands: tuple[str, ...],
    name: str,
    component: str | None = None,
    command_type: str = REMOTE,
    diffs: Any = ("stdin", "create"),
    *,
    kind: str = "",
) -> list[Event]:
    """Return the steps of files below a component and of their commands: one for each runtime."""
    component = component or urn(f"{COMPONENT}ClientTrust", name, REGISTRY)
    own = f"{name}{kind}"
    files = urn(f"{COMPONENT}HostFiles", own, component)
    says = {"kind": kind} if kind else {}
    ends = {"create": (None, says), "delete": (says, None)}
    before, after = ends.get(commands[0] if commands else "", (says, says))
    return [
        event("same", f"{COMPONENT}HostFiles", own, before, after, parent=component),
        *(event(op, command_type, own, before, after, diffs, parent=files) for op in commands),
    ]


def preview(*found: list[Event]) -> Preview:
    return events.preview(*(one for some in found for one in some))


def said(*found: list[Event]) -> list[tuple[str, str, str, bool]]:
    return [(row.host, row.change, row.effect, row.disruptive) for row in impacts(preview(*found))]


ENTRY: Event = {"hostsEntry": {"address": "10.0.0.2", "name": "r.test"}}
LINK = "/etc/docker/certs.d/r.test:443"
MOVED = before_runtimes(
    reference="r.test:8443", files={CA.replace("r.test", "r.test:8443"): {"mode": "0644", "digest": "d1"}}
)


@pytest.mark.parametrize(
    ("op", "old", "new", "change", "effect", "disruptive"),
    [
        (
            "create",
            None,
            trusting(link=LINK, **ENTRY),
            f"placed: {CA}, {LINK}, a link, hosts entry 10.0.0.2 r.test",
            "trust gained",
            False,
        ),
        ("create", None, trusting(UNKNOWN, authorities=UNKNOWN), f"placed: {CA}", "trust gained", False),
        ("delete", trusting(), None, f"removed: {CA}", "trust lost", True),
        (
            "replace",
            before_runtimes(),
            MOVED,
            f"removed: {CA}; then placed: /etc/docker/certs.d/r.test:8443/ca.crt",
            "trust as r.test lost, then as r.test:8443 gained",
            True,
        ),
        (
            "update",
            trusting(),
            trusting("d2", authorities={**ROOT, **NEXT}),
            CA,
            "trust gained in next, until 2040-01-01",
            False,
        ),
        (
            "update",
            trusting("d2", authorities={**ROOT, **NEXT}),
            trusting(authorities=NEXT),
            CA,
            "trust lost in root, until 2030-01-01",
            True,
        ),
        ("update", trusting(), trusting("d2"), CA, "trust in the same CAs", False),
        (
            "update",
            trusting(),
            trusting(**ENTRY),
            "hosts entry: none → 10.0.0.2 r.test",
            "the registry's name resolves to it",
            False,
        ),
        (
            "update",
            trusting(),
            trusting(link=LINK),
            f"placed: {LINK}, a link",
            "trust gained for this name too",
            False,
        ),
    ],
)
def test_what_becomes_of_a_clients_trust_is_said(
    op: str, old: Any, new: Any, change: str, effect: str, disruptive: bool
) -> None:
    assert said(client(op, old, new)) == [(HOST, change, effect, disruptive)]


@pytest.mark.parametrize(
    ("diffs", "change", "effect"),
    [
        (["stdin"], "written again with the same content", "trust kept"),
        (["connection", "create"], "only how it is reached", "trust kept"),
        (["stdin", "create"], f"written again: {CA}", "trust as configured before"),
    ],
)
def test_what_a_command_does_without_a_change_of_what_is_declared(diffs: list[str], change: str, effect: str) -> None:
    steps = client("same", trusting(), trusting(), commands=("update",), diffs=diffs)
    assert said(steps) == [(HOST, change, effect, False)]


def test_a_client_of_the_version_before_gains_what_is_said_of_it_without_an_alarm() -> None:
    """Its component has no inputs in the state: what it trusted before is not known, and nothing is said to be lost."""
    placed = f"written again: {CA}, {LINK}, a link"
    new = trusting(UNKNOWN, authorities=UNKNOWN, link=LINK)
    [row] = said(client("update", {}, new))
    assert row == (HOST, placed, "the state does not contain what it trusted before this update", False)
    assert file_differences(preview(client("update", {}, new))) == []
    quiet = ("its entry in the state", "nothing on it changes", False)
    told = client("update", {}, trusting(), commands=())
    proof = client("update", {}, {"host": HOST}, "proof", kind="Verification", commands=())
    assert set(said(told, proof)) == {(HOST, *quiet)}


def test_a_client_of_the_version_before_that_goes_is_not_passed_over() -> None:
    [row] = said(client("delete", {}, None, "registry-trust-10.0.0.7"))
    assert row == ("registry-trust-10.0.0.7", "removed: its files", "trust lost", True)


def test_clients_with_the_same_consequence_are_one_row() -> None:
    hosts = [f"10.0.0.{number}" for number in range(11, 23)]
    told = preview(*(client("create", None, trusting(host=host), host) for host in hosts))
    assert "| 12 clients: 10.0.0.11, 10.0.0.12, 10.0.0.13, … | placed:" in markdown(told)
    assert belonging(told) == len(hosts)
    assert named([HOST]) == HOST


def test_a_client_that_is_reached_in_another_way_is_said_to_end_without_trust() -> None:
    """The engine makes a local command in the place of a remote one, and deletes that at the end."""
    placed = client("same", trusting(), trusting(), commands=("create",), command_type=LOCAL)
    [_, _, removed] = client("same", trusting(), trusting(), commands=("delete",))
    assert {(effect, disruptive) for _, _, effect, disruptive in said([*placed, removed])} == {
        ("trust gained, and lost again at the end; instead remove it from the list, update, and add it again", True),
        ("trust lost", True),
    }


def test_an_authority_that_the_update_makes_is_named() -> None:
    made = event(
        "create",
        "tls:index/selfSignedCert:SelfSignedCert",
        "registry-certificate-authority-2027",
        None,
        {"subject": {"commonName": "CA 2027"}},
    )
    update = client("update", trusting(), trusting(UNKNOWN, authorities=UNKNOWN))
    assert (HOST, CA, "trust gained in CA 2027, created by the update", False) in said([*update, made])
    [difference] = file_differences(preview([*update, made]))
    assert difference.file == f"ca.crt, its CA certificates ({HOST})"
    assert difference.lines == ("+CA 2027, created by the update",)


@pytest.mark.parametrize(
    ("op", "effect"), [("create", "verified"), ("update", "verified again"), ("delete", "no longer verified")]
)
def test_a_proof_is_said_to_come_and_go(op: str, effect: str) -> None:
    known = {"host": HOST, "registry": "r.test"}
    sides: list[Any] = [None if op == missing else known for missing in ("create", "delete")]
    assert said(client(op, *sides, kind="Verification")) == [(HOST, "login, push and pull", effect, False)]


def test_the_proof_of_a_client_that_is_taken_off_has_no_row() -> None:
    gone = client("delete", {"host": HOST}, None, "proof", kind="Verification")
    assert [row[1] for row in said(client("delete", trusting(), None), gone)] == [f"removed: {CA}"]


@pytest.mark.parametrize(
    ("op", "change", "effect"),
    [("create", "on the list", "nothing is placed there"), ("delete", "off the list", "nothing was placed there")],
)
def test_a_client_that_trusts_the_issuer_already_has_a_row(op: str, change: str, effect: str) -> None:
    known = {"host": HOST, "files": {}}
    sides: list[Any] = [None if op == missing else known for missing in ("create", "delete")]
    assert said(client(op, *sides, commands=())) == [(HOST, change, effect, False)]


def test_a_client_named_as_a_part_of_the_server_is_a_client() -> None:
    name = "hub-trust-one-proxy-users"
    assert said(client("delete", trusting(host="one-proxy-users"), None, name)) == [
        ("one-proxy-users", f"removed: {CA}", "trust lost", True)
    ]


BOTH = ("docker", "system")
RUNTIMES = {
    "one comes": (
        trusting("d1", "docker"),
        trusting("d1", *BOTH),
        {"system": "create"},
        [(f"placed: {STORE}", "trust by system gained", False)],
    ),
    "one goes": (
        trusting("d1", *BOTH, **ENTRY),
        trusting("d1", "docker", **ENTRY),
        {"system": "delete"},
        [(f"removed: {STORE}", "trust by system lost", True)],
    ),
    "Docker goes, and the hosts entry stays": (
        trusting("d1", *BOTH, **ENTRY),
        trusting("d1", "system", **ENTRY),
        {"docker": "delete", "hosts": "create"},
        [
            (f"removed: {CA}, hosts entry 10.0.0.2 r.test", "trust by docker lost", True),
            ("hosts entry: 10.0.0.2 r.test, on another line", "the registry's name resolves to it", False),
        ],
    ),
    "the hosts entry alone": (
        trusting("d1", "system", **ENTRY),
        trusting("d1", "system", hostsEntry={"address": "10.0.0.3", "name": "r.test"}),
        {"hosts": "update"},
        [("hosts entry: 10.0.0.2 r.test → 10.0.0.3 r.test", "the registry's name resolves to it", False)],
    ),
    "an authority comes for both": (
        trusting("d1", *BOTH),
        trusting("d2", *BOTH, authorities={**ROOT, **NEXT}),
        {"docker": "update", "system": "update"},
        [
            (CA, "trust gained in next, until 2040-01-01", False),
            (STORE, "trust gained in next, until 2040-01-01", False),
        ],
    ),
    "the store comes to a client of before": (
        before_runtimes(),
        trusting("d1", *BOTH),
        {"docker": "update", "system": "create"},
        [
            ("written again with the same content", "trust kept", False),
            (f"placed: {STORE}", "trust by system gained", False),
        ],
    ),
}


@pytest.mark.parametrize("case", RUNTIMES)
def test_what_becomes_of_each_runtime_is_said(case: str) -> None:
    old, new, done, expected = RUNTIMES[case]
    below = [one for kind, op in done.items() for one in bundle((op,), "any-name", diffs=["stdin"], kind=kind)]
    told = said([*client("update", old, new, commands=())[:1], *below])
    assert sorted(told) == sorted((HOST, *row) for row in expected)


STEPS = {"docker": ["TLS", "login"], "system": ["TLS", "401"]}


@pytest.mark.parametrize(
    ("op", "old", "new", "commands", "change", "effect"),
    [
        ("update", BOTH, BOTH, ("update", "update"), "TLS, login, 401", "verified again"),
        ("update", ("docker",), BOTH, ("create",), "TLS, 401", "verified"),
        ("update", BOTH, ("docker",), ("delete",), "TLS, 401", "no longer verified"),
        ("create", (), ("system",), ("create",), "TLS, 401", "verified"),
    ],
)
def test_several_proofs_of_a_client_are_one_row(
    op: str, old: tuple[str, ...], new: tuple[str, ...], commands: tuple[str, ...], change: str, effect: str
) -> None:
    sides: list[Any] = [
        {"host": HOST, "verifies": {runtime: STEPS[runtime] for runtime in known}} if known else None
        for known in (old, new)
    ]
    proof, name = f"{COMPONENT}Verification", "proof"
    component = urn(proof, name, REGISTRY)
    steps = [event(op, proof, name, sides[0], sides[1])]
    steps += [event(one, REMOTE, f"{name}{place}", {}, {}, parent=component) for place, one in enumerate(commands)]
    assert said(steps) == [(HOST, change, effect, False)]
