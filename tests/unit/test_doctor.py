"""What is said of a host, from what was read there: as tables, and the ways in which a host does not answer."""

import asyncio
import io
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from rich.console import Console

from components.clients import RUNTIMES
from components.hosts import remote
from components.settings import Settings
from operations.command_line import CommandLine, OperationError
from operations.doctor import __main__ as command
from operations.doctor import visit
from operations.doctor.facts import Builder, Facts, Proxy, read
from operations.doctor.finding import Kind, Level
from operations.doctor.judge import Wanted, clock_offset, insecure, judge, proposal, versions
from operations.doctor.names import entries
from operations.doctor.proxies import is_between
from operations.doctor.registry import Registry
from operations.doctor.report import Examined, Report
from operations.doctor.stack import Asked, asked, hosts_of, registry_of, served_somewhere, settings_of
from operations.doctor.trust import DUMP, State, trusts
from operations.doctor.visit import Host, Seen, visit_all
from operations.progress import counted
from tests.unit.authority import issue
from tests.unit.conftest import BASE
from tests.unit.storages import BUCKET

CA, OTHER = issue("ca", authority=True, ends=3000), issue("other", authority=True)
SHORT = issue("short", authority=True, ends=40)
SERVER = issue("server", CA, ["registry.test"], ends=200)
NOW = datetime.now(UTC)
REFERENCE = "registry.test:5000"
REGISTRY = Registry(
    reference=REFERENCE,
    full_reference=REFERENCE,
    host="registry.test",
    port=5000,
    host_names="registry.test",
    mark="private-registry project/stack",
    served=[SERVER.certificate],
    trusted=[CA.certificate],
)
ON_443 = replace(REGISTRY, reference="registry.test", full_reference="registry.test:443", port=443)
DOCKER = {"docker": "Docker version 28.5.1, build e180ab8"}
ANSWERS = {"version": ("28.5.1",)}
OURS = "private-registry project/stack"


def facts(**changes: Any) -> Facts:
    """Return a host with Docker, on which all is well but that it trusts nothing."""
    base = Facts(now=int(NOW.timestamp()), programs=DOCKER, docker=ANSWERS, curl=60, is_whole=True)
    return replace(base, **changes)


def holding(pems: Mapping[str, str], **more: Any) -> Facts:
    """Return a host with certificates in folders for registries: folder -> PEM, or nothing for an empty folder."""
    certificates = {f"{folder}/ca.crt": pem for folder, pem in pems.items() if pem}
    return facts(**{"folders": frozenset(pems), "certificates": certificates, **more})


def said(found: Facts, registry: Registry = REGISTRY, wanted: Wanted | None = None) -> list[tuple[Kind, Level, str]]:
    verdict = judge(found, registry, wanted or Wanted(("docker",)), (NOW, NOW))
    return [(finding.kind, finding.level, finding.what) for finding in verdict.findings]


def of(kind: Kind, found: Facts, registry: Registry = REGISTRY, wanted: Wanted | None = None) -> list[str]:
    """Return what is wrong with one thing."""
    return [what for one, level, what in said(found, registry, wanted) if one is kind and level is Level.WRONG]


DOCKERS = f"/etc/docker/certs.d/{REFERENCE}"
PODMANS = f"/etc/containers/certs.d/{REFERENCE}"
OF_USER = f"/home/ops/.config/containers/certs.d/{REFERENCE}"
OWN = f"/root/.config/containers/certs.d/{REFERENCE}"
UNDERSCORED, PLAIN, REST = (
    f"/etc/containerd/certs.d/{name}" for name in ("registry.test_5000_", REFERENCE, "_default")
)


def dump(path: str, plugin: str = "io.containerd.grpc.v1.cri", more: str = "") -> dict[str, str]:
    return {DUMP: f"{more}\nversion = 2\n[plugins]\n[plugins.'{plugin}'.registry]\nconfig_path = '{path}'\n"}


PODMAN = {"podman": "podman version 5.4.2"}
CONTAINERD = {
    "containerd": "containerd github.com/containerd/containerd 1.7.24 abc",
    "crictl": "crictl version v1.31.0",
}
BUILDKIT = {"buildkitd": "buildkitd github.com/moby/buildkit v0.34.2 abc"}
K3S = {"k3s": "k3s version v1.31.2+k3s1 (abc)"}
RKE2 = {"rke2": "rke2 version v1.31.2"}
CERTS_D = dump("/etc/containerd/certs.d")


def rancher(more: str) -> dict[str, str]:
    return {"/etc/rancher/k3s/registries.yaml": f"configs:\n  '{REFERENCE}':\n    tls:\n      {more}\n"}


