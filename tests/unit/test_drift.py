"""From the state to what hosts are asked, and from their answers to the report."""

import asyncio
import json
import shlex
from typing import Any

import pytest
from operations.drift.session import Answer, Unanswered, session

from components import PrivateRegistry
from components.settings import Settings
from operations.command_line import CommandLine, OperationError
from operations.drift.containers import container_findings, seen_in, stopped
from operations.drift.examine import _look, file_findings
from operations.drift.report import Finding, Remedy, Report
from operations.drift.state import Bundle, Container, Containers, Host, export, hosts_of
from tests.unit.conftest import BASE, CONTAINER, REMOTE, SECRET_MARK, Declare, Recorder, mocked

MARKER = "marker-password"
ACCESS = {"hostKey": BASE["clients"][0]["hostKey"], "agent": True}


def exported(recorder: Recorder) -> list[dict[str, Any]]:
    """Return what was declared as ``pulumi stack export --show-secrets`` has it."""
    options = recorder.options
    return [
        {
            "urn": urn(resource.type, resource.name),
            "type": resource.type,
            "parent": urn(*options[resource.type, resource.name].above),
            "id": f"{resource.name}-id",
            "inputs": marked(dict(resource.inputs)),
            "outputs": {"name": resource.inputs.get("name") or f"{resource.name}-1a2b3c4"},
        }
        for resource in recorder.resources
    ]


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:test::private-registry::{type_}::{name}"


def marked(value: Any) -> Any:
    if isinstance(value, dict) and SECRET_MARK in value:
        return {SECRET_MARK: value[SECRET_MARK], "plaintext": json.dumps(value["value"])}
    if isinstance(value, dict):
        return {key: marked(entry) for key, entry in value.items()}
    return [marked(entry) for entry in value] if isinstance(value, list) else value


def test_a_state_tells_hosts_files_and_containers(declare: Declare) -> None:
    here, client = sorted(hosts_of(exported(declare())), key=lambda host: host.connection is not None)
    assert (here.name, here.connection) == ("this machine", None)
    assert {bundle.place["directory"] for bundle in here.bundles} == {
        "/srv/registry/test/registry/config",
        "/srv/registry/test/proxy/users",
        "/srv/registry/test/proxy/site",
        "/srv/registry/test/proxy/tls",
        "/etc/docker/certs.d/registry.test",
    }
    [containers] = here.containers.values()
    assert {container.name for container in containers.known} == {
        "private-registry-test-proxy",
        "private-registry-test-login",
        "private-registry-test-registry-1a2b3c4",
    }
    assert containers.owner
    assert client.name == "10.0.0.7"
    assert client.containers == {}
    assert client.connection is not None
    assert "BEGIN PRIVATE KEY" in client.connection["privateKey"]
    [bundle] = client.bundles
    assert bundle.check().startswith("sudo -n sh -s -- check directory=/etc/docker/certs.d/registry.test ")
    assert "BEGIN" in bundle.script or "certificate" in bundle.script


def test_files_are_told_of_also_where_docker_does_not_answer() -> None:
    async def run(line: str, stdin: str) -> Answer:
        return Answer(1, "", "no Docker") if "owner=owner" in line else Answer(0, "/a is missing\n", "")

    host = Host("server", None, (Bundle(False, {"directory": "/d"}, {}, "script"),), {"registry": KNOWN})
    found = asyncio.run(_look(host, run))
    assert [finding.what for finding in found] == ["/a is missing", "Docker could not be checked: no Docker"]


def test_containers_are_asked_for_where_the_server_is(declare: Declare) -> None:
    url, server = "ssh://ops@registry.example.com", "registry.example.com"
    hosts = hosts_of(exported(declare(dockerHost=url, dockerHostAccess=ACCESS)))
    [asked] = [host for host in hosts if host.containers]
    assert asked.name == server
    [containers] = asked.containers.values()
    assert containers.shell == ("sudo", "-n", "sh", "-s", "--")


def test_what_is_going_is_not_asked_for(declare: Declare) -> None:
    resources = exported(declare())
    for resource in resources:
        if resource["type"] == CONTAINER:
            resource["delete" if "proxy" in resource["urn"] else "pendingReplacement"] = True
    [containers] = [one for host in hosts_of(resources) for one in host.containers.values()]
    assert containers.known == ()


def test_an_empty_state_has_no_hosts() -> None:
    assert hosts_of([]) == []


def test_each_registry_of_a_program_is_looked_at_whatever_its_name() -> None:
    names = ("hub", "my-registry-eu", "a-trust-b")

    def program() -> None:
        for name in names:
            PrivateRegistry(name, Settings.model_validate(BASE))

    here, client = sorted(hosts_of(exported(mocked(program))), key=lambda host: host.connection is not None)
    assert (here.name, len(here.bundles), here.is_behind) == ("this machine", 15, False)
    assert (client.name, len(client.bundles), client.is_behind) == ("10.0.0.7", 3, False)
    for name in names:
        [containers] = [found for urn, found in here.containers.items() if urn.endswith(f"::{name}")]
        assert {container.name.split("-")[3] for container in containers.known} == {name.split("-")[0]}
        assert len(containers.known) == 3


