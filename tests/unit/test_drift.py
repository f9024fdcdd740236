"""From the state to what hosts are asked, and from their answers to the report."""

import asyncio
import json
import shlex
from typing import Any

import pytest

from components import PrivateRegistry
from components.clients import RUNTIMES, placing
from components.hosts import arguments
from components.hosts.connections import Connections
from components.hosts.session import Answer, Unanswered, session
from components.provider.fleet import known_of
from components.provider.values import revealed
from components.settings import Settings
from operations.command_line import CommandLine, OperationError
from operations.drift.containers import container_findings, seen_in, stopped
from operations.drift.examine import _look, _visit_all, file_findings
from operations.drift.report import Finding, Remedy, Report
from operations.drift.state import Bundle, Container, Containers, Host, export, hosts_of
from operations.fleet import TRUST, VERIFICATION
from tests.unit.conftest import BASE, CONTAINER, LOCAL, REMOTE, SECRET_MARK, Declare, Recorder, Resource, mocked
from tests.unit.several import SEVERAL

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
            "provider": provider(resource),
            "inputs": marked(dict(resource.inputs)),
            "outputs": outputs(resource),
        }
        for resource in recorder.resources
    ]


def provider(resource: Resource) -> str:
    """Return the URN and the id of a resource's provider."""
    declared = resource.provider.split("::")
    if len(declared) > 1:
        return "::".join([urn(declared[-3].rpartition("$")[2], declared[-2]), declared[-1]])
    return f"{urn('pulumi:providers:any', 'default_5_0_0')}::id"


def outputs(resource: Resource) -> dict[str, Any]:
    """Return what the last update has made of a resource: a client has what it should have."""
    if resource.type != TRUST:
        return {"name": resource.inputs.get("name") or f"{resource.name}-1a2b3c4"}
    inputs = revealed(marked(dict(resource.inputs)))
    authorities = inputs["authorities"]
    return {
        "placed": {
            host: placing.wanted(known_of(inputs), said["runtimes"], said.get("hostsEntry") or "", authorities)
            for host, said in inputs["hosts"].items()
        },
        "texts": {placing.digest(authorities): authorities},
        "dropped": [],
        "missing": {},
    }


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:test::private-registry::{type_}::{name}"


def marked(value: Any) -> Any:
    if isinstance(value, dict) and SECRET_MARK in value:
        return {SECRET_MARK: value[SECRET_MARK], "plaintext": json.dumps(value["value"])}
    if isinstance(value, dict):
        return {key: marked(entry) for key, entry in value.items()}
    return [marked(entry) for entry in value] if isinstance(value, list) else value


def directories(host: Host) -> list[str]:
    """Return the folders of a host's bundles; nothing for what is in none."""
    words = [shlex.split(bundle.check[0]) for bundle in host.bundles]
    return ["".join(word.partition("=")[2] for word in line if word.startswith("directory=")) for line in words]


def test_a_state_tells_hosts_files_and_containers(declare: Declare) -> None:
    here, client = sorted(hosts_of(exported(declare())), key=lambda host: host.connection is not None)
    assert (here.name, here.connection) == ("this machine", None)
    assert sorted(directories(here)) == [
        "/etc/docker/certs.d/registry.test",
        "/srv/registry/test/proxy/site",
        "/srv/registry/test/proxy/tls",
        "/srv/registry/test/proxy/users",
        "/srv/registry/test/registry/config",
    ]
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
    assert directories(client) == ["", "/etc/docker/certs.d/registry.test"]
    entry, files = client.bundles
    assert entry.check[0].startswith("sudo -n sh -s -- check ")
    assert "entry=10.0.0.2/registry.test" in entry.check[0]
    assert files.check[0].startswith("sudo -n sh -s -- check directory=/etc/docker/certs.d/registry.test ")
    assert "BEGIN CERTIFICATE" in files.check[1]