TRUST: dict[str, tuple[str, Facts, State, str]] = {
    "docker: the folder": ("docker", holding({DOCKERS: CA.pem}), State.TRUSTED, ""),
    "docker: none": ("docker", facts(), State.MISSING, ""),
    "docker: another CA": ("docker", holding({DOCKERS: OTHER.pem}), State.WRONG, "signed what the registry serves"),
    "docker: an empty folder": ("docker", holding({DOCKERS: ""}), State.WRONG, "no CA certificate is in"),
    "docker: no PEM": ("docker", holding({DOCKERS: "no PEM\n"}), State.WRONG, "no CA certificate is in"),
    "docker: the machine's store": ("docker", facts(curl=0), State.TRUSTED, ""),
    "docker: a certificate without a key": (
        "docker",
        holding({DOCKERS: CA.pem}, entries=frozenset({f"{DOCKERS}/ca.cert"})),
        State.WRONG,
        "must be named *.crt",
    ),
    "docker: a client certificate": (
        "docker",
        holding({DOCKERS: CA.pem}, entries=frozenset({f"{DOCKERS}/a.cert", f"{DOCKERS}/a.key"})),
        State.TRUSTED,
        "",
    ),
    "docker: a snap reads another folder": ("docker-snap", holding({DOCKERS: CA.pem}, is_snap=True), State.MISSING, ""),
    "docker: a snap": (
        "docker-snap",
        holding({f"/var/snap/docker/current{DOCKERS}": CA.pem}, is_snap=True),
        State.TRUSTED,
        "",
    ),
    "docker: rootless": (
        "docker-rootless",
        holding({f"/home/ops/.config/docker/certs.d/{REFERENCE}": CA.pem}, rootless=("/home/ops",)),
        State.TRUSTED,
        "",
    ),
    "podman: Docker's folder": ("podman", holding({DOCKERS: CA.pem}, programs=PODMAN), State.TRUSTED, ""),
    "podman: an empty folder of its own": (
        "podman",
        holding({PODMANS: "", DOCKERS: CA.pem}, programs=PODMAN),
        State.WRONG,
        f"{PODMANS} comes first, and hides {DOCKERS}",
    ),
    "podman: a folder in the home": (
        "podman",
        holding({OWN: OTHER.pem, PODMANS: CA.pem}, programs=PODMAN, homes=("/root",)),
        State.WRONG,
        f"{OWN} comes first, and hides {PODMANS}",
    ),
    "podman: a folder of a user": (
        "podman",
        holding({OF_USER: OTHER.pem, PODMANS: CA.pem}, programs=PODMAN, homes=("/home/ops", "/root")),
        State.TRUSTED,
        "",
    ),
    "podman: rootless": (
        "podman-rootless",
        holding({OF_USER: OTHER.pem, PODMANS: CA.pem}, programs=PODMAN, homes=("/home/ops", "/root")),
        State.WRONG,
        f"{OF_USER} comes first, and hides {PODMANS}",
    ),
    "containerd: no config_path": (
        "containerd",
        holding({PLAIN: CA.pem}, programs=CONTAINERD, files=dump("")),
        State.MISSING,
        "config_path is not set",
    ),
    "containerd: the folder": (
        "containerd",
        holding({PLAIN: CA.pem}, programs=CONTAINERD, files=CERTS_D),
        State.TRUSTED,
        "",
    ),
    "containerd: version 2": (
        "containerd",
        holding(
            {PLAIN: CA.pem},
            programs=CONTAINERD,
            files=dump("/a:/etc/containerd/certs.d", "io.containerd.cri.v1.images"),
        ),
        State.TRUSTED,
        "",
    ),
    "containerd: the name with underscores": (
        "containerd",
        holding({UNDERSCORED: OTHER.pem, PLAIN: CA.pem}, programs=CONTAINERD, files=CERTS_D),
        State.WRONG,
        f"{UNDERSCORED} comes first, and hides {PLAIN}",
    ),
    "containerd: _default": (
        "containerd",
        holding({REST: CA.pem}, programs=CONTAINERD, files=CERTS_D),
        State.TRUSTED,
        "",
    ),
    "containerd: hosts.toml": (
        "containerd",
        holding(
            {PLAIN: ""},
            programs=CONTAINERD,
            files={**CERTS_D, f"{PLAIN}/hosts.toml": f"[host.'https://{REFERENCE}']\nca = 'own.crt'\n"},
            certificates={f"{PLAIN}/own.crt": CA.pem},
        ),
        State.TRUSTED,
        "",
    ),
    "containerd: hosts.toml for another host": (
        "containerd",
        holding(
            {PLAIN: CA.pem},
            programs=CONTAINERD,
            files={**CERTS_D, f"{PLAIN}/hosts.toml": "[host.'https://mirror.test']\nca = 'ca.crt'\n"},
        ),
        State.WRONG,
        "no CA certificate is in",
    ),
    "containerd: a broken hosts.toml": (
        "containerd",
        holding({PLAIN: CA.pem}, programs=CONTAINERD, files={**CERTS_D, f"{PLAIN}/hosts.toml": "host ="}),
        State.WRONG,
        "can't be read",
    ),
    "buildkit: none": ("buildkit", facts(programs=BUILDKIT), State.MISSING, ""),
    "buildkit: its file": (
        "buildkit",
        facts(
            programs=BUILDKIT,
            files={"/etc/buildkit/buildkitd.toml": f'[registry."{REFERENCE}"]\nca = ["/a.pem"]\n'},
            certificates={"/a.pem": CA.pem},
        ),
        State.TRUSTED,
        "",
    ),
    "buildkit: a file that is gone": (
        "buildkit",
        facts(
            programs=BUILDKIT, files={"/etc/buildkit/buildkitd.toml": f'[registry."{REFERENCE}"]\nca = ["/a.pem"]\n'}
        ),
        State.WRONG,
        "/a.pem is named there, and does not exist",
    ),
    "buildkit: a broken file": (
        "buildkit",
        facts(programs=BUILDKIT, files={"/etc/buildkit/buildkitd.toml": "[registry"}),
        State.WRONG,
        "can't be read",
    ),
    "buildkit: rootless": (
        "buildkit-rootless",
        facts(
            programs=BUILDKIT,
            homes=("/home/ops",),
            files={"/home/ops/.config/buildkit/buildkitd.toml": f'[registry."{REFERENCE}"]\nca = ["/a.pem"]\n'},
            certificates={"/a.pem": CA.pem},
        ),
        State.TRUSTED,
        "",
    ),
    "k3s: its file": (
        "k3s",
        facts(programs=K3S, files=rancher("ca_file: /a.crt"), certificates={"/a.crt": CA.pem}),
        State.TRUSTED,
        "",
    ),
    "k3s: not YAML": (
        "k3s",
        facts(programs=K3S, files={"/etc/rancher/k3s/registries.yaml": "a: ["}),
        State.WRONG,
        "YAML",
    ),
    "k3s: something else": (
        "k3s",
        facts(programs=K3S, files={"/etc/rancher/k3s/registries.yaml": "configs: [1]\n"}),
        State.MISSING,
        "",
    ),
    "system": ("system", facts(curl=0), State.TRUSTED, ""),
    "system: refused": ("system", facts(), State.MISSING, ""),
    "system: no curl": ("system", facts(curl=None), State.UNKNOWN, "curl is not installed"),
    "system: no way there": ("system", facts(curl=7), State.UNKNOWN, "does not reach the registry"),
}


@pytest.mark.parametrize("case", TRUST)
def test_each_program_trusts_by_its_own_rules(case: str) -> None:
    runtime, found, state, why = TRUST[case]
    [trust] = [one for one in trusts(found, REGISTRY) if one.runtime == runtime]
    assert (trust.state, why in trust.why) == (state, True), trust
    assert (trust.state is State.TRUSTED) or trust.anchor is None


def test_without_an_answer_trust_is_that_of_the_last_update() -> None:
    silent = replace(REGISTRY, served=())
    assert trusts(holding({DOCKERS: CA.pem}), silent)[0].state is State.TRUSTED
    assert trusts(holding({DOCKERS: OTHER.pem}), silent)[0].state is State.WRONG
    assert trusts(holding({DOCKERS: OTHER.pem}), replace(silent, trusted=()))[0].state is State.UNKNOWN


def test_when_a_certificate_ends_is_another_question_than_who_signed_it() -> None:
    old, between = issue("old", authority=True, ends=-1), issue("between", CA, authority=True)
    served = [issue("server", old, ["registry.test"]).certificate]
    assert trusts(holding({DOCKERS: old.pem}), replace(REGISTRY, served=served))[0].state is State.TRUSTED
    below = [issue("server", between, ["registry.test"]).certificate]
    assert trusts(holding({DOCKERS: between.pem}), replace(REGISTRY, served=below))[0].state is State.TRUSTED
    assert trusts(holding({DOCKERS: CA.pem}), replace(REGISTRY, served=below))[0].state is State.WRONG


