"""Clients that pull other registries' images through our caches: their files, what is refused, and what is declared."""

import asyncio
import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from components.clients import CACHES_FILES, RUNTIMES
from components.clients.access import Access, Login
from components.clients.docker_caches import DockerCaches, mirror_file
from components.clients.host_changes import RELOAD
from components.clients.host_file import Facts, Own, Refused, There
from components.clients.placing import findings, repair
from components.settings import InvalidSettings, Settings
from components.settings.load import given
from tests.unit.client_host import REGISTRY as KNOWN
from tests.unit.conftest import BASE, Declare
from tests.unit.fleet import plain, trust
from tests.unit.one_client import MARKER, SAID, Client

DAEMON, FOLDER = "/etc/docker/daemon.json", "/etc/docker/certs.d"
MIRROR = "https://registry.test/docker.io"
FILE = mirror_file(DAEMON, MIRROR, "docker")
OTHER = mirror_file(DAEMON, "https://other.test/docker.io", "docker")
THEIRS = {"log-driver": "local", "registry-mirrors": ["https://m.test"], "features": {"x": True}}
STATES = {
    "no file": "",
    "an empty object": "{}",
    "an empty object and a line end": "{}\n",
    "others, in lines": json.dumps({"log-driver": "local"}, indent=4) + "\n",
    "others, in a line": '{"log-driver": "local"}',
    "no white space": json.dumps(THEIRS, separators=(",", ":")),
    "mirrors of others": json.dumps(THEIRS, indent=2),
    "mirrors of others, in a line": '{"registry-mirrors": [ "https://m.test" ]}\n',
    "no mirrors": '{"registry-mirrors": []}',
    "no mirrors, and a space": '{"registry-mirrors": [ ]}',
    "CRLF and tabs": json.dumps(THEIRS, indent="\t").replace("\n", "\r\n"),
    "CRLF and no mirrors": '{\r\n\t"debug": false\r\n}\r\n',
    "numbers and escapes": '{\n  "x": 1.0e5, "y": "\\u003cb\\u003e [",\n  "dns": [ "a" ]\n}\n',
    "blank lines": '\n{\n\n  "debug": true\n\n}\n\n',
}


@pytest.mark.parametrize("before", STATES.values(), ids=STATES.keys())
def test_a_mirror_comes_behind_those_of_others_and_goes_to_the_byte(before: str) -> None:
    placed = FILE.put(before)
    there = json.loads(before or "{}")
    assert json.loads(placed) == {**there, "registry-mirrors": [*there.get("registry-mirrors", []), MIRROR]}
    assert ("\r\n" in before) == ("\r\n" in placed)
    assert placed.count("\n") == placed.count("\r\n") or "\r\n" not in placed
    assert FILE.put(placed) == placed
    assert FILE.take(placed) == before
    both = OTHER.put(placed)
    assert json.loads(both)["registry-mirrors"][-2:] == [MIRROR, "https://other.test/docker.io"]
    assert OTHER.take(both) == placed
    assert OTHER.take(FILE.take(both)) == before


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is not valid JSON"),
        ('{"debug": true, "debug": false}', "a key is there twice"),
        ("[]", "is not a configuration of Docker"),
        ('{"registry-mirrors": "https://m.test"}', "is not a configuration of Docker"),
    ],
)
def test_what_is_no_configuration_is_not_changed(text: str, why: str) -> None:
    for change in (FILE.put, FILE.take):
        with pytest.raises(Refused, match=why):
            change(text)


def docker(said: str = SAID["dockerd"]) -> Facts:
    return Facts({}, said)


def test_both_stores_of_docker_have_their_file() -> None:
    login = Login("ci", MARKER)
    access = Access(login, caches=["docker.io", "ghcr.io"])
    hub, ghcr, mirror = DockerCaches("docker-caches").wants(KNOWN, "", docker(), access)
    assert isinstance(hub, Own)
    assert isinstance(ghcr, Own)
    assert (hub.path, hub.mode) == (f"{FOLDER}/docker.io/hosts.toml", "0600")
    assert tomllib.loads(hub.content) == {
        "server": "https://registry-1.docker.io",
        "host": {
            "https://registry.test:8443/v2/docker.io": {
                "capabilities": ["pull", "resolve"],
                "override_path": True,
                "ca": "../registry.test:8443/ca.crt",
                "header": {"Authorization": login.basic()},
            }
        },
    }
    assert (ghcr.path, tomllib.loads(ghcr.content)["server"]) == (f"{FOLDER}/ghcr.io/hosts.toml", "https://ghcr.io")
    assert MARKER not in mirror.put("")  # type: ignore[union-attr]
    public = replace(KNOWN, has_authorities=False)
    [alone] = DockerCaches("docker-caches").wants(public, "", docker(), Access(caches=["ghcr.io"]))
    assert isinstance(alone, Own)
    assert (alone.mode, "ca" in alone.content.partition("capabilities")[0]) == ("0644", False)