def test_each_server_is_asked_about_its_own_containers_alone(declare: Declare) -> None:
    hosts = {host.name: host for host in hosts_of(exported(declare(**SEVERAL))) if host.containers}
    assert list(hosts) == ["10.0.0.5", "10.0.0.6", "this machine"]
    asked = {name: [*host.containers.values()] for name, host in hosts.items()}
    assert [len(found) for found in asked.values()] == [1, 1, 1]
    ids = {name: {container.id for container in found.known} for name, [found] in asked.items()}
    assert ids == {
        host: {
            f"private-registry-test-{server}registry-id",
            f"registry-{server}proxy-container-id",
            f"registry-{server}proxy-login-container-id",
        }
        for host, server in (("10.0.0.5", ""), ("10.0.0.6", "b-"), ("this machine", "c-"))
    }
    assert {found.shell for [found] in asked.values()} == {("sh", "-s", "--"), ("sudo", "-n", "sh", "-s", "--")}
    assert len({found.owner for [found] in asked.values()}) == 3, "the label of one state and one server"


def test_what_is_server_and_client_is_one_host(declare: Declare) -> None:
    server = {"dockerHost": "ssh://ops@10.0.0.7", "dockerHostAccess": ACCESS}
    one = {"host": "10.0.0.7", "user": "ops", **ACCESS}
    [host] = hosts_of(exported(declare(**server, clients=[one])))
    assert host.name == "10.0.0.7"
    assert len(host.bundles) == 5
    assert host.containers
    bastion = {"host": "10.0.0.1", **ACCESS}
    server["dockerHostAccess"] = {**ACCESS, "bastion": bastion}
    [host] = hosts_of(exported(declare(**server, clients=[{**one, "bastion": bastion}])))
    assert host.connection is not None
    assert host.connection["proxy"]["host"] == "10.0.0.1"


def test_files_are_told_of_also_where_docker_does_not_answer() -> None:
    async def run(line: str, stdin: str) -> Answer:
        return Answer(1, "", "no Docker") if "owner=owner" in line else Answer(0, "/a is missing\n", "")

    host = Host("server", None, (Bundle(("check", "script"), ()),), {"registry": KNOWN})
    found = asyncio.run(_look(host, run))
    assert [finding.what for finding in found] == ["/a is missing", "Docker could not be checked: no Docker"]


def test_what_a_host_says_twice_is_found_once() -> None:
    async def work(host: Host, run: object) -> list[Finding]:
        if host.name == "two":
            raise Unanswered("no answer")
        return [Finding(host.name, "down")]

    async def go() -> list[Finding]:
        async with Connections() as connections:
            return await _visit_all(connections, "hosts", [Host(name, None) for name in ("one", "two", "one")], work)

    assert asyncio.run(go()) == [
        Finding("one", "down"),
        Finding("two", "could not be checked: no answer", Remedy.MANUAL),
    ]


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
    assert (client.name, len(client.bundles), client.is_behind) == ("10.0.0.7", 6, False)
    for name in names:
        [containers] = [found for urn, found in here.containers.items() if urn.endswith(f"::{name}")]
        assert {container.name.split("-")[3] for container in containers.known} == {name.split("-")[0]}
        assert len(containers.known) == 3


def test_what_the_last_update_could_not_place_is_not_compared(declare: Declare) -> None:
    resources = exported(declare())
    placed = of(resources, TRUST)["outputs"]["placed"]["10.0.0.7"]
    placed["docker"] = {**placed["docker"], "authorities": "older"}
    [behind] = [host for host in hosts_of(resources) if host.is_behind]
    assert (behind.name, directories(behind)) == ("10.0.0.7", [""]), "the entry is, as it was placed"
    [finding] = asyncio.run(_look(behind, silent))
    assert finding.remedy is Remedy.MANUAL
    assert "run an update first" in finding.what


def test_a_client_that_the_last_update_did_without_is_behind(declare: Declare) -> None:
    resources = exported(declare())
    of(resources, TRUST)["outputs"]["missing"] = {"10.0.0.7": "no answer"}
    assert [host.name for host in hosts_of(resources) if host.is_behind] == ["10.0.0.7"]
    of(resources, TRUST)["outputs"]["placed"].pop("10.0.0.7")
    [behind] = [host for host in hosts_of(resources) if host.is_behind]
    assert (behind.name, behind.bundles) == ("10.0.0.7", ())