def test_before_the_first_update_no_trust_is_expected() -> None:
    fresh = replace(REGISTRY, is_deployed=False, served=(), trusted=())
    assert said(facts(curl=7), fresh) == []
    assert of(Kind.TRUST, facts()) == [
        "docker does not trust the registry: it has no CA certificate for it; run an update"
    ]


def test_a_program_that_is_not_in_the_settings_is_noted() -> None:
    [(kind, level, what)] = said(holding({DOCKERS: CA.pem, PODMANS: ""}, programs=DOCKER | CONTAINERD, files=dump("")))[
        -1:
    ]
    assert (kind, level) == (Kind.TRUST, Level.NOTE)
    assert what.startswith("containerd is installed and does not trust the registry: config_path is not set")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (facts(), ("docker",)),
        (facts(is_snap=True), ("docker-snap",)),
        (facts(is_snap=True, programs=DOCKER | {"dockerd": ""}), ("docker-snap", "docker")),
        (facts(programs={}, rootless=("/home/a", "/home/b")), ("docker-rootless",)),
        (facts(programs=PODMAN, homes=("/home/ops", "/root")), ("podman",)),
        (holding({OF_USER: ""}, programs=PODMAN, homes=("/home/ops", "/root")), ("podman", "podman-rootless")),
        (holding({OWN: ""}, programs=PODMAN, homes=("/root",)), ("podman",)),
        (facts(programs=PODMAN, homes=("/home/ops",), uid=1000), ("podman", "podman-rootless")),
        (facts(programs=DOCKER | {"crane": ""}), ("docker", "system")),
        (facts(programs={}), ("system",)),
        (facts(programs=BUILDKIT), ("buildkit",)),
        (facts(programs={"docker": "podman version 5.4.2", "podman": "podman version 5.4.2"}), ("podman",)),
        (facts(programs={**DOCKER, **PODMAN, **CONTAINERD, **RKE2}), ("docker", "podman", "containerd", "rke2")),
    ],
)
def test_runtimes_are_proposed_that_fit(found: Facts, expected: tuple[str, ...]) -> None:
    assert proposal(found) == expected


WITH_ALL = facts(
    programs={**DOCKER, "dockerd": "", **PODMAN, **CONTAINERD, **BUILDKIT, **K3S, **RKE2, "crane": ""},
    homes=("/home/ops", "/root"),
    rootless=("/home/ops",),
    is_snap=True,
    files=CERTS_D | {"/home/ops/.config/buildkit/buildkitd.toml": ""},
    folders=frozenset({OF_USER}),
)
"""A host with all that the doctor knows."""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_of_runtimes_is_judged(runtime: str) -> None:
    assert runtime in {trust.runtime for trust in trusts(WITH_ALL, REGISTRY)}, "operations/doctor/trust.py: _places"
    assert of(Kind.RUNTIME, WITH_ALL, wanted=Wanted((runtime,))) == []
    assert runtime in proposal(WITH_ALL)


def test_no_runtime_is_judged_that_the_settings_do_not_know() -> None:
    assert {trust.runtime for trust in trusts(WITH_ALL, REGISTRY)} <= RUNTIMES.keys()


def test_what_a_user_could_run_is_judged_where_it_is_wanted_or_used() -> None:
    found = facts(programs=PODMAN | BUILDKIT, docker={}, homes=("/home/ops", "/root"))
    assert not [what for *_, what in said(found, wanted=Wanted(("podman",))) if "rootless" in what]
    assert of(Kind.TRUST, found, wanted=Wanted(("podman-rootless",))) == [
        "podman-rootless does not trust the registry: it has no CA certificate for it; run an update"
    ]


def test_a_runtime_is_called_by_the_programs_that_are_there() -> None:
    [trust] = [
        one for one in trusts(facts(programs={"skopeo": "", "buildah": ""}), REGISTRY) if one.runtime == "podman"
    ]
    assert trust.label == "podman (buildah, skopeo)"
    assert trusts(facts(programs=PODMAN), REGISTRY)[0].label == "podman"


@pytest.mark.parametrize(
    ("found", "is_there"),
    [
        (facts(programs={**DOCKER, "containerd": "1.7"}), False),
        (facts(programs={**DOCKER, "containerd": "1.7"}, processes={"kubelet": ""}), True),
        (facts(programs=DOCKER | CONTAINERD), True),
        (facts(programs=DOCKER | CONTAINERD, files=dump("/a", more="disabled_plugins = ['cri']")), False),
        (facts(programs={"containerd": "1.7"}), True),
    ],
)
def test_the_containerd_that_is_dockers_own_is_not_judged(found: Facts, is_there: bool) -> None:
    assert ("containerd" in {trust.runtime for trust in trusts(found, REGISTRY)}) is is_there


def test_versions_are_those_that_programs_say() -> None:
    found = facts(
        programs={
            **DOCKER,
            **PODMAN,
            **CONTAINERD,
            **BUILDKIT,
            **K3S,
            "buildah": "buildah version 1.39.3 (image-spec 1.1.0)",
        },
        docker={"version": ("28.5.1",), "store": ("io.containerd.snapshotter.v1",), "security": ("name=rootless",)},
        is_snap=True,
    )
    assert dict(versions(found)) == {
        "docker": "28.5.1 (rootless, snap, containerd's store)",
        "containerd": "1.7.24",
        "podman": "5.4.2",
        "buildah": "1.39.3",
        "buildkitd": "0.34.2",
        "k3s": "1.31.2+k3s1",
        "crictl": "1.31.0",
    }
    assert dict(versions(facts(docker={}))) == {"docker": "28.5.1 (does not answer)"}


@pytest.mark.parametrize(
    ("ahead", "expected"), [(0, 0), (3, 0), (5, 0), (6, 0), (7, 1), (600, 594), (-1, -1), (-600, -600)]
)
def test_a_clock_is_right_that_the_time_of_the_answer_explains(ahead: int, expected: int) -> None:
    begin = datetime.fromtimestamp(1_700_000_000, UTC)
    assert clock_offset(1_700_000_000 + ahead, (begin, begin + timedelta(seconds=5))) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, []),
        (250, ["ahead of that of this machine", "the server certificate has expired"]),
        (
            -400,
            ["behind that of this machine", "the server certificate is not valid yet", "a CA certificate is not valid"],
        ),
    ],
)
def test_a_wrong_clock_is_compared_with_the_certificates(days: int, expected: list[str]) -> None:
    found = of(Kind.CLOCK, facts(now=int((NOW + timedelta(days=days)).timestamp())))
    assert len(found) == len(expected)
    assert all(part in what for part, what in zip(expected, found, strict=True))


