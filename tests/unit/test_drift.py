"""From the state to what hosts are asked, and from their answers to the report."""

import asyncio
import json
import shlex
from typing import Any

import pytest

from drift.containers import container_findings, seen_in, stopped
from drift.examine import _look, file_findings
from drift.report import Finding, Remedy, Report
from drift.session import Answer, Unanswered, session
from drift.state import Bundle, Container, Containers, Host, export, hosts_of
from lab.run import LabError
from tests.unit.conftest import BASE, CONTAINER, SECRET_MARK, Declare, Recorder

MARKER = "marker-password"
ACCESS = {"hostKey": BASE["clients"][0]["hostKey"], "agent": True}


def exported(recorder: Recorder) -> list[dict[str, Any]]:
    """Return what was declared as ``pulumi stack export --show-secrets`` has it."""
    return [
        {
            "urn": f"urn:pulumi:test::private-registry::{resource.type}::{resource.name}",
            "type": resource.type,
            "id": f"{resource.name}-id",
            "inputs": marked(dict(resource.inputs)),
            "outputs": {"name": resource.inputs.get("name") or f"{resource.name}-1a2b3c4"},
        }
        for resource in recorder.resources
    ]


def marked(value: Any) -> Any:
    if isinstance(value, dict) and SECRET_MARK in value:
        return {SECRET_MARK: value[SECRET_MARK], "plaintext": json.dumps(value["value"])}
    if isinstance(value, dict):
        return {key: marked(entry) for key, entry in value.items()}
    return [marked(entry) for entry in value] if isinstance(value, list) else value


def test_a_state_tells_hosts_files_and_containers(declare: Declare) -> None:
    here, client = sorted(hosts_of(exported(declare())), key=lambda host: host.connection is not None)
    assert (here.name, here.connection) == ("this machine", None)
    folders = {next(word for word in bundle.place if word.startswith("directory=")) for bundle in here.bundles}
    assert folders == {
        "directory=/srv/registry/test/registry/config",
        "directory=/srv/registry/test/proxy/users",
        "directory=/srv/registry/test/proxy/site",
        "directory=/srv/registry/test/proxy/tls",
        "directory=/etc/docker/certs.d/registry.test",
    }
    assert here.containers is not None
    assert {container.name for container in here.containers.known} == {
        "private-registry-test-proxy",
        "private-registry-test-login",
        "private-registry-test-registry-1a2b3c4",
    }
    assert here.containers.owner
    assert client.name == "10.0.0.7"
    assert client.containers is None
    assert client.connection is not None
    assert client.connection["privateKey"] == BASE["clients"][0]["privateKey"]
    [bundle] = client.bundles
    assert bundle.check().startswith("sudo -n sh -s -- check directory=/etc/docker/certs.d/registry.test ")
    assert "BEGIN" in bundle.script or "certificate" in bundle.script


def test_files_are_told_of_also_where_docker_does_not_answer() -> None:
    async def run(line: str, stdin: str) -> Answer:
        return Answer(1, "", "no Docker") if "owner=owner" in line else Answer(0, "/a is missing\n", "")

    host = Host("server", None, (Bundle(("sh", "-s", "--"), ("directory=/d",), "script"),), KNOWN)
    found = asyncio.run(_look(host, run))
    assert [finding.what for finding in found] == ["/a is missing", "Docker could not be asked: no Docker"]


def test_containers_are_asked_for_where_the_server_is(declare: Declare) -> None:
    url, server = "ssh://ops@registry.example.com", "registry.example.com"
    hosts = hosts_of(exported(declare(dockerHost=url, dockerHostAccess=ACCESS)))
    [asked] = [host for host in hosts if host.containers]
    assert asked.name == server
    assert asked.containers is not None
    assert asked.containers.shell == ("sudo", "-n", "sh", "-s", "--")


def test_what_is_going_is_not_asked_for(declare: Declare) -> None:
    resources = exported(declare())
    for resource in resources:
        if resource["type"] == CONTAINER:
            resource["delete" if "proxy" in resource["urn"] else "pendingReplacement"] = True
    [containers] = [host.containers for host in hosts_of(resources) if host.containers]
    assert containers.known == ()


def test_an_empty_state_has_no_hosts() -> None:
    assert hosts_of([]) == []


def test_a_repair_writes_what_the_state_says() -> None:
    place = ("directory=/d", "file=ca.crt:0644:1", "marker=private-registry a/b", "registry=[fd00::1]:5000")
    (modes, first), (update, second) = Bundle(("sh", "-s", "--"), place, "script").repairs()
    assert "chmod" in first
    assert second == "script"
    assert modes == update
    assert shlex.split(update) == ["sh", "-s", "--", "update", *place[:-1]]


def test_a_release_is_made_live_under_another_name_first() -> None:
    bundle = Bundle(("sudo", "-n", "sh", "-s", "--"), ("directory=/d", "release=12ab", "file=a:0644:1"), "script")
    aside, update = bundle.repairs()
    assert aside == ("sudo -n sh -s -- update directory=/d release=12ab-repair file=a:0644:1", "script")
    assert update == ("sudo -n sh -s -- update directory=/d release=12ab file=a:0644:1", "script")


def test_every_line_that_a_check_prints_is_a_finding() -> None:
    assert file_findings("one", Answer(0, "", "")) == []
    assert file_findings("one", Answer(0, "/a is missing\n/b has other content\n", "noise")) == [
        Finding("one", "/a is missing"),
        Finding("one", "/b has other content"),
    ]


