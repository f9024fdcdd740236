"""What a preview says of the clients: which of them gains, keeps or loses trust, and what is placed there."""

from typing import Any

import pytest

from review.files import file_differences
from review.impact import named
from review.impacts import belonging, impacts
from review.render import markdown
from tests.unit.authority import issue
from tests.unit.client_events import (
    CA,
    HOST,
    NEXT,
    ROOT,
    STORE,
    client,
    proving,
    record,
    trust,
    trusting,
    verification,
)
from tests.unit.events import Event, event, preview

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
ENTRY = {"hostsEntry": "10.0.0.2/r.test"}
LINK = "/etc/docker/certs.d/r.test:443"
MOVED: dict[str, Any] = {"names": ["r.test:8443"], "files": {"docker": [CA.replace("r.test", "r.test:8443")]}}
BOTH = ("docker", "system")
Row = tuple[str, str, str, bool]


def said(*found: Event) -> list[Row]:
    return [(row.host, row.change, row.effect, row.disruptive) for row in impacts(preview(*found))]


def of_host(*found: Event) -> list[tuple[str, str, bool]]:
    """Return what is said of the one client there is."""
    assert {host for host, *_ in said(*found)} <= {HOST}
    return [(change, effect, disruptive) for _, change, effect, disruptive in said(*found)]


def hosts(*runtimes: str, **changes: Any) -> dict[str, Any]:
    return {"hosts": {HOST: client(*runtimes, **changes)}}