@pytest.mark.parametrize(("days", "expected"), [(10, ""), (35, " ends in "), (50, " ended ")])
def test_a_ca_that_ends_soon_is_found(days: int, expected: str) -> None:
    registry = replace(REGISTRY, served=[issue("server", SHORT, ["registry.test"]).certificate])
    later = NOW + timedelta(days=days)
    verdict = judge(holding({DOCKERS: SHORT.pem}), registry, Wanted(("docker",)), (later, later))
    found = [finding.what for finding in verdict.findings if finding.kind is Kind.EXPIRY]
    assert bool(found) is bool(expected)
    assert all(what.startswith(f"docker: the CA certificate in {DOCKERS}{expected}") for what in found)
    assert verdict.days(later) == 39 - days or verdict.days(later) == 40 - days


HOSTS = "/etc/hosts"
SERVERS = "10.0.0.2 10.0.0.3"
BOTH_LINES = f"10.0.0.2\tregistry.test\t# {OURS} (client)\n10.0.0.3\tregistry.test\t# {OURS} (client)\n"
NAMES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "ours": ({"files": {HOSTS: f"10.0.0.2\tregistry.test\t# {OURS}\n"}}, "10.0.0.2", []),
    "alone": ({"files": {HOSTS: f"10.0.0.2\tregistry.test\t# {OURS} (client)\r\n"}}, "10.0.0.2", []),
    "missing": ({"files": {HOSTS: "127.0.0.1 localhost\n"}}, "10.0.0.2", ["has no entry of this stack"]),
    "several": ({"files": {HOSTS: BOTH_LINES}, "dns": ("10.0.0.3", "10.0.0.2")}, SERVERS, []),
    "several that count": ({"files": {HOSTS: BOTH_LINES}, "resolved": ("10.0.0.2", "10.0.0.3")}, SERVERS, []),
    "several, and the first one counts": (
        {"files": {HOSTS: BOTH_LINES}, "resolved": ("10.0.0.2",)},
        SERVERS,
        ["find registry.test at 10.0.0.2 alone, and /etc/hosts has 10.0.0.3 too: add the line 'multi on'"],
    ),
    "several of two families": (
        {"files": {HOSTS: BOTH_LINES.replace("10.0.0.3", "fd00::3")}, "resolved": ("10.0.0.2",)},
        "10.0.0.2 fd00::3",
        [],
    ),
    "several, and one of somebody": ({"files": {HOSTS: f"10.0.0.3 registry.test\n{BOTH_LINES}"}}, SERVERS, []),
    "one of several is missing": (
        {"files": {HOSTS: f"10.0.0.2\tregistry.test\t# {OURS} (client)\n"}},
        SERVERS,
        ["/etc/hosts has no entry of this stack for registry.test with 10.0.0.3; 'make drift REPAIR=1' adds it"],
    ),
    "all of several are missing": ({"files": {HOSTS: ""}}, SERVERS, ["of this stack for registry.test; 'make drift"]),
    "another than several": (
        {"files": {HOSTS: f"10.0.0.9 registry.test\n{BOTH_LINES}"}},
        SERVERS,
        ["gives registry.test the address 10.0.0.9, and hostsEntry says 10.0.0.2, 10.0.0.3; remove that line"],
    ),
    "shadowed": (
        {"files": {HOSTS: f"10.0.0.9 a Registry.test\n10.0.0.2\tregistry.test\t# {OURS}\n"}},
        "10.0.0.2",
        ["line 1 of /etc/hosts gives registry.test the address 10.0.0.9, and hostsEntry says 10.0.0.2"],
    ),
    "against DNS": (
        {"files": {HOSTS: "10.0.0.9 registry.test\n"}, "dns": ("10.0.0.2",)},
        "",
        ["line 1 of /etc/hosts gives registry.test the address 10.0.0.9, and DNS says 10.0.0.2"],
    ),
    "the same": ({"files": {HOSTS: "10.0.0.2 registry.test\n"}, "dns": ("10.0.0.2",)}, "", []),
    "a comment": ({"files": {HOSTS: "#10.0.0.9 registry.test\n"}, "dns": ("10.0.0.2",)}, "", []),
    "not resolved": ({"curl": 6}, "", ["registry.test is not known to DNS here"]),
    "no answer": (
        {"curl": 7, "resolved": ("10.0.0.2",)},
        "",
        ["registry.test (10.0.0.2) does not answer on port 5000"],
    ),
    "no port": (
        {"folders": frozenset({"/etc/docker/certs.d/registry.test"})},
        "",
        [f"/etc/docker/certs.d/registry.test is not read for {REFERENCE}"],
    ),
    "port 443": (
        {"folders": frozenset({"/etc/docker/certs.d/registry.test:443"})},
        "",
        ["its name has another port"],
    ),
    "both ports": ({"folders": frozenset({DOCKERS, "/etc/docker/certs.d/registry.test"})}, "", []),
}


@pytest.mark.parametrize("case", NAMES)
def test_what_is_in_the_way_of_the_name_is_found(case: str) -> None:
    changes, wanted, expected = NAMES[case]
    found = of(Kind.NAME, facts(**changes), wanted=Wanted(("docker",), tuple(wanted.split())))
    assert len(found) == len(expected), found
    assert all(part in what for part, what in zip(expected, found, strict=True)), found


def test_a_folder_with_port_443_alone_is_no_folder_for_the_plain_name() -> None:
    folder = "/etc/docker/certs.d/registry.test:443"
    assert "the folder is registry.test" in "".join(of(Kind.NAME, holding({folder: CA.pem}), ON_443))
    both = {folder: CA.pem, "/etc/docker/certs.d/registry.test": CA.pem}
    assert of(Kind.NAME, holding(both), ON_443) == []


def test_dns_that_says_something_else_is_noted() -> None:
    files = {HOSTS: f"10.0.0.2 registry.test # {OURS}\n"}
    found = said(facts(files=files, dns=("10.0.0.3",), curl=0), wanted=Wanted(("docker",), ("10.0.0.2",)))
    assert [(kind, level) for kind, level, _ in found] == [(Kind.NAME, Level.NOTE)]


def test_dns_that_knows_one_of_several_servers_is_noted() -> None:
    both = Wanted(("docker",), tuple(SERVERS.split()))
    [(_, level, what)] = said(facts(files={HOSTS: BOTH_LINES}, dns=("10.0.0.2",), curl=0), wanted=both)
    assert level is Level.NOTE
    assert what.endswith("the address 10.0.0.2, and hostsEntry says 10.0.0.2, 10.0.0.3, which counts")


def test_lines_of_a_hosts_file_are_read_as_they_are() -> None:
    text = "# all\n\n10.0.0.1\n10.0.0.2  A b#c\n"
    assert [(one.number, one.address, one.names, one.comment) for one in entries(text)] == [
        (4, "10.0.0.2", ("a", "b"), "c")
    ]