def test_what_the_last_update_could_not_place_is_not_compared(declare: Declare) -> None:
    resources = exported(declare())
    [command] = [one for one in resources if one["urn"] == urn(REMOTE, "registry-trust-10.0.0.7")]
    command["inputs"]["create"] = command["inputs"]["create"].replace("0644:", "0644:0")
    [behind] = [host for host in hosts_of(resources) if host.is_behind]
    assert (behind.name, behind.bundles) == ("10.0.0.7", ())
    [finding] = asyncio.run(_look(behind, silent))
    assert finding.remedy is Remedy.MANUAL
    assert "run an update first" in finding.what


def test_a_state_of_the_version_before_is_not_taken_for_one_without_drift(declare: Declare) -> None:
    resources = exported(declare())
    for resource in resources:
        if resource["type"].startswith("private-registry:"):
            resource["inputs"] = {}
    hosts = hosts_of(resources)
    assert {host.name for host in hosts if host.is_behind} == {"this machine", "10.0.0.7"}
    found = [finding for host in hosts for finding in asyncio.run(_look(host, silent))]
    assert len([one for one in found if "run an update first" in one.what]) == len(hosts)


async def silent(line: str, stdin: str) -> Answer:
    return Answer(0, "", "")


FILES = {"ca.crt": {"mode": "0644", "digest": "1"}}


def test_a_repair_writes_what_the_state_says() -> None:
    place = {"directory": "/d", "marker": "private-registry a/b", "registry": "[fd00::1]:5000"}
    (modes, first), (update, second) = Bundle(False, place, FILES, "script").repairs()
    assert "chmod" in first
    assert second == "script"
    assert modes == "sh -s -- modes directory=/d file=ca.crt:0644:1"
    assert shlex.split(update) == [
        *("sh", "-s", "--", "update", "directory=/d", "marker=private-registry a/b", "file=ca.crt:0644:1")
    ]


def test_a_release_is_made_live_under_another_name_first() -> None:
    bundle = Bundle(True, {"directory": "/d", "release": "12ab"}, {"a": {"mode": "0644", "digest": "1"}}, "script")
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
    assert failed == Finding("one", "could not be checked: sudo: a password is required", Remedy.MANUAL)
    [old] = file_findings("one", Answer(1, "", "one: unknown verb check\n"))
    assert "run an update first" in old.what
    [silent] = file_findings("one", Answer(7, "", ""))
    assert silent.what == "could not be checked: the command failed with status 7"


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
        (["p1 proxy running unhealthy", "r1 registry dead healthy"], [("unhealthy", "manual"), ("dead", "manual")]),
        (["p1 proxy running unhealthy", "r1 registry exited healthy"], [("registry is stopped", Remedy.REPAIR)]),
        (["p1 proxy running healthy", "r1 registry paused healthy"], [("stopped (paused)", Remedy.REPAIR)]),
        (["r1 registry running healthy"], [("proxy is gone", Remedy.REFRESH)]),
        (["p2 proxy running healthy", "r1 registry running healthy"], [("was not created by", Remedy.MANUAL)]),
        (["p1 away running healthy", "r1 registry running healthy"], [("was renamed to away", Remedy.MANUAL)]),
        (
            ["p1 proxy running healthy", "r1 registry running healthy", "x1 stranger exited none"],
            [("container stranger has this stack's label", Remedy.MANUAL)],
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
    Finding("two", "could not be checked: no answer within 10 s", Remedy.MANUAL),
]


def test_the_report_tells_people_what_to_do() -> None:
    assert Report("dev", 3, FOUND).text("make up", "make up").splitlines() == [
        "'make up' repairs:",
        "  one             /a is missing",
        "'make up' creates again:",
        "  server          container proxy is gone",
        "To check by hand:",
        "  two             could not be checked: no answer within 10 s",
    ]
    other = Report("prod", 3, FOUND[:2], FOUND[2:]).text()
    assert "'make drift STACK=prod REPAIR=1' repairs:" in other
    assert "'pulumi up --refresh' creates again:" in other
    assert other.startswith("Repaired:\n  two ")
    assert Report("prod", 3, []).text() == "Stack prod is unchanged since the last update; hosts checked: 3."


def test_the_report_tells_programs_the_same() -> None:
    report = json.loads(Report("prod", 3, FOUND[1:], FOUND[:1]).json())
    assert report == {
        "stack": "prod",
        "hosts": 3,
        "repaired": [{"host": "one", "what": "/a is missing"}],
        "drift": [
            {"host": "server", "what": "container proxy is gone", "remedy": "refresh"},
            {"host": "two", "what": "could not be checked: no answer within 10 s", "remedy": "manual"},
        ],
    }
    assert Report("prod", 3, FOUND).needs_refresh
    assert not Report("prod", 3, FOUND[:1]).needs_refresh


def test_nothing_that_is_printed_of_a_host_holds_a_secret() -> None:
    connection = {"host": "10.0.0.7", "privateKey": MARKER, "password": MARKER}
    bundle = Bundle(False, {"directory": "/d"}, {}, f"payload() {{ {MARKER}; }}")
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
    monkeypatch.setattr("operations.drift.session._ATTEMPTS", 1)
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
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(OperationError) as failure:
        export(CommandLine("prod"))
    assert str(failure.value).splitlines()[0] == "the state of stack prod could not be read: no stack named prod"


def test_a_machine_without_the_command_line_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperationError, match="not on the PATH"):
        export(CommandLine("prod"))