@pytest.mark.parametrize(
    ("op", "old", "new", "change", "effect", "disruptive"),
    [
        (
            "create",
            None,
            trusting(link=LINK, **hosts(**ENTRY)),
            f"placed: {CA}, {LINK}, a link, hosts entry 10.0.0.2 r.test",
            "trust gained",
            False,
        ),
        ("create", None, trusting(UNKNOWN, trusted=UNKNOWN), f"placed: {CA}", "trust gained", False),
        ("update", trusting(hosts={}), trusting(), f"placed: {CA}", "trust gained", False),
        ("delete", trusting(), None, f"removed: {CA}", "trust lost", True),
        (
            "update",
            trusting(**hosts(**ENTRY)),
            trusting(hosts={}),
            f"removed: {CA}, hosts entry 10.0.0.2 r.test",
            "trust lost",
            True,
        ),
        (
            "update",
            trusting(link=LINK),
            trusting(**MOVED),
            f"placed: /etc/docker/certs.d/r.test:8443/ca.crt; then removed: {CA}, {LINK}, a link",
            "trust gained as r.test:8443; trust lost as r.test",
            True,
        ),
        (
            "update",
            trusting(),
            trusting("d2", trusted={**ROOT, **NEXT}),
            CA,
            "trust gained in next, until 2040-01-01",
            False,
        ),
        (
            "update",
            trusting("d2", trusted={**ROOT, **NEXT}),
            trusting(trusted=NEXT),
            CA,
            "trust lost in root, until 2030-01-01",
            True,
        ),
        ("update", trusting(), trusting("d2"), CA, "trust in the same CAs", False),
        (
            "update",
            trusting(),
            trusting(**hosts(**ENTRY)),
            "hosts entry: none → 10.0.0.2 r.test",
            "the registry's name resolves to it",
            False,
        ),
        (
            "update",
            trusting(**hosts(**ENTRY)),
            trusting(),
            "hosts entry: 10.0.0.2 r.test → none",
            "the registry's name resolves as without it",
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
    assert of_host(trust(op, old, new)) == [(change, effect, disruptive)]


@pytest.mark.parametrize(
    "change",
    [
        {"user": "root"},
        {"port": 2222},
        {"hostKey": "ssh-rsa BBBB"},
        {"bastion": {"host": "bastion.test"}},
        {"login": "2"},
    ],
)
def test_nothing_changes_on_a_client_that_is_only_reached_in_another_way(change: dict[str, Any]) -> None:
    reached = [("only how it is reached", "trust kept", False)]
    assert of_host(trust("update", trusting(), trusting(**hosts(**change)), ["hosts"])) == reached
    local = trusting(hosts={HOST: {"local": True, "runtimes": ["docker"]}})
    assert of_host(trust("update", trusting(), local), verification("same", proving(), proving())) == reached


def test_another_key_is_told_of_though_the_engine_shows_none() -> None:
    [row] = said(trust("update", trusting(), trusting(), ["logins"]))
    assert row == (HOST, "only how it is reached", "trust kept", False)
    two: dict[str, Any] = {"hosts": {HOST: client(), "10.0.0.8": client(login="2")}, "logins": {"1": {}, "2": {}}}
    rows = said(trust("update", trusting(**two), trusting(**two), ["logins"]))
    assert rows == [(host, "only how some of these are reached", "trust kept", False) for host in (HOST, "10.0.0.8")]
    added = trusting(hosts={HOST: client(), "10.0.0.8": client(login="2")}, logins={"1": {}, "2": {}})
    [row] = said(trust("update", trusting(), added, ["hosts", "logins"]))
    assert row[0] == "10.0.0.8", "who has a login of its own says nothing of others"


def test_a_change_in_the_state_alone_has_a_row() -> None:
    alone = ("the stack", "the clients' entry in the state", "nothing on them changes", False)
    assert said(trust("update", trusting(), trusting(), ["registry"])) == [alone]
    assert said(verification("update", proving(), proving())) == [alone]
    both = [trust("update", trusting(), trusting(), ["registry"]), verification("update", proving(), proving())]
    assert said(*both) == [alone]
    both[1] = verification("update", proving(), proving(generation="2"))
    assert [row[2] for row in said(*both)] == ["verified again"]
    lost = [trust("update", trusting(), trusting(hosts={})), verification("update", proving(), proving({}))]
    assert [row[1] for row in said(*lost)] == [f"removed: {CA}"]
    assert belonging(preview(*lost)) == 1


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_clients_with_the_same_impact_are_one_row(count: int) -> None:
    named_so = [f"web-{number}" for number in range(1, count + 1)]
    runtimes = {host: ["docker"] for host in named_so}
    told = preview(
        trust("update", trusting(hosts={}), trusting(hosts=dict.fromkeys(sorted(named_so), client()))),
        verification("update", proving({}), proving(runtimes)),
    )
    table = [line for line in markdown(told).splitlines() if line.startswith("|")][2:]
    assert table == [
        f"| {count} clients: web-1, web-2, web-3, … | placed: {CA} | trust gained |",
        f"| {count} clients: web-1, web-2, web-3, … | TLS, login | verified |",
    ]
    assert named([HOST]) == HOST


def test_only_who_differs_has_another_row() -> None:
    many = {f"web-{number}": client() for number in range(1, 101)}
    local = {**many, "web-7": {"local": True, "runtimes": ["docker"]}, "web-8": client(*BOTH)}
    del local["web-9"]
    step = trust("update", trusting("d1", hosts=many), trusting("d2", hosts=local, trusted={**ROOT, **NEXT}))
    table = [line for line in markdown(preview(step)).splitlines() if line.startswith("|")][2:]
    assert table == [
        f"| **web-9** | **removed: {CA}** | **trust lost** |",
        f"| 99 clients: web-1, web-2, web-3, … | {CA} | trust gained in next, until 2040-01-01 |",
        f"| web-8 | placed: {STORE.replace('_', chr(92) + '_').replace('*', chr(92) + '*')} | trust by system gained |",
    ]


def test_an_authority_that_the_update_makes_is_named() -> None:
    made = event(
        "create",
        "tls:index/selfSignedCert:SelfSignedCert",
        "registry-certificate-authority-2027",
        None,
        {"subject": {"commonName": "CA 2027"}},
    )
    update = trust("update", trusting(), trusting(UNKNOWN, trusted=UNKNOWN))
    assert (HOST, CA, "trust gained in CA 2027, created by the update", False) in said(update, made)
    [difference] = file_differences(preview(update, made))
    assert difference.file == f"ca.crt, its CA certificates ({HOST})"
    assert difference.lines == ("+CA 2027, created by the update",)


@pytest.mark.parametrize(
    ("op", "change", "effect"),
    [("create", "on the list", "nothing is placed there"), ("delete", "off the list", "nothing was placed there")],
)
def test_a_client_that_trusts_the_issuer_already_has_a_row(op: str, change: str, effect: str) -> None:
    known = trusting(files={"docker": []})
    sides: list[Any] = [None if op == missing else known for missing in ("create", "delete")]
    assert of_host(trust(op, *sides)) == [(change, effect, False)]


RUNTIMES = {
    "one comes": (
        trusting(**hosts("docker")),
        trusting(**hosts(*BOTH)),
        [(f"placed: {STORE}", "trust by system gained", False)],
    ),
    "one goes": (
        trusting(**hosts(*BOTH, **ENTRY)),
        trusting(**hosts("docker", **ENTRY)),
        [(f"removed: {STORE}", "trust by system lost", True)],
    ),
    "Docker goes, and the hosts entry stays": (
        trusting(**hosts(*BOTH, **ENTRY)),
        trusting(**hosts("system", **ENTRY)),
        [(f"removed: {CA}", "trust by docker lost", True)],
    ),
    "the hosts entry alone": (
        trusting(**hosts("system", **ENTRY)),
        trusting(**hosts("system", hostsEntry="10.0.0.3/r.test")),
        [("hosts entry: 10.0.0.2 r.test → 10.0.0.3 r.test", "the registry's name resolves to it", False)],
    ),
    "an authority comes for both": (
        trusting(**hosts(*BOTH)),
        trusting("d2", trusted={**ROOT, **NEXT}, **hosts(*BOTH)),
        [
            (CA, "trust gained in next, until 2040-01-01", False),
            (STORE, "trust gained in next, until 2040-01-01", False),
        ],
    ),
    "a client with both, and an entry": (
        trusting(hosts={}),
        trusting(**hosts(*BOTH, **ENTRY)),
        [
            (f"placed: {CA}, hosts entry 10.0.0.2 r.test", "trust by docker gained", False),
            (f"placed: {STORE}", "trust by system gained", False),
        ],
    ),
}


@pytest.mark.parametrize("case", RUNTIMES)
def test_what_becomes_of_each_runtime_is_said(case: str) -> None:
    old, new, expected = RUNTIMES[case]
    assert of_host(trust("update", old, new)) == expected


PLACED = {"placed": {HOST: {"docker": record()}}, "texts": {}}
AGAIN = "; tried again, since the last update did without it"


def test_a_client_that_an_update_did_without_is_tried_again() -> None:
    """Nothing is configured otherwise: what differs is on the client."""
    without = {"placed": {}, "texts": {}, "missing": {HOST: "no route to host"}}
    tried = (f"placed: {CA}, hosts entry 10.0.0.2 r.test", f"trust gained{AGAIN}", False)
    known = trusting(**hosts(**ENTRY))
    assert of_host(trust("update", known, known, ["missing"], without)) == [tried]
    failed = {key: value for key, value in without.items() if key != "missing"}
    assert of_host(trust("update", known, known, ["#initerror"], failed)) == [(tried[0], "trust gained", False)]
    removed = [("off the list", "nothing was placed there", False)]
    assert of_host(trust("update", known, trusting(hosts={}), [], without)) == removed


def test_what_a_client_has_counts_and_not_what_it_was_to_get() -> None:
    root, following = (issue(name, authority=True, ends=1000) for name in ("root", "next"))
    both = trusting("d2", trusted={**ROOT, **NEXT})
    behind = {**PLACED, "texts": {"d1": root.pem}, "missing": {HOST: "no route to host"}}
    [(change, effect, _)] = of_host(trust("update", both, both, ["missing"], behind))
    assert change == CA
    assert effect.startswith("trust gained in next, until 2040-01-01")
    assert effect.endswith(AGAIN)
    reverted = said(trust("update", both, trusting("d1"), ["trusted"], behind))
    assert reverted == [("the stack", "the clients' entry in the state", "nothing on them changes", False)]
    entry = {"docker": record(), "hosts": {"place": {"entry": "10.0.0.1/r.test"}, "authorities": ""}}
    changed = trusting(**hosts(**ENTRY))
    told = of_host(trust("update", changed, changed, ["missing"], {**PLACED, "placed": {HOST: entry}}))
    assert told == [("hosts entry: 10.0.0.1 r.test → 10.0.0.2 r.test", "the registry's name resolves to it", False)]
    moved = trusting(**MOVED)
    old_names = {"placed": {HOST: {"docker": record(aliases="b.test")}}, "texts": {"d1": following.pem}}
    [(_, effect, _)] = of_host(trust("update", moved, moved, ["missing"], old_names))
    assert effect == "trust gained as r.test:8443; trust lost as r.test, b.test"


def test_a_file_for_all_registries_is_told_of_by_the_names_in_it() -> None:
    shared = "/etc/rancher/k3s/registries.yaml"
    names = {"names": ["r.test"], "files": {"k3s": [shared]}, **hosts("k3s")}
    more = {**names, "names": ["r.test", "b.test"]}
    known = {"place": {"reference": "r.test", "fullReference": "r.test:443"}, "authorities": "d1"}
    placed = {"placed": {HOST: {"k3s": known}}}
    told = of_host(trust("update", trusting(**names), trusting(**more), ["registry"], placed))
    assert told == [(shared, "trust gained as b.test", False)]
    [(change, effect, _)] = of_host(
        trust("update", trusting(**names), trusting(**{**names, "names": ["hub.test"]}), ["registry"], placed)
    )
    assert (change, effect) == (f"placed: {shared}", "trust gained as hub.test; trust lost as r.test")
    behind = {"placed": {HOST: {"k3s": {**known, "place": {"reference": "r.test", "aliases": ["b.test"]}}}}}
    moved = trusting(**{**names, "names": ["hub.test"]})
    [(_, effect, _)] = of_host(trust("update", moved, moved, ["missing"], behind))
    assert effect == "trust gained as hub.test; trust lost as r.test, b.test"


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (None, True, "an update needs it"),
        (None, False, "an update can do without it"),
        (False, None, "clientsShare decides whether an update needs it"),
    ],
)
def test_who_may_be_missing_is_told(old: bool | None, new: bool | None, change: str) -> None:
    before, after = (trusting(**hosts(**({} if one is None else {"required": one}))) for one in (old, new))
    [(told, _, disruptive)] = of_host(trust("update", before, after, ["hosts"]))
    assert (told, disruptive) == (change, False)


def test_another_share_of_the_clients_is_told() -> None:
    fewer, all_ = trusting(share=90), trusting()
    [row] = said(trust("update", all_, fewer, ["share"]))
    assert row[:2] == ("the stack", "an update needs 90 % of the clients instead of 100 %")
    [row] = said(trust("update", fewer, all_, ["share"]))
    assert row[1] == "an update needs all clients"
    assert [row[1] for row in said(trust("delete", fewer, None))] == [f"removed: {CA}"]


@pytest.mark.parametrize(
    ("old", "new", "outputs", "expected"),
    [
        (None, {HOST: ["docker"]}, {}, ("TLS, login", "verified")),
        ({}, {HOST: BOTH}, {}, ("TLS, login, 401", "verified")),
        ({HOST: ["docker"]}, {HOST: BOTH}, {}, ("TLS, login, 401", "verified again")),
        ({HOST: BOTH}, {HOST: ["system"]}, {}, ("TLS, 401", "verified again")),
        ({HOST: ["docker"]}, {}, {}, ("TLS, login", "no longer verified")),
        ({HOST: ["docker"]}, {HOST: ["docker"]}, {"proven": {}}, ("TLS, login", "verified")),
        (
            {HOST: ["docker"]},
            {HOST: ["docker"]},
            {"proven": {HOST: {"by": "0 docker"}}},
            ("TLS, login", "verified again"),
        ),
    ],
)
def test_a_proof_is_said_to_come_and_go(old: Any, new: Any, outputs: Any, expected: tuple[str, str]) -> None:
    proof = verification(
        "create" if old is None else "update", None if old is None else proving(old), proving(new), outputs
    )
    assert of_host(trust("same", trusting(), trusting()), proof) == [(*expected, False)]


@pytest.mark.parametrize("generation", ["2", UNKNOWN])
def test_all_clients_prove_themselves_when_what_is_served_changes(generation: str) -> None:
    runtimes = {HOST: ["docker"], "10.0.0.8": ["docker"]}
    proven = {"proven": {host: {"by": "1 docker"} for host in runtimes}}
    known = trusting(hosts=dict.fromkeys(runtimes, client()))
    again = verification("update", proving(runtimes), proving(runtimes, generation), proven)
    assert said(trust("same", known, known), again) == [
        (host, "TLS, login", "verified again", False) for host in runtimes
    ]
    removed = verification("update", proving(runtimes), proving(runtimes), {**proven, "removed": []})
    assert [row[0] for row in said(trust("same", known, known), removed)] == ["the stack"]


def test_the_proof_of_a_client_that_is_taken_off_has_no_row() -> None:
    gone = [trust("delete", trusting(), None), verification("delete", proving(), None)]
    assert [row[1] for row in said(*gone)] == [f"removed: {CA}"]


def test_what_an_earlier_update_left_is_said_to_go() -> None:
    """The client was off when it was taken off the list; it is not there any more to be told of otherwise."""
    dropped = [
        {"name": name, "host": host, "bundle": bundle, "record": placed, "reach": "[secret]", "again": False}
        for name, host, bundle, placed in [
            ("1", "gone.test", "docker", record()),
            ("2", "gone.test", "hosts", {"place": {"entry": "10.0.0.2/r.test"}, "authorities": ""}),
            ("3", "away.test", "docker", record()),
            ("4", HOST, "docker", record(reference="r.test")),
            ("5", HOST, "docker", record(reference="old.test")),
        ]
    ]
    trusted = trust("same", trusting(), trusting(), [], {**PLACED, "dropped": dropped})
    left = verification("update", proving(), proving(), {"proven": {HOST: {"by": "1 docker"}}, "removed": ["3"]})
    effect = "left over from an earlier update"
    assert said(trusted, left) == [
        ("gone.test", "removed: its files (docker)", effect, False),
        ("gone.test", "removed: its hosts entry", effect, False),
        (HOST, "removed: its files (docker)", effect, False),
    ]


@pytest.mark.parametrize(
    ("old", "new", "row"),
    [
        (("", ""), ("ci", "d1"), ("login: ci", "logs in as ci from now on", False)),
        (("", ""), ("ci", None), ("login: ci", "logs in as ci from now on", False)),
        (("ci", "d1"), ("dev", "d2"), ("login: ci → dev", "logs in as dev from now on", False)),
        (("ci", "d1"), ("ci", "d2"), ("login: another password of ci", "logs in with it from now on", False)),
        (("ci", "d1"), ("", ""), ("login removed: ci", "does not log in any more", True)),
    ],
)
def test_another_login_is_told(old: tuple[str, str], new: tuple[str, str | None], row: tuple[str, str, bool]) -> None:
    def state(user: str, digest: str | None) -> dict[str, Any]:
        login = {"loginAs": user} if user else {}
        digests: dict[str, Any] = {"passwordDigests": {user: digest}} if digest else {}
        return trusting(**hosts(**login), **digests)

    assert of_host(trust("update", state(*old), state(*new), ["hosts"])) == [row]


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        ([], ["docker.io"], [("caches: docker.io", "docker.io comes through this registry", False)]),
        (
            ["docker.io"],
            ["docker.io", "ghcr.io", "quay.io"],
            [("caches: ghcr.io, quay.io", "ghcr.io, quay.io come through this registry", False)],
        ),
        (["docker.io"], [], [("caches removed: docker.io", "docker.io comes from there again", True)]),
        (
            ["docker.io"],
            ["ghcr.io"],
            [
                ("caches: ghcr.io", "ghcr.io comes through this registry", False),
                ("caches removed: docker.io", "docker.io comes from there again", True),
            ],
        ),
    ],
)
def test_other_caches_are_told(old: list[str], new: list[str], rows: list[tuple[str, str, bool]]) -> None:
    def state(caches: list[str]) -> dict[str, Any]:
        return trusting(**hosts(caches=True), caches=caches) if caches else trusting()

    said = of_host(trust("update", state(old), state(new), ["hosts", "caches"]))
    assert said == sorted(rows, key=lambda row: not row[2])


def test_caches_that_a_client_did_not_take_are_told_again() -> None:
    wanted = trusting(**hosts(caches=True), caches=["docker.io", "ghcr.io"])
    there = {"place": {"reference": "r.test", "caches": ["docker.io"]}, "authorities": ""}
    placed = {"placed": {HOST: {"docker": record(), "docker-caches": there}}}
    [row] = of_host(trust("update", wanted, wanted, ["missing"], outputs=placed))
    assert row[0] == "caches: ghcr.io"


def test_a_login_that_failed_is_told_again() -> None:
    wanted = trusting(**hosts(loginAs="ci"), passwordDigests={"ci": "d1"})
    placed = {"placed": {HOST: {"docker": record()}}}
    [row] = of_host(trust("update", wanted, wanted, ["missing"], outputs=placed))
    assert row[0] == "login: ci"
    login = {"place": {"reference": "r.test", "user": "ci", "passwordDigest": "d1"}, "authorities": ""}
    placed = {"placed": {HOST: {"docker": record(), "docker-login": login}}}
    assert [row[0] for row in said(trust("update", wanted, wanted, ["missing"], outputs=placed))] == ["the stack"]