@pytest.mark.parametrize(
    ("changes", "wanted", "is_found"),
    [
        ({"files": {HOSTS: f"10.0.0.2 registry.test # {OURS}\n"}}, "", True),
        ({"files": {HOSTS: f"10.0.0.2 old.test # {OURS}\n10.0.0.2 registry.test # {OURS}\n"}}, "10.0.0.2", True),
        ({"files": {HOSTS: f"10.0.0.9 registry.test # {OURS}\n"}}, "10.0.0.2", True),
        ({"files": {HOSTS: f"10.0.0.2 registry.test # {OURS}\n"}}, "10.0.0.2", False),
        ({"files": {HOSTS: "10.0.0.2 old.test # private-registry project/another\n"}}, "", False),
        ({"files": {HOSTS: BOTH_LINES}}, SERVERS, False),
        ({"files": {HOSTS: BOTH_LINES}}, "10.0.0.3", True),
        ({"files": {HOSTS: BOTH_LINES + BOTH_LINES}}, SERVERS, True),
        ({"folders": frozenset({"/etc/docker/certs.d/registry.test:8443"})}, "", False),
    ],
)
def test_entries_of_this_stack_that_are_needed_no_more_are_found(
    changes: dict[str, Any], wanted: str, is_found: bool
) -> None:
    assert bool(of(Kind.LEFTOVER, facts(**changes), wanted=Wanted(("docker",), tuple(wanted.split())))) is is_found


def test_a_ca_for_another_port_is_found_unless_others_have_the_same() -> None:
    old = holding({DOCKERS: CA.pem, "/etc/docker/certs.d/registry.test:8443": CA.pem, f"{PLAIN[:-5]}_5000_": CA.pem})
    [what] = of(Kind.LEFTOVER, old)
    assert what.startswith("/etc/docker/certs.d/registry.test:8443 trusts a CA of this registry")
    assert of(Kind.LEFTOVER, old, replace(REGISTRY, has_own_ca=False)) == []
    stranger = holding({"/etc/docker/certs.d/a.test": OTHER.pem})
    assert of(Kind.LEFTOVER, stranger) == []


INSECURE: dict[str, tuple[dict[str, Any], int]] = {
    "by name": ({"docker": {**ANSWERS, "insecure": (REFERENCE,)}}, 1),
    "by its file": ({"files": {"/etc/docker/daemon.json": f'{{"insecure-registries": ["{REFERENCE}"]}}'}}, 1),
    "a broken file": ({"files": {"/etc/docker/daemon.json": "{"}}, 0),
    "an odd file": ({"files": {"/etc/docker/daemon.json": '{"insecure-registries": 1}'}}, 0),
    "by address": ({"docker": {**ANSWERS, "insecure": ("10.0.0.0/8",)}, "resolved": ("10.0.0.2",)}, 1),
    "another": ({"docker": {**ANSWERS, "insecure": ("127.0.0.0/8", "a.test")}, "resolved": ("10.0.0.2",)}, 0),
    "containerd's": (
        {
            "programs": CONTAINERD,
            "folders": frozenset({PLAIN}),
            "files": {**CERTS_D, f"{PLAIN}/hosts.toml": f"[host.'https://{REFERENCE}']\nskip_verify = true\n"},
        },
        1,
    ),
    "k3s's": ({"programs": K3S, "files": rancher("insecure_skip_verify: true")}, 1),
}


@pytest.mark.parametrize("case", INSECURE)
def test_what_does_not_verify_is_found(case: str) -> None:
    changes, count = INSECURE[case]
    found = facts(**changes)
    assert len(list(insecure(found, REGISTRY, trusts(found, REGISTRY)))) == count


CONF, BUILDKITD = "/etc/containers/registries.conf", "/etc/buildkit/buildkitd.toml"
UNVERIFIED = f"[registry.'{REFERENCE}']\ninsecure = true\n"


def podmans(key: str, location: str = REFERENCE) -> str:
    return f"[[registry]]\nlocation = '{location}'\n{key} = true\n"


PITFALLS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "podman: no check": (
        {"programs": PODMAN, "files": {CONF: podmans("insecure", f"{REFERENCE}/a")}},
        [f'podman: {CONF}: insecure = true for "{REFERENCE}/a" turns off the check of certificates: remove it'],
    ),
    "podman: blocked": (
        {"programs": PODMAN, "files": {f"{CONF}.d/a.conf": podmans("blocked")}},
        [f'podman: {CONF}.d/a.conf: blocked = true for "{REFERENCE}" refuses all pulls: remove it'],
    ),
    "podman: another": ({"programs": PODMAN, "files": {CONF: podmans("insecure", "a.test")}}, []),
    "podman: none": ({"files": {CONF: podmans("insecure")}}, []),
    "podman: a user's own file": (
        {
            "programs": PODMAN,
            "homes": ("/home/ops", "/root"),
            "folders": frozenset({OF_USER}),
            "files": {CONF: podmans("insecure"), "/home/ops/.config/containers/registries.conf": ""},
        },
        [f'podman: {CONF}: insecure = true for "{REFERENCE}" turns off the check of certificates: remove it'],
    ),
    "buildkit: no check": (
        {"programs": BUILDKIT, "files": {BUILDKITD: UNVERIFIED}},
        [
            f'buildkit: {BUILDKITD}: insecure = true in [registry."{REFERENCE}"] turns off the check of '
            "certificates: remove it"
        ],
    ),
    "buildkit: another file": (
        {"programs": BUILDKIT, "processes": {"buildkitd": "/srv/b.toml"}, "files": {BUILDKITD: UNVERIFIED}},
        [],
    ),
    "buildkit: the file of the service": (
        {"programs": BUILDKIT, "processes": {"buildkitd": "/srv/b.toml"}, "files": {"/srv/b.toml": UNVERIFIED}},
        [
            f'buildkit: /srv/b.toml: insecure = true in [registry."{REFERENCE}"] turns off the check of '
            "certificates: remove it"
        ],
    ),
    "buildkit: the file of a user's service": (
        {
            "programs": BUILDKIT,
            "homes": ("/home/ops", "/root"),
            "processes": {"buildkitd": "/home/ops/b.toml"},
            "files": {"/home/ops/b.toml": UNVERIFIED, "/home/ops/.config/buildkit/buildkitd.toml": ""},
        },
        [
            f'buildkit-rootless: /home/ops/b.toml: insecure = true in [registry."{REFERENCE}"] turns off the check of '
            "certificates: remove it"
        ],
    ),
}


@pytest.mark.parametrize("case", PITFALLS)
def test_what_makes_trust_useless_is_said_once(case: str) -> None:
    changes, expected = PITFALLS[case]
    found = facts(**changes)
    assert of(Kind.PITFALL, found) == expected
    assert of(Kind.INSECURE, found) == []