def test_a_check_that_fails_is_a_finding() -> None:
    [failed] = file_findings("one", Answer(1, "", "first\nsudo: a password is required\n"))
    assert failed == Finding("one", "could not be asked: sudo: a password is required", Remedy.MANUAL)
    [old] = file_findings("one", Answer(1, "", "one: unknown verb check\n"))
    assert "run an update first" in old.what
    [silent] = file_findings("one", Answer(7, "", ""))
    assert silent.what == "could not be asked: the command ended with 7"


def seen(*rows: str) -> str:
    health = {"none": "", "healthy": "healthy", "unhealthy": "unhealthy"}
    lines = []
    for row in rows:
        identity, name, status, well = row.split()
        details = {"Health": {"Status": health[well]}} if health[well] else {}
        lines.append(f"{identity} /{name} {status} {json.dumps({'Error': 'a b', **details})}\n")
    return "".join(lines)


KNOWN = Containers(("sh", "-s", "--"), "owner", (Container("proxy", "p1"), Container("registry", "r1")))


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (["p1 proxy running healthy", "r1 registry running none"], []),
        (["p1 proxy exited healthy", "r1 registry running healthy"], [("proxy is stopped (exited)", Remedy.REPAIR)]),
        (["p1 proxy running unhealthy", "r1 registry paused healthy"], [("unhealthy", "manual"), ("paused", "manual")]),
        (["r1 registry running healthy"], [("proxy is gone", Remedy.REFRESH)]),
        (["p2 proxy running healthy", "r1 registry running healthy"], [("not the one that", Remedy.MANUAL)]),
        (["p1 away running healthy", "r1 registry running healthy"], [("is named away now", Remedy.MANUAL)]),
        (
            ["p1 proxy running healthy", "r1 registry running healthy", "x1 stranger exited none"],
            [("container stranger bears this stack's label", Remedy.MANUAL)],
        ),
    ],
)
def test_containers_are_compared(rows: list[str], found: list[tuple[str, Remedy]]) -> None:
    findings = container_findings("server", KNOWN, seen_in(seen(*rows, *rows)))
    assert len(findings) == len(found)
    for finding, (what, remedy) in zip(findings, found, strict=True):
        assert what in finding.what
        assert finding.remedy == remedy


def test_only_a_container_of_the_state_is_started() -> None:
    rows = seen("p1 proxy exited none", "x1 stranger exited none", "r1 registry running healthy")
    assert stopped(KNOWN.known, seen_in(rows)) == ["proxy"]


FOUND = [
    Finding("one", "/a is missing"),
    Finding("server", "container proxy is gone", Remedy.REFRESH),
    Finding("two", "could not be asked: no answer within 10 s", Remedy.MANUAL),
]


def test_the_report_tells_people_what_to_do() -> None:
    assert Report("dev", 3, FOUND).text().splitlines() == [
        "'make up' repairs:",
        "  one             /a is missing",
        "'make up' makes again:",
        "  server          container proxy is gone",
        "To be looked at by hand:",
        "  two             could not be asked: no answer within 10 s",
    ]
    other = Report("prod", 3, FOUND[:2], FOUND[2:]).text()
    assert "'make drift STACK=prod REPAIR=1' repairs:" in other
    assert "'pulumi up --refresh' makes again:" in other
    assert other.startswith("Repaired:\n  two ")
    assert Report("prod", 3, []).text() == "Stack prod is as it was left; hosts asked: 3."


def test_the_report_tells_programs_the_same() -> None:
    report = json.loads(Report("prod", 3, FOUND[1:], FOUND[:1]).json())
    assert report == {
        "stack": "prod",
        "hosts": 3,
        "repaired": [{"host": "one", "what": "/a is missing"}],
        "drift": [
            {"host": "server", "what": "container proxy is gone", "remedy": "refresh"},
            {"host": "two", "what": "could not be asked: no answer within 10 s", "remedy": "manual"},
        ],
    }
    assert Report("prod", 3, FOUND).needs_refresh
    assert not Report("prod", 3, FOUND[:1]).needs_refresh


def test_nothing_that_is_printed_of_a_host_holds_a_secret() -> None:
    connection = {"host": "10.0.0.7", "privateKey": MARKER, "password": MARKER}
    bundle = Bundle(("sh", "-s", "--"), ("directory=/d",), f"payload() {{ {MARKER}; }}")
    host = Host("10.0.0.7", connection, (bundle,))
    assert MARKER not in repr(host) + bundle.check() + "".join(line for line, _ in bundle.repairs())


@pytest.mark.parametrize(
    "login",
    [
        {"privateKey": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{MARKER}\n-----END OPENSSH PRIVATE KEY-----\n"},
        {"privateKey": BASE["clients"][0]["privateKey"], "hostKey": f"ssh-ed25519 {MARKER}"},
        {"privateKey": BASE["clients"][0]["privateKey"], "privateKeyPassword": MARKER, "port": 1},
    ],
)
def test_no_error_of_a_login_holds_a_secret(login: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drift.session._ATTEMPTS", 1)
    connection = {"host": "127.0.0.1", "hostKey": BASE["clients"][0]["hostKey"], **login}

    async def enter() -> None:
        async with session(connection):
            pass

    with pytest.raises(Unanswered) as failure:
        asyncio.run(enter())
    assert str(failure.value).startswith("127.0.0.1: ")
    assert MARKER not in str(failure.value) + repr(failure.value)
    assert failure.value.__suppress_context__


def test_a_state_that_can_not_be_read_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\necho {MARKER}\necho no stack named prod >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("lab.engine.pulumi", lambda: str(program))
    with pytest.raises(LabError) as failure:
        export("prod")
    assert str(failure.value) == "the state of stack prod could not be read: no stack named prod"
