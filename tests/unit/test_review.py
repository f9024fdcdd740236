"""What a preview is said to mean, from events that the real engine wrote.

Those in tests/unit/review were recorded one kind of change each and cut down to what is read of them; the Markdown
beside each is what it has to come to.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from review.consequence import Consequence, named
from review.consequences import consequences
from review.events import Preview, parse
from review.render import markdown, text
from troubleshooting import PROBLEMS

RECORDED = Path(__file__).parent / "review"
KINDS = sorted(file.stem for file in RECORDED.glob("*.jsonl"))
MARKER = "Marker-Secret-5f1c"
COMMAND, VOLUME = "command:remote:Command", "docker:index/volume:Volume"


def events(kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / f"{kind}.jsonl").read_text().splitlines()]


def preview(found: list[dict[str, Any]]) -> Preview:
    return parse(map(json.dumps, found))


def step(op: str, type_: str, name: str, old: Any = None, new: Any = None, diffs: Any = ()) -> dict[str, Any]:
    urn = f"urn:pulumi:test::private-registry::{type_}::{name}"
    metadata = {"op": op, "type": type_, "urn": urn, "old": old, "new": new, "diffs": list(diffs)}
    return {"timestamp": 1795565384, "resourcePreEvent": {"metadata": metadata}}


def finished(*steps: dict[str, Any]) -> Preview:
    return preview([*steps, {"summaryEvent": {"result": "succeeded", "resourceChanges": {}}}])


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_comes_to_what_is_written_beside_it(kind: str) -> None:
    golden = RECORDED / f"{kind}.md"
    again = f"if that is right: .venv/bin/python -m review {kind}.jsonl --markdown > {kind}.md, in {RECORDED.name}/"
    assert f"{markdown(preview(events(kind)))}\n" == golden.read_text(), again


@pytest.mark.parametrize("kind", KINDS)
def test_a_review_does_not_depend_on_the_order_in_which_the_engine_works(kind: str) -> None:
    found = events(kind)
    steps = [event for event in found if "resourcePreEvent" in event]
    rest = [event for event in found if "resourcePreEvent" not in event]
    assert markdown(preview([*reversed(steps), *rest])) == markdown(preview(found))


def test_a_terminal_gets_a_table_as_wide_as_it_is() -> None:
    shown = text(preview(events("authority-first-dropped")), width=100)
    assert f"{shown}\n" == (RECORDED / "authority-first-dropped.txt").read_text()
    assert max(map(len, shown.split("Resources")[0].splitlines()[:20])) <= 100


def planted(kind: str) -> list[dict[str, Any]]:
    """Return events in which every place for a secret holds one that the engine failed to hide."""
    found = events(kind)
    for event in found:
        metadata = event.get("resourcePreEvent", {}).get("metadata", {})
        name = metadata.get("urn", "").rpartition("::")[2]
        for side in ("old", "new"):
            if not metadata.get(side):
                continue
            inputs = metadata[side].setdefault("inputs", {})
            inputs["connection"] = {"host": MARKER, "privateKey": MARKER}
            script = f"x.key) cat <<'END-OF-PAYLOAD'\n{MARKER} {side}\nEND-OF-PAYLOAD\n;;\n"
            if name.startswith(("registry-trust-", "registry-proxy-site")):
                inputs["stdin"] = f"{inputs.get('stdin') or ''}\n{script}"
            else:
                inputs["stdin"] = script.replace("x.key", "nginx.conf") + script.replace("x.key", "ca.crt") + MARKER
            inputs |= {"privateKeyPem": MARKER, "caPrivateKeyPem": MARKER, "envs": [MARKER], "environment": MARKER}
            metadata[side]["outputs"] = {**metadata[side].get("outputs", {}), "stdout": MARKER, "stdin": MARKER}
        metadata["diffs"] = [*metadata.get("diffs", []), "stdin", "connection", "privateKeyPem", "environment"]
    return [{"preludeEvent": {"config": {"private-registry:users": MARKER}}}, *found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_never_shown(kind: str) -> None:
    found = planted(kind)
    assert MARKER in json.dumps(found)
    assert MARKER not in text(preview(found)) + markdown(preview(found))


def test_clients_with_the_same_consequence_are_one_row() -> None:
    placed = {"inputs": {"create": "sh -s -- create directory=/etc/docker/certs.d/r.test file=ca.crt:0644:1"}}
    clients = (step("create", COMMAND, f"registry-trust-10.0.0.{number}", new=placed) for number in range(11, 23))
    assert "| 12 clients: 10.0.0.11, 10.0.0.12, 10.0.0.13, … | placed:" in markdown(finished(*clients))
    assert named(["10.0.0.7"]) == "10.0.0.7"


@pytest.mark.parametrize("op", ["create", "update", "replace", "delete", "import"])
def test_what_is_not_known_here_has_a_row(op: str) -> None:
    row = Consequence("the stack", f"resource other: {op}", "see the engine's preview of it")
    assert consequences(finished(step(op, "random:index:Thing", "other"))) == [row]


def test_the_rest_of_an_earlier_update_is_not_taken_for_a_loss() -> None:
    [row] = consequences(finished(step("delete-replaced", VOLUME, "registry-registry-data", old={})))
    assert (row.effect, row.alarm) == ("the rest of an earlier update is taken away", False)


@pytest.mark.parametrize(("retained", "alarm"), [(True, False), (False, True)])
@pytest.mark.parametrize("op", ["delete", "replace"])
def test_images_are_deleted_unless_the_volume_is_retained(op: str, retained: bool, alarm: bool) -> None:
    [row] = consequences(finished(step(op, VOLUME, "registry-registry-data", old={"retainOnDelete": retained})))
    assert row.alarm is alarm
    assert ("ALL IMAGES PUSHED ARE DELETED" in row.effect) is alarm


def test_a_script_that_changes_around_the_same_files_changes_nothing() -> None:
    state = {"inputs": {"create": "sh -s -- create directory=/etc/docker/certs.d/r.test file=ca.crt:0644:1"}}
    update = ("update", COMMAND, "registry-trust-10.0.0.7", state, state)
    [again] = consequences(finished(step(*update, diffs=["stdin"])))
    [way] = consequences(finished(step(*update, diffs=["connection"])))
    assert (again.change, again.effect) == ("written again with the same content", "trust kept")
    assert (way.change, way.effect) == ("nothing but the way to it", "trust kept")


def test_the_server_has_the_name_by_which_it_is_reached() -> None:
    bundle = {"inputs": {"triggers": ["registry.example.com", "/srv/registry"]}}
    command = step("same", COMMAND, "registry-proxy-tls", old=bundle, new=bundle)
    [row] = consequences(finished(command, step("create", VOLUME, "registry-registry-data", new={})))
    assert row.host == "registry.example.com"


def test_a_failure_that_is_known_says_what_to_do() -> None:
    problem = PROBLEMS[0]
    failed = {"diagnosticEvent": {"severity": "error", "message": f"<{{%fg 1%}}>{problem.message}<{{%reset%}}>\n"}}
    shown = text(preview([failed, {"summaryEvent": {"result": "failed"}}]))
    assert shown.startswith("The preview failed")
    assert f"  {problem.message}\n" in shown
    assert shown.endswith(problem.advice)


@pytest.mark.parametrize("written", ["", '{"preludeEvent": {}}\n{"resourcePreEv'])
def test_an_engine_that_was_killed_is_a_failure(written: str) -> None:
    assert "The preview failed" in text(parse(written.splitlines()))


@pytest.mark.parametrize("show", [text, markdown])
def test_an_expired_certificate_is_said_to_be_so(show: Callable[[Preview], str]) -> None:
    state = {"inputs": {"earlyRenewalHours": 720}, "outputs": {"validityEndTime": "2026-11-01T00:00:00Z"}}
    certificate = step("same", "tls:index/locallySignedCert:LocallySignedCert", "registry-certificate-server", state)
    assert "has ended on 2026-11-01; an update" in show(finished(certificate))


def test_no_text_of_an_event_is_read_as_markup() -> None:
    shown = markdown(finished(step("create", "x:y:Z", "a|b<img>*`\x1b[31m")))
    assert r"resource a\|b\<img\>\*\`" in shown
    assert "\x1b" not in shown
    failed = {"diagnosticEvent": {"severity": "error", "message": "before\n```\n# after"}}
    assert "````\nbefore\n```\n# after\n````" in markdown(preview([failed]))


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("registry-healthy", "private-registry-test-registry"),
        ("registry-data-owner", "private-registry-test-registry"),
        ("registry-retire", "private-registry-test-registry"),
        ("proxy-address", "registry-proxy-container"),
        ("proxy-healthy", "registry-proxy-container"),
        ("proxy-login-healthy", "registry-proxy-login-container"),
    ],
)
def test_a_command_that_only_checks_has_a_row_where_nothing_else_tells_of_it(name: str, container: str) -> None:
    check = step("update", "command:local:Command", f"registry-{name}")
    replaced = step("replace", "docker:index/container:Container", container, diffs=["image"])
    [alone] = consequences(finished(check))
    assert alone.effect == "the server sees to it again; nothing else changes"
    [told] = consequences(finished(check, replaced))
    assert "image" in told.change


def test_a_client_that_is_reached_in_another_way_is_said_to_end_without_trust() -> None:
    state = {"inputs": {"create": "sh -s -- create directory=/etc/docker/certs.d/r.test file=ca.crt:0644:1"}}
    placed = step("create", "command:local:Command", "registry-trust-10.0.0.7", new=state)
    removed = step("delete", COMMAND, "registry-trust-10.0.0.7", old=state)
    assert {row.effect for row in consequences(finished(placed, removed))} == {
        "trust gained, and lost again at the end; instead take it off the list, update, and list it again",
        "trust lost",
    }


def test_a_rotation_beside_another_change_is_named_too() -> None:
    server = "registry-certificate-server"
    key = step("create", "tls:index/privateKey:PrivateKey", f"{server}-again", new={})
    hours = [{"inputs": {"validityPeriodHours": 24 * days}} for days in (365, 200)]
    replaced = step("replace", "tls:index/locallySignedCert:LocallySignedCert", server, *hours)
    replaced["resourcePreEvent"]["metadata"]["diffs"] = ["certRequestPem", "validityPeriodHours"]
    [row] = consequences(finished(key, replaced))
    assert row.change == "a new server certificate: a rotation, with a new key; for 200 days instead of 365"


def test_a_key_that_no_certificate_follows_has_a_row() -> None:
    [row] = consequences(
        finished(step("create", "tls:index/privateKey:PrivateKey", "registry-certificate-server-again"))
    )
    assert (row.change, row.effect) == ("key of the server certificate: made", "the certificate stays as it is")