def builder(*nodes: str | None, driver: str = "docker-container", name: str = "registry.test_5000") -> Facts:
    """Return a host with a builder: of each node the certificates that it has a copy of."""
    copies = tuple({} if pem is None else {f"certs/{name}/ca.crt": pem} for pem in nodes)
    return holding({DOCKERS: CA.pem}, builders=(Builder("/root/.docker/buildx/instances/ci", driver, copies),))


BUILDERS: dict[str, tuple[Facts, Level | None, str]] = {
    "the CA": (builder(CA.pem), None, ""),
    "both CAs": (builder(OTHER.pem + CA.pem), None, ""),
    "an older CA": (builder(OTHER.pem), Level.WRONG, "has an older CA certificate"),
    "an older CA in one node": (builder(CA.pem, OTHER.pem), Level.WRONG, "has an older CA certificate"),
    "none in one node": (builder(CA.pem, None), Level.WRONG, "has an older CA certificate"),
    "none": (builder(None), Level.NOTE, "has no CA certificate of registry.test:5000: to use it, create it again"),
    "that of another registry": (builder(CA.pem, name="a.test"), Level.NOTE, "has no CA certificate"),
    "Kubernetes": (builder(OTHER.pem, driver="kubernetes"), Level.WRONG, "has an older CA certificate"),
    "a driver without copies": (builder(None, driver="remote"), None, ""),
}


@pytest.mark.parametrize("case", BUILDERS)
def test_a_builder_that_was_made_before_is_found(case: str) -> None:
    found, level, what = BUILDERS[case]
    verdict = [(level, what) for _, level, what in said(found)]
    assert [one for one, _ in verdict] == ([level] if level else [])
    assert all(text.startswith(f"builder ci in /root/.docker/buildx/instances {what}") for _, text in verdict)


def test_a_builder_is_made_again_before_the_next_step_of_a_rotation() -> None:
    rotating = replace(REGISTRY, trusted=[CA.certificate, OTHER.certificate])
    [(_, level, what)] = said(builder(CA.pem), rotating)
    assert (level, "for a rotation" in what) == (Level.NOTE, True)
    assert said(builder(CA.pem + OTHER.pem), rotating) == []


@pytest.mark.parametrize("changes", [{"is_public": True}, {"trusted": ()}])
def test_a_builder_needs_no_copy_where_programs_trust_anyway(changes: dict[str, Any]) -> None:
    assert said(builder(None), replace(REGISTRY, **changes)) == []


@pytest.mark.parametrize(
    ("exceptions", "host", "expected"),
    [
        ("", "registry.test", True),
        ("localhost,registry.test", "registry.test", False),
        ("registry.test:5000", "registry.test", False),
        ("registry.test:443", "registry.test", True),
        ("test", "registry.test", False),
        (".test", "registry.test", False),
        (".registry.test", "registry.test", True),
        ("*.test", "registry.test", False),
        ("gistry.test", "registry.test", True),
        ("*", "registry.test", False),
        (" REGISTRY.test ", "registry.test", False),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("10.1.2.3", "10.1.2.3", False),
        ("[fd00::1]:5000", "fd00::1", False),
        ("fd00::/8", "fd00::1", False),
    ],
)
def test_a_proxy_is_in_between_unless_the_name_is_an_exception(exceptions: str, host: str, expected: bool) -> None:
    assert is_between(Proxy("http://proxy.test:3128", exceptions), host, 5000) is expected
    assert not is_between(Proxy("", exceptions), host, 5000)


@pytest.mark.parametrize(
    ("changes", "service"),
    [
        ({"docker": {**ANSWERS, "proxy": ("http://p.test",), "exceptions": ("localhost",)}}, "Docker"),
        ({"docker": {**ANSWERS}, "proxies": {"dockerd": Proxy("http://p.test")}}, ""),
        ({"docker": {}, "proxies": {"dockerd": Proxy("http://p.test")}}, "dockerd"),
        ({"proxies": {"containerd": Proxy("http://p.test", "registry.test")}}, ""),
        ({"proxies": {"/etc/environment": Proxy("http://p.test")}}, "/etc/environment"),
        (
            {"docker": {}, "files": {"/etc/docker/daemon.json": '{"proxies": {"https-proxy": "http://p.test"}}'}},
            "/etc/docker/daemon.json",
        ),
    ],
)
def test_whose_proxy_it_is_is_said(changes: dict[str, Any], service: str) -> None:
    found = of(Kind.PROXY, facts(**changes))
    expected = f"{service} has the proxy http://p.test for the registry: add registry.test to no_proxy there"
    assert found == ([expected] if service else [])


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        (
            facts(programs={}, docker={}),
            ("docker",),
            ["runtimes has docker, which is not installed; what fits: [system]"],
        ),
        (facts(programs=PODMAN, docker={}), ("docker",), []),
        (facts(docker={}), ("docker",), ["Docker is installed and does not answer: see 'docker info' there"]),
        (facts(docker={}, uid=1000), ("docker",), []),
        (facts(), ("system",), []),
        (
            facts(is_snap=True),
            ("docker",),
            ["runtimes has docker, which is not installed; what fits: [docker-snap]"],
        ),
        (
            facts(programs=RKE2, docker={}),
            ("k3s",),
            ["runtimes has k3s, which is not installed; what fits: [rke2]"],
        ),
        (facts(programs=PODMAN, docker={}, homes=("/root",)), ("podman-rootless",), []),
    ],
)
def test_runtimes_that_do_not_fit_are_found(found: Facts, wanted: tuple[str, ...], expected: list[str]) -> None:
    assert of(Kind.RUNTIME, found, wanted=Wanted(wanted)) == expected


def test_the_server_needs_docker_and_a_login() -> None:
    server = Wanted(is_server=True)
    assert said(facts(), wanted=server) == []
    assert of(Kind.RUNTIME, facts(docker={}), wanted=server)
    assert of(Kind.RUNTIME, facts(programs={}), wanted=server)
    assert of(Kind.CONNECTION, facts(uid=1000), wanted=server)