@pytest.mark.parametrize(
    ("name", "home", "config", "unit"),
    [
        ("docker-caches", "/root", DAEMON, "docker"),
        ("docker-snap-caches", "/root", "/var/snap/docker/current/config/daemon.json", "snap.docker.dockerd"),
        ("docker-rootless-caches", "/home/ci", "/home/ci/.config/docker/daemon.json", "docker"),
    ],
)
def test_each_docker_has_a_configuration_of_its_own(name: str, home: str, config: str, unit: str) -> None:
    said = "Name    Version  Rev\ndocker  28.4.0   3377" if "snap" in name else SAID["dockerd"]
    *_, file = CACHES_FILES[name].wants(KNOWN, "", Facts({}, said, home), Access(caches=["docker.io"]))
    assert (file.path, file.reload) == (config, unit)  # type: ignore[union-attr]
    assert config in CACHES_FILES[name].reads(KNOWN, home, Access(caches=["docker.io"]))
    assert unit in CACHES_FILES[name].question


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (docker("Docker version 20.10.24+dfsg1, build 297e128"), "Docker 20 takes no mirror with a path"),
        (docker("sh: 1: dockerd: not found"), "Docker is not installed"),
        (docker(f"{SAID['dockerd']}\nargv[]=/usr/sbin/dockerd --registry-mirror=https://m.test"), "move them to the"),
        (Facts({DAEMON: There("{}", is_writable=False)}, SAID["dockerd"]), 'add to it.*\n{"registry-mirrors": '),
    ],
)
def test_a_mirror_with_which_docker_would_not_start_is_refused(facts: Facts, why: str) -> None:
    with pytest.raises(Refused, match=why):
        DockerCaches("docker-caches").wants(KNOWN, "", facts, Access(caches=["docker.io"]))
    DockerCaches("docker-caches").placed(KNOWN, "", facts, Access(caches=["docker.io"]))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(monkeypatch)


FILES = {
    "docker": [DAEMON, f"{FOLDER}/docker.io/hosts.toml", f"{FOLDER}/ghcr.io/hosts.toml"],
    "containerd": [f"/etc/containerd/certs.d/{one}/hosts.toml" for one in ("docker.io", "ghcr.io")],
    "podman": ["/etc/containers/registries.conf.d/private-registry_registry.test.conf"],
    "buildkit": ["/etc/buildkit/buildkitd.toml"],
    "k3s": ["/etc/rancher/k3s/registries.yaml"],
}
"""Runtime -> where it reads of the caches."""


@pytest.mark.parametrize("runtime", FILES)
def test_caches_come_and_go_and_leave_the_rest(client: Client, runtime: str) -> None:
    theirs = {DAEMON: '{"debug": true}\n'} if runtime == "docker" else {}
    client.host.files = dict(theirs)
    client.update(runtime)
    trusted = dict(client.host.files)
    client.update(runtime, caches=["docker.io", "ghcr.io"])
    cached = dict(client.host.files)
    assert all("registry.test" in cached[path] and "docker.io" in "".join(cached.values()) for path in FILES[runtime])
    client.update(runtime, caches=["ghcr.io"])
    assert "registry.test/docker.io" not in "".join(client.host.files.values())
    client.update(runtime, caches=["docker.io", "ghcr.io"])
    assert client.host.files == cached
    client.update(runtime)
    assert client.host.files == trusted
    client.update(runtime, caches=["docker.io"])
    client.destroy()
    assert client.host.files == theirs


