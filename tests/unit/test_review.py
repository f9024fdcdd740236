"""What a preview is said to mean, from events that the real engine wrote.

Those in tests/unit/review were recorded one kind of change each and cut down to what is read of them; the Markdown
beside each is what it has to come to.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.troubleshooting import PROBLEMS
from review.events import Preview, parse
from review.files import file_differences
from review.impact import Impact
from review.impacts import impacts
from review.render import markdown, text
from tests.unit.events import COMMAND, COMPONENT, Event, below, event, preview, urn

RECORDED = Path(__file__).parent / "review"
KINDS = sorted(file.stem for file in RECORDED.glob("*.jsonl"))
MARKER = "Marker-Secret-5f1c"
CONTAINER, VOLUME = "docker:index/container:Container", "docker:index/volume:Volume"


def events(kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / f"{kind}.jsonl").read_text().splitlines()]


def recorded(found: list[Event]) -> Preview:
    return parse(map(json.dumps, found))


def volume(op: str, retained: bool = False) -> Event:
    old, new = (None if op == missing else {"name": "data"} for missing in ("create", "delete"))
    return event(op, VOLUME, "any", old, new, parent=below("Registry"), retainOnDelete=retained)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_comes_to_what_is_written_beside_it(kind: str) -> None:
    golden = RECORDED / f"{kind}.md"
    again = f"if that is right: .venv/bin/python -m review {kind}.jsonl --markdown > {kind}.md, in {RECORDED.name}/"
    assert f"{markdown(recorded(events(kind)))}\n" == golden.read_text(), again


@pytest.mark.parametrize("kind", KINDS)
def test_a_review_does_not_depend_on_the_order_in_which_the_engine_works(kind: str) -> None:
    found = events(kind)
    steps = [event for event in found if "resourcePreEvent" in event]
    rest = [event for event in found if "resourcePreEvent" not in event]
    assert markdown(recorded([*reversed(steps), *rest])) == markdown(recorded(found))


def test_a_terminal_gets_a_table_as_wide_as_it_is() -> None:
    shown = text(recorded(events("authority-first-dropped")), width=100)
    assert f"{shown}\n" == (RECORDED / "authority-first-dropped.txt").read_text()
    assert max(map(len, shown.split("Resources")[0].splitlines()[:20])) <= 100


def planted(kind: str) -> list[dict[str, Any]]:
    """Return events in which every place for a secret holds one that the engine failed to hide."""
    found = events(kind)
    for one in found:
        metadata = one.get("resourcePreEvent", {}).get("metadata", {})
        for side in ("old", "new"):
            if not metadata.get(side):
                continue
            inputs = metadata[side].setdefault("inputs", {})
            inputs["connection"] = {"host": MARKER, "privateKey": MARKER}
            script = f"x.key) cat <<'END-OF-PAYLOAD'\n{MARKER} {side}\nEND-OF-PAYLOAD\n;;\n"
            inputs["stdin"] = (
                "".join(script.replace("x.key", file) for file in ("x.key", "nginx.conf", "ca.crt")) + MARKER
            )
            inputs |= {"privateKeyPem": MARKER, "caPrivateKeyPem": MARKER, "envs": [MARKER], "environment": MARKER}
            metadata[side]["outputs"] = {**metadata[side].get("outputs", {}), "stdout": MARKER, "stdin": MARKER}
        metadata["diffs"] = [*metadata.get("diffs", []), "stdin", "connection", "privateKeyPem", "environment"]
    return [{"preludeEvent": {"config": {"private-registry:users": MARKER}}}, *found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_never_shown(kind: str) -> None:
    found = planted(kind)
    assert MARKER in json.dumps(found)
    assert MARKER not in text(recorded(found)) + markdown(recorded(found))


@pytest.mark.parametrize("op", ["create", "update", "replace", "delete", "import"])
def test_what_is_not_known_here_has_a_row(op: str) -> None:
    row = Impact("the stack", f"resource other: {op}", "see Pulumi's own preview")
    assert impacts(preview(event(op, "random:index:Thing", "other"))) == [row]


def test_the_rest_of_an_earlier_update_is_not_taken_for_a_loss() -> None:
    [row] = impacts(preview(volume("delete-replaced")))
    assert (row.effect, row.disruptive) == ("left over from an earlier update; removed", False)


@pytest.mark.parametrize(("retained", "disruptive"), [(True, False), (False, True)])
@pytest.mark.parametrize("op", ["delete", "replace"])
def test_images_are_deleted_unless_the_volume_is_retained(op: str, retained: bool, disruptive: bool) -> None:
    [row] = impacts(preview(volume(op, retained)))
    assert row.disruptive is disruptive
    assert ("ALL PUSHED IMAGES ARE DELETED" in row.effect) is disruptive


@pytest.mark.parametrize(
    ("host", "shown"), [("registry.example.com",) * 2, ("localhost", "this machine"), (None, "the server")]
)
def test_the_server_has_the_name_by_which_it_is_reached(host: str | None, shown: str) -> None:
    files = {"host": host} if host else {}
    placed = event("same", f"{COMPONENT}ReleasedFiles", "any", files, files, parent=below("Proxy"))
    [row] = impacts(preview(placed, volume("create")))
    assert row.host == shown


def of_server() -> Iterator[Event]:
    """Yield steps of all kinds, whose names say nothing."""
    said = {"bundle": "site", "place": {"directory": "/d"}, "files": {"nginx.conf": {"mode": "0644", "digest": "1"}}}
    yield event(
        "create", f"{COMPONENT}ReleasedFiles", "registry-proxy-releasedfiles", None, said, parent=below("Proxy")
    )
    yield event("create", COMMAND, "a", None, {}, parent=below("Proxy", "ReleasedFiles"))
    yield event("update", COMMAND, "b", {}, {}, parent=below("Registry"))
    yield event("update", COMMAND, "c", {}, {}, parent=below("Proxy"))
    yield event("replace", CONTAINER, "d", {}, {}, ["image"], parent=below("Proxy"))
    yield volume("delete")


def test_the_server_has_its_words_whatever_a_resource_is_called() -> None:
    assert [row.change for row in impacts(preview(*of_server()))] == [
        "volume data: deleted",
        "nginx: image not known yet → not known yet",
        "nginx's configuration: placed in /d",
        "what the registry needs",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([], ["10.0.0.9"], ("PROXY protocol: on, from 10.0.0.9", True)),
        (["10.0.0.9"], [], ("PROXY protocol: off", True)),
        (
            ["10.0.0.9"],
            ["10.0.0.8", "fd00::/64"],
            ("PROXY protocol: from 2 load balancers: 10.0.0.8, fd00::/64", False),
        ),
    ],
)
def test_a_preview_says_that_load_balancers_and_clients_have_to_follow(
    old: list[str], new: list[str], told: tuple[str, bool]
) -> None:
    before, after = ({"proxyProtocol": one} if one else {} for one in (old, new))
    found = impacts(preview(event("update", f"{COMPONENT}Proxy", "registry-proxy", before, after)))
    assert [(row.change, row.disruptive) for row in found] == [told]


def test_each_registry_of_a_program_is_told_apart() -> None:
    """Were they mixed, the container of one would hide what happens to the other."""
    other = urn(f"{COMPONENT}PrivateRegistry", "hub")
    proxy = event("update", f"{COMPONENT}Proxy", "hub-proxy", {"nginxConf": "a"}, {"nginxConf": "b"}, parent=other)
    checked = event("update", COMMAND, "f", {}, {}, parent=below("Proxy", of=other))
    components = (
        event("same", f"{COMPONENT}PrivateRegistry", "hub", {}, {}, parent=""),
        event("same", f"{COMPONENT}PrivateRegistry", "registry", {}, {}, parent=""),
        event("same", f"{COMPONENT}Proxy", "registry-proxy", {}, {}),
        event("same", f"{COMPONENT}Registry", "registry-registry", {}, {}),
    )
    thing = event("create", "random:index:Thing", "thing", None, {}, parent="")
    told = preview(*components, *of_server(), proxy, checked, thing)
    assert [row.change for row in impacts(told)] == [
        "registry: volume data: deleted",
        "registry: nginx: image not known yet → not known yet",
        "resource thing: create",
        "hub: what nginx needs",
        "registry: nginx's configuration: placed in /d",
        "registry: what the registry needs",
    ]
    assert [one.file for one in file_differences(told)] == ["hub: nginx.conf"]


def test_a_failure_that_is_known_says_what_to_do() -> None:
    problem = PROBLEMS[0]
    failed = {"diagnosticEvent": {"severity": "error", "message": f"<{{%fg 1%}}>{problem.message}<{{%reset%}}>\n"}}
    shown = text(recorded([failed, {"summaryEvent": {"result": "failed"}}]))
    assert shown.startswith("The preview failed")
    assert f"  {problem.message}\n" in shown
    assert shown.endswith(problem.advice())


@pytest.mark.parametrize("written", ["", '{"preludeEvent": {}}\n{"resourcePreEv'])
def test_an_engine_that_was_killed_is_a_failure(written: str) -> None:
    assert "The preview failed" in text(parse(written.splitlines()))


@pytest.mark.parametrize("show", [text, markdown])
def test_an_expired_certificate_is_said_to_be_so(show: Callable[[Preview], str]) -> None:
    hours, end = {"earlyRenewalHours": 720}, {"validityEndTime": "2026-11-01T00:00:00Z"}
    certificate = event("same", "tls:index/locallySignedCert:LocallySignedCert", "any", hours, outputs=end)
    assert "expired on 2026-11-01; an update" in show(preview(certificate))


def test_no_text_of_an_event_is_read_as_markup() -> None:
    shown = markdown(preview(event("create", "x:y:Z", "a|b<img>*`\x1b[31m")))
    assert r"resource a\|b\<img\>\*\`" in shown
    assert "\x1b" not in shown
    failed = {"diagnosticEvent": {"severity": "error", "message": "before\n```\n# after"}}
    assert "````\nbefore\n```\n# after\n````" in markdown(recorded([failed]))


@pytest.mark.parametrize(
    ("parts", "change"),
    [
        (("Registry",), "what the registry needs"),
        (("Proxy",), "what nginx needs"),
        (("Proxy", "Login"), "what nginx that checks passwords needs"),
    ],
)
def test_a_command_that_only_checks_has_a_row_where_nothing_else_tells_of_it(
    parts: tuple[str, ...], change: str
) -> None:
    check = event("update", COMMAND, "any", {}, {}, parent=below(*parts))
    replaced = event("replace", CONTAINER, "other", {}, {}, ["image"], parent=below(*parts))
    [alone] = impacts(preview(check))
    assert (alone.change, alone.effect) == (change, "checked again on the server; nothing else changes")
    [told] = impacts(preview(check, replaced))
    assert "image" in told.change


def test_a_rotation_beside_another_change_is_named_too() -> None:
    server = "registry-certificate-server"
    key = event("create", "tls:index/privateKey:PrivateKey", f"{server}-again", None, {})
    before, after = ({"validityPeriodHours": 24 * days} for days in (365, 200))
    diffs = ["certRequestPem", "validityPeriodHours"]
    replaced = event("replace", "tls:index/locallySignedCert:LocallySignedCert", server, before, after, diffs)
    [row] = impacts(preview(key, replaced))
    assert row.change == "a new server certificate: a rotation, with a new key; for 200 days instead of 365"


def test_a_key_that_no_certificate_follows_has_a_row() -> None:
    [row] = impacts(preview(event("create", "tls:index/privateKey:PrivateKey", "any", None, {})))
    assert (row.change, row.effect) == ("a key of the certificate: created", "the certificate is not changed")