def test_what_a_host_prints_is_read() -> None:
    found = read(
        "now 1700000000\nuid 0\nos A b\nprogram docker Docker version 1.2\nprogram crane\nsomething else\n"
        "docker version 1.2\ndocker proxy \ndocker insecure a\ndocker insecure b\nprocess dockerd \nprocess k3s /c\n"
        "proxy dockerd HTTPS_PROXY=http://p\nproxy dockerd no_proxy=a,b\n"
        'proxy /etc/environment export https_proxy="q"\n'
        "file /a\n| x\n| \n|  y\n\ncertificates /d/ca.crt\n| PEM\n\nfolder /d\nlink /e\nours /d\nentry /d/a.key\n"
        "builder /b/ci\ndriver docker-container\nnode\ncopy certs/a b/ca.crt\n| PEM\n\nnode\nbuilder /b/c\n"
        "unreadable /f\nhome /root\nrootless /home/a\nsnap docker\nresolved 1\ndns 2\ncurl 60\nend\n"
    )
    assert found == Facts(
        now=1700000000,
        os="A b",
        programs={"docker": "Docker version 1.2", "crane": ""},
        docker={"version": ("1.2",), "insecure": ("a", "b")},
        processes={"dockerd": "", "k3s": "/c"},
        proxies={"dockerd": Proxy("http://p", "a,b"), "/etc/environment": Proxy("q")},
        files={"/a": "x\n\n y\n"},
        certificates={"/d/ca.crt": "PEM\n"},
        folders=frozenset({"/d", "/e"}),
        ours=frozenset({"/d"}),
        entries=frozenset({"/d/a.key"}),
        builders=(
            Builder("/b/ci", "docker-container", ({"certs/a b/ca.crt": "PEM\n"}, {})),
            Builder("/b/c"),
        ),
        unreadable=frozenset({"/f"}),
        homes=("/root",),
        rootless=("/home/a",),
        is_snap=True,
        resolved=("1",),
        dns=("2",),
        curl=60,
        is_whole=True,
    )
    assert read("now x\ncurl\n| lone\n") == Facts(curl=0)
    assert read("driver a\nnode\n").builders == ()
    assert read("builder /b\ncopy a\n| PEM\n").builders == (Builder("/b", nodes=({"a": "PEM\n"},)),)
    assert found.certificates_in("/d") == {"/d/ca.crt": "PEM\n"}


SSH = asyncssh.generate_private_key("ssh-ed25519")
CLIENT = asyncssh.generate_private_key("ssh-ed25519")
OUTPUT = "now 1\nuid 0\nend\n"


class Server(asyncssh.SSHServer):
    """Lets the client's key in."""

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "root" and key == CLIENT.convert_to_public()


@pytest.fixture
def visited(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Seen]]:
    """Return a function that visits hosts, each a change of how the same SSH server is reached."""
    monkeypatch.setattr("components.hosts.remote._ATTEMPTS", 1)
    monkeypatch.setattr("components.hosts.remote._LIMIT_SECONDS", 0.5)

    async def answer(process: asyncssh.SSHServerProcess[str]) -> None:
        await process.stdin.read()
        process.stdout.write(OUTPUT if "broken" not in (process.command or "") else "now 1\n")
        process.exit(0)

    async def go(changes: tuple[dict[str, Any], ...], reference: str) -> list[Seen]:
        listening = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Server, server_host_keys=[SSH], process_factory=answer
        )
        async with listening:
            usual = {
                "host": "127.0.0.1",
                "port": listening.get_port(),
                "hostKey": SSH.export_public_key().decode().strip(),
                "privateKey": CLIENT.export_private_key().decode(),
            }
            hosts = [Host(str(number), {**usual, **change}, Wanted()) for number, change in enumerate(changes)]
            # mypy takes the server for one that swallows exceptions.
            return await visit_all(hosts, reference, "registry.test")
        raise AssertionError

    return lambda *changes, reference=REFERENCE: asyncio.run(go(changes, reference))