def test_a_client_that_has_left_the_list_is_behind_until_all_is_removed_from_it(declare: Declare) -> None:
    resources = exported(declare())
    reach = {"connection": {"host": "10.0.0.9", "port": 22, "user": "root", "hostKey": "key"}, "sudo": False}
    secret = {SECRET_MARK: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(reach)}
    trust, verification = of(resources, TRUST), of(resources, VERIFICATION)
    trust["outputs"]["dropped"] = [{"name": "1a2b", "host": "10.0.0.9", "reach": secret}]
    [behind] = [host for host in hosts_of(resources) if host.is_behind]
    assert (behind.name, behind.connection) == ("10.0.0.9", reach["connection"])
    verification["outputs"]["removed"] = ["1a2b"]
    assert {host.name for host in hosts_of(resources)} == {"this machine", "10.0.0.7"}


def test_what_a_client_has_until_the_next_update_is_not_repaired(declare: Declare) -> None:
    """Its record says what is there afterwards: without authorities that the proxy may still need."""
    resources = exported(declare())
    entry = {"name": "1a2b", "host": "10.0.0.7", "bundle": "docker", "reach": {"connection": None, "sudo": False}}
    of(resources, TRUST)["outputs"]["dropped"] = [entry]
    [host] = [host for host in hosts_of(resources) if host.connection]
    assert host.is_behind
    assert directories(host) == [""], "the hosts entry"


def test_each_runtime_of_a_client_is_looked_at(declare: Declare) -> None:
    client = {**BASE["clients"][0], "runtimes": list(RUNTIMES)}
    [host] = [host for host in hosts_of(exported(declare(clients=[client]))) if host.connection]
    assert not host.is_behind
    assert len(host.bundles) + len(host.planned) == len(RUNTIMES) + 1, "and the hosts entry"
    assert all(bundle.check[0].startswith("sudo -n sh -s -- check ") for bundle in host.bundles)
    assert all(bundle.repairs[-1][1] == bundle.check[1] for bundle in host.bundles)


def test_a_client_without_anything_to_place_is_not_asked(declare: Declare) -> None:
    resources = exported(declare())
    trust = of(resources, TRUST)
    trust["inputs"]["registry"] = {**trust["inputs"]["registry"], "hasAuthorities": False}
    trust["inputs"]["hosts"]["10.0.0.7"].pop("hostsEntry")
    trust["outputs"] = {"placed": {}}
    assert [host.name for host in hosts_of(resources)] == ["this machine"]


def of(resources: list[dict[str, Any]], type_: str) -> dict[str, Any]:
    [found] = [one for one in resources if one["type"] == type_]
    return found