def test_docker_is_told_to_read_its_file_and_not_restarted(client: Client) -> None:
    client.update("docker", caches=["docker.io"])
    client.update("docker", caches=["docker.io", "ghcr.io"])
    client.update("docker")
    assert set(client.host.services) == {f"{RELOAD}docker"}


def test_a_file_of_a_cache_that_is_gone_is_found_and_written_again(client: Client) -> None:
    client.update("docker", caches=["docker.io"])
    outputs = client.last.outputs
    record, texts = outputs["placed"]["a"]["docker-caches"], {**outputs["texts"], **outputs["passwords"]}
    left = dict(client.host.files)
    client.host.files[DAEMON] = "{}"
    del client.host.files[f"{FOLDER}/docker.io/hosts.toml"]
    found = asyncio.run(findings(client.host.run, False, "docker-caches", record, texts))
    assert found == [f"{FOLDER}/docker.io/hosts.toml is missing", f"{DAEMON} has other content"]
    asyncio.run(repair(client.host.run, False, "docker-caches", record, texts))
    assert client.host.files.keys() == left.keys()
    assert MIRROR in client.host.files[DAEMON]


def test_a_mirror_that_is_refused_takes_no_trust_with_it(client: Client) -> None:
    client.host.files[DAEMON] = "{"
    result = client.update("docker", "podman", caches=["docker.io"])
    [reason] = result.failures["a"]
    assert "daemon.json is not valid JSON" in reason
    assert {"docker", "podman"} <= result.outputs["placed"]["a"].keys()
    assert "docker-caches" not in result.outputs["placed"]["a"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_runtime_uses_caches_by_itself_by_files_that_are_known_or_not_at_all(runtime: str) -> None:
    caches = RUNTIMES[runtime].caches
    assert caches in ("", runtime, *CACHES_FILES)
    if caches in CACHES_FILES:
        assert CACHES_FILES[caches].is_of_user == RUNTIMES[runtime].is_of_user


LOCAL = {"host": "a", "local": True}
CACHES: Mapping[str, Any] = {"caches": {"ghcr.io": {}, "docker.io": {}}, "anonymousPull": ["docker.io"]}


def test_only_clients_that_ask_for_caches_say_so(declare: Declare) -> None:
    clients = [{**BASE["clients"][0], "caches": True}, BASE["clients"][1]]
    said = plain(trust(declare(clients=clients, **CACHES)))
    assert said["caches"] == ["docker.io", "ghcr.io"]
    assert {name: host.get("caches") for name, host in said["hosts"].items()} == {
        BASE["clients"][0]["host"]: True,
        BASE["clients"][1]["host"]: None,
    }
    assert "caches" not in plain(trust(declare(**CACHES)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"caches": {}}, "clients[0].caches: the stack has no caches"),
        ({"clients": [{**LOCAL, "caches": True, "runtimes": ["system"]}]}, "caches needs a runtime that can pull from"),
        (
            {"anonymousPull": ["docker.io/library"]},
            "clients[0].caches: the runtime docker pulls from the cache of docker.io without a login: add docker.io to "
            "anonymousPull",
        ),
        ({"clients": [], "clientDefaults": {"caches": True, "runtimes": ["system"]}}, "system cannot"),
    ],
)
def test_mistakes_name_the_key(changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(InvalidSettings) as error:
        given({**BASE, "clients": [{**LOCAL, "caches": True}], **CACHES, **changes}, "registry")
    assert said in " ".join(str(error.value).split())


@pytest.mark.parametrize(
    "changes",
    [
        {"anonymousPull": ["*"]},
        {"caches": {"ghcr.io": {}}, "anonymousPull": []},
        {"clients": [{**LOCAL, "caches": True, "runtimes": ["containerd", "podman"]}], "anonymousPull": []},
    ],
)
def test_docker_hub_needs_no_login_where_docker_pulls_it_from_its_mirror(changes: Mapping[str, Any]) -> None:
    given({**BASE, "clients": [{**LOCAL, "caches": True}], **CACHES, **changes}, "registry")


def test_defaults_hold_for_each_client_that_does_not_say_otherwise() -> None:
    clients = [LOCAL, {"host": "b", "local": True, "caches": False}]
    settings = Settings.model_validate({**BASE, **CACHES, "clients": clients, "clientDefaults": {"caches": True}})
    assert [client.caches for client in settings.all_clients] == [True, False]