def test_a_host_says_why_it_does_not_answer_and_no_other_waits_for_it(visited: Callable[..., list[Seen]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        other = CLIENT.export_public_key().decode().strip()
        seen = visited(
            {},
            {"port": closed.getsockname()[1]},
            {"port": silent.getsockname()[1]},
            {"hostKey": other},
            {"user": "ops"},
        )
    assert [one.reason for one in seen] == ["", "refused", "unreachable", "host key", "login"]
    assert seen[0].facts == Facts(now=1, is_whole=True)
    assert "no answer within" in seen[2].failure
    assert all("PRIVATE KEY" not in repr(one) + one.failure for one in seen)


def test_a_dead_host_costs_less_than_25_seconds() -> None:
    assert remote._LIMIT_SECONDS < 25


def test_an_answer_that_broke_off_is_none(visited: Callable[..., list[Seen]]) -> None:
    [seen] = visited({}, reference="broken")
    assert (seen.facts, seen.reason) == (None, "failed")
    assert seen.failure == "the answer broke off"


def test_a_login_without_root_tries_sudo_and_does_without() -> None:
    line = visit.line(Host("a", {}, Wanted(), is_root=False), "registry=a host=b")
    assert line.startswith("sh -c 'if sudo -n true ")
    assert line.endswith("' sh registry=a host=b")
    assert visit.line(Host("a", {}, Wanted()), "registry=a") == "sh -s -- registry=a"


def examined(name: str, found: Facts | None, *runtimes: str, failure: str = "") -> Examined:
    """Return a client that was examined."""
    host = Host(name, None, Wanted(runtimes))
    seen = Seen(host, (NOW, NOW), found, "" if found else "refused", failure)
    return Examined(seen, judge(found, REGISTRY, host.wanted, (NOW, NOW)) if found else None)


def report(*hosts: Examined, **changes: Any) -> Report:
    return replace(Report("prod", REFERENCE, True, True, NOW, hosts), **changes)


def shown(one: Report) -> str:
    console = Console(file=io.StringIO(), width=140)
    one.show(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


WELL = holding({DOCKERS: CA.pem})


def test_a_report_has_a_line_for_each_finding_with_its_hosts() -> None:
    found = report(
        *(examined(f"10.0.0.{number}", facts(), "docker") for number in range(5)), examined("b", WELL, "docker")
    )
    text = shown(found)
    assert found.status == 2
    assert "  10.0.0.0, 10.0.0.1, 10.0.0.2 and 2 more  docker does not trust the registry: " in text
    assert text.count("docker does not trust the registry") == 1
    assert "All is well" not in text


def test_a_report_of_nothing_says_so() -> None:
    found = report(examined("a", WELL, "docker"))
    text = shown(found)
    assert (found.status, "All is well; hosts checked: 1." in text) == (0, True)
    assert "docker: trusted" in text
    assert " days" in text
    assert "To fix" not in text
    assert "paste" not in text


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({"is_deployed": False, "is_answering": False}, 0, "has not been updated yet"),
        ({"is_answering": False}, 2, "does not answer this machine"),
    ],
)
def test_a_registry_that_does_not_answer_counts_once_it_should(
    changes: dict[str, bool], status: int, expected: str
) -> None:
    found = report(examined("a", WELL, "docker"), **changes)
    assert found.status == status
    assert expected in shown(found)


def test_a_host_that_does_not_answer_is_named_once() -> None:
    found = report(examined("a", None, failure="Connection refused"), examined("b", WELL, "docker"))
    assert found.status == 2
    assert shown(found).count("Connection refused") == 1
    said = json.loads(found.json())
    assert (said["status"], said["hosts"][0]["reason"], said["hosts"][0]["answers"]) == (2, "refused", False)
    assert said["hosts"][1]["trust"][0]["state"] == "trusted"
    assert said["hosts"][1]["proposedRuntimes"] == ["docker"]


def test_runtimes_that_fit_better_are_shown_to_be_pasted() -> None:
    text = shown(report(examined("a", replace(WELL, programs={**DOCKER, "crane": ""}), "docker")))
    assert "  a  runtimes: [docker, system]" in text


def test_what_a_host_says_does_nothing_on_a_terminal() -> None:
    text = shown(report(examined("a", replace(WELL, docker={"version": ("1\x1b[2J[red]",)}), "docker")))
    assert "\x1b" not in text
    assert "1?[2J[red]" in text


def test_a_bar_is_shown_on_a_terminal_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with counted("Reading hosts", 2) as advance:
        advance()
    assert capsys.readouterr() == ("", "")


CONFIG = {
    **{key: value for key, value in BASE.items() if key != "clients"},
    "clients": [{**BASE["clients"][0], "hostsEntry": ["127.0.0.1", "10.0.0.6"]}, BASE["clients"][1]],
}
PULUMI = """#!/bin/sh
[ "$1" = config ] && cat "$CONFIG" || cat "$OUTPUTS"
"""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CommandLine]:
    """Return a function that gives a stack of some settings and outputs, with a Pulumi that is none."""
    (tmp_path / "pulumi").write_text(PULUMI)
    (tmp_path / "pulumi").chmod(0o755)
    (tmp_path / "Pulumi.yaml").write_text("name: project\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def make(config: Mapping[str, Any], outputs: Mapping[str, Any]) -> CommandLine:
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
        told = {f"private-registry:{key}": {"value": text, "secret": False} for key, text in texts.items()}
        (tmp_path / "config").write_text(json.dumps(told))
        (tmp_path / "outputs").write_text(json.dumps(outputs))
        monkeypatch.setenv("CONFIG", str(tmp_path / "config"))
        monkeypatch.setenv("OUTPUTS", str(tmp_path / "outputs"))
        return CommandLine("team/project/prod", tmp_path)

    return make


def test_hosts_are_known_before_the_first_update(stack: Callable[..., CommandLine]) -> None:
    found = asked(stack(CONFIG, {}), [])
    assert [host.name for host in found.hosts] == ["this machine", "10.0.0.7", "build.example.com"]
    assert [host.connection is None for host in found.hosts] == [True, False, True]
    assert [host.is_root for host in found.hosts] == [True, False, True]
    assert found.registry.mark == "private-registry project/prod"
    assert (found.registry.is_deployed, found.registry.trusted) == (False, ())
    assert found.addresses == ("127.0.0.1", "10.0.0.6")
    assert "PRIVATE KEY" not in repr(found)


def test_hosts_are_asked_that_are_named(stack: Callable[..., CommandLine]) -> None:
    line = stack(CONFIG, {"url": "https://registry.test", "ca_certificate": CA.pem})
    found = asked(line, ["10.0.0.7"])
    assert [host.name for host in found.hosts] == ["10.0.0.7"]
    assert found.registry.trusted == (CA.certificate,)
    with pytest.raises(OperationError, match=r"has no host 10\.0\.0\.8; it has: this machine, 10\.0\.0\.7"):
        asked(line, ["10.0.0.8"])


def test_settings_with_mistakes_are_told_without_their_secrets(stack: Callable[..., CommandLine]) -> None:
    with pytest.raises(OperationError) as failure:
        settings_of(stack({**CONFIG, "users": [{"name": "ci", "password": "short-marker\x00"}]}, {}))
    assert "1 mistake" in str(failure.value)
    assert "short-marker" not in str(failure.value)


def test_a_server_and_bastions_are_reached_as_commands_reach_them() -> None:
    login = {"agent": True, "hostKey": BASE["clients"][0]["hostKey"]}
    bastion = {**login, "host": "bastion.test", "user": "jump"}
    changes = {"dockerHost": "ssh://ops@server.test:2222", "dockerHostAccess": {**login, "bastion": bastion}}
    server, *_ = hosts_of(Settings.model_validate({**BASE, **changes}))
    assert server.wanted.is_server
    assert not server.is_root
    assert server.connection is not None
    assert (server.connection["host"], server.connection["port"]) == ("server.test", 2222)
    assert server.connection["proxy"]["host"] == "bastion.test"


def test_each_server_is_asked(stack: Callable[..., CommandLine]) -> None:
    login = {"agent": True, "hostKey": BASE["clients"][0]["hostKey"]}
    servers = [
        {"dockerHost": "ssh://ops@10.0.0.5", "dockerHostAccess": login},
        {"name": "b", "dockerHost": "ssh://10.0.0.6", "dockerHostAccess": login, "address": "192.0.2.6"},
        {"name": "c", "address": "192.0.2.7"},
    ]
    found = asked(stack({**CONFIG, "storage": BUCKET, "servers": servers}, {}), [])
    assert [(host.name, host.is_root, host.connection is None) for host in found.hosts if host.wanted.is_server] == [
        ("10.0.0.5", False, False),
        ("b", True, False),
        ("c", True, True),
    ]
    assert found.addresses == ("10.0.0.5", "192.0.2.6", "192.0.2.7", "127.0.0.1"), "and the hosts entry"


def test_aliases_are_names_of_the_registry_too() -> None:
    settings = Settings.model_validate({**BASE, "aliases": ["other.test"]})
    registry = registry_of(settings, {}, "")
    assert {"registry.test", "registry.test:443", "other.test", "other.test:443"} <= registry.references


def test_nothing_is_served_where_no_one_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def at(url: str, address: str) -> list[Any]:
        tried.append(address)
        if address != "10.0.0.2":
            raise OperationError("refused")
        return [SERVER.certificate]

    monkeypatch.setattr("operations.doctor.stack.served", at)
    found = Asked((), REGISTRY, "https://registry.test", ("127.0.0.1", "10.0.0.2"))
    assert served_somewhere(found) == [SERVER.certificate]
    assert sorted(tried) == ["", "10.0.0.2", "127.0.0.1"]
    assert served_somewhere(replace(found, addresses=())) == []


@pytest.mark.parametrize(
    ("words", "status"), [(["--stack", "prod"], 2), (["--stack", "prod", "--json"], 2), (["--no"], 1)]
)
def test_the_command_ends_with_what_it_has_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], status: int
) -> None:
    monkeypatch.setattr(command, "examine", lambda *_: report(examined("a", facts(), "docker")))
    monkeypatch.setattr("sys.argv", ["doctor", *words])
    try:
        ended = command.main()
    except SystemExit as end:
        ended = int(str(end.code))
    assert ended == status
    assert "--json" not in words or json.loads(capsys.readouterr().out)["status"] == status