def before(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a state with what the version before had for each client: a component, its files and their command."""
    inputs = revealed(of(resources, TRUST)["inputs"])
    connection = {
        "host": "10.0.0.7",
        "port": 22.0,
        "user": "ops",
        "dialErrorLimit": 3,
        "hostKey": BASE["clients"][0]["hostKey"],
    }
    found = [one for one in resources if one["type"] not in (TRUST, VERIFICATION)]
    for host, type_ in (("10.0.0.7", REMOTE), ("build.example.com", LOCAL)):
        name = f"registry-trust-{host}"
        trust, files = (urn(f"private-registry:index:{kind}", name) for kind in ("ClientTrust", "HostFiles"))
        place = {"directory": "/etc/docker/certs.d/registry.test"}
        line = f"sh -s -- {arguments('create', place, FILES)}"
        reached = {"connection": {**connection, **inputs["logins"]["1"]}} if type_ == REMOTE else {}
        found += [
            {"urn": trust, "type": "private-registry:index:ClientTrust", "inputs": {"host": host}},
            {
                "urn": files,
                "type": "private-registry:index:HostFiles",
                "parent": trust,
                "inputs": {"sudo": False, "place": place, "files": FILES},
            },
            {
                "urn": urn(type_, name),
                "type": type_,
                "parent": files,
                "inputs": {**reached, "create": line, "stdin": ""},
            },
        ]
    return found


def test_a_state_of_the_version_before_is_not_taken_for_one_without_drift(declare: Declare) -> None:
    resources = exported(declare())
    hosts = hosts_of(before(resources))
    assert {host.name for host in hosts if host.is_behind} == {"this machine", "10.0.0.7"}
    found = [finding for host in hosts for finding in asyncio.run(_look(host, silent))]
    assert len([one for one in found if "run an update first" in one.what]) == len(hosts) == 2
    both = hosts_of([*before(resources), of(resources, TRUST)])
    assert len(both) == 2, "an update that broke off leaves the old ones beside the new one"


def test_components_that_say_nothing_are_of_a_version_before_too(declare: Declare) -> None:
    resources = [one for one in exported(declare()) if one["type"] not in (TRUST, VERIFICATION)]
    for resource in resources:
        if resource["type"].startswith("private-registry:"):
            resource["inputs"] = {}
    assert [(host.name, host.is_behind, host.bundles) for host in hosts_of(resources)] == [("this machine", True, ())]


async def silent(line: str, stdin: str) -> Answer:
    return Answer(0, "", "")


FILES = {"ca.crt": {"mode": "0644", "digest": "1"}}


def test_a_repair_writes_what_the_state_says(declare: Declare) -> None:
    resources = exported(
        declare(clients=[{**BASE["clients"][1], "runtimes": ["docker", "system"]}], aliases=["b.test"])
    )
    [here] = hosts_of(resources)
    docker, system = here.bundles[-2:]
    (modes, first), (update, second) = docker.repairs
    assert "chmod" in first
    assert second == docker.check[1]
    where = "directory=/etc/docker/certs.d/registry.test aliases=b.test file=ca.crt:0644:-"
    assert modes == f"sh -s -- modes {where}"
    assert "registry=" in docker.check[0]
    assert "registry=" not in update, "the registry may be down"
    assert update.startswith("sh -s -- update directory=/etc/docker/certs.d/registry.test link=")
    assert [line.partition("store=")[0] for line, _ in system.repairs] == ["sh -s -- update "]


def test_a_release_is_made_live_under_another_name_first(declare: Declare) -> None:
    [tls] = [one for host in hosts_of(exported(declare())) for one in host.bundles if "/proxy/tls " in one.check[0]]
    (aside, first), (update, second) = tls.repairs
    assert first == second == tls.check[1]
    assert update == tls.check[0].replace("check", "update", 1)
    [release] = [word for word in shlex.split(update) if word.startswith("release=")]
    assert aside == update.replace(release, f"{release}-repair")


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


def test_nothing_that_is_printed_of_a_host_holds_a_secret(declare: Declare) -> None:
    connection = {"host": "10.0.0.7", "privateKey": MARKER, "password": MARKER}
    host = Host("10.0.0.7", connection, (Bundle(("check", MARKER), (("update", MARKER),)),))
    assert MARKER not in repr(host)
    bundles = [bundle for host in hosts_of(exported(declare())) for bundle in host.bundles]
    lines = [line for bundle in bundles for line, _ in (bundle.check, *bundle.repairs)]
    assert lines
    assert not [line for line in lines if "marker" in line.replace("marker=", "") or "BEGIN" in line]


@pytest.mark.parametrize(
    "login",
    [
        {"privateKey": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{MARKER}\n-----END OPENSSH PRIVATE KEY-----\n"},
        {"privateKey": BASE["clients"][0]["privateKey"], "hostKey": f"ssh-ed25519 {MARKER}"},
        {"privateKey": BASE["clients"][0]["privateKey"], "privateKeyPassword": MARKER, "port": 1},
    ],
)
def test_no_error_of_a_login_holds_a_secret(login: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.hosts.remote._ATTEMPTS", 1)
    connection = {"host": "127.0.0.1", "hostKey": BASE["clients"][0]["hostKey"], **login}

    async def enter() -> None:
        async with session(connection):
            pass

    with pytest.raises(Unanswered) as failure:
        asyncio.run(enter())
    assert str(failure.value)
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
