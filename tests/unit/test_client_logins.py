"""Logins on clients: written, rotated and taken away by the provider, with a password that shows nowhere else."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from components.clients import LOGIN_FILES, RUNTIMES
from components.clients.access import Access, Login
from components.clients.host_file import Facts, Refused, There
from components.clients.login_files import docker_config
from components.clients.placing import findings, repair
from components.provider.trust import TIMES
from components.provider.values import Secret
from components.settings import InvalidSettings, Settings
from components.settings.load import given
from operations.drift import state as drift
from operations.drift.examine import _look, _repair
from operations.drift.report import Remedy
from tests.unit.client_host import REGISTRY as KNOWN
from tests.unit.conftest import BASE, SECRET_MARK, Declare, Recorder
from tests.unit.fleet import plain, trust
from tests.unit.one_client import MARKER, NEXT, REGISTRY, Client

DOCKER, PODMAN = "/root/.docker/config.json", "/root/.config/containers/auth.json"
HOSTS_TOML = "/etc/containerd/certs.d/registry.test/hosts.toml"
K3S = "/etc/rancher/k3s/registries.yaml"


def auth(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(monkeypatch)


def shown(value: Any) -> Any:
    """Return what an encrypted state shows of outputs."""
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, Mapping):
        return {key: shown(one) for key, one in value.items()}
    return [shown(one) for one in value] if isinstance(value, list) else value


ENTRY = {name: {"auth": auth("ci", MARKER)} for name in ("registry.test", "registry.test:443")}


@pytest.mark.parametrize(("runtime", "path"), [("docker", DOCKER), ("buildkit", DOCKER), ("podman", PODMAN)])
def test_a_login_is_written_rotated_given_to_another_user_and_removed(client: Client, runtime: str, path: str) -> None:
    before = json.dumps({"auths": {"ghcr.io": {"auth": auth("x", "y")}}}, indent=2)
    client.host.files[path] = before
    client.update(runtime)
    written = json.loads(client.host.files[path])["auths"]
    assert written == {"ghcr.io": {"auth": auth("x", "y")}, **ENTRY}
    assert client.update(runtime, password=NEXT).failures == {}
    assert json.loads(client.host.files[path])["auths"]["registry.test"] == {"auth": auth("ci", NEXT)}
    assert client.update(runtime, user="other").failures == {}, "the login was written here"
    assert json.loads(client.host.files[path])["auths"]["registry.test"] == {"auth": auth("other", MARKER)}
    client.update(runtime, user="")
    assert client.host.files[path] == before
    for _ in range(TIMES + 1):
        client.update(runtime, user="")
    assert "passwords" not in client.last.outputs, "once nothing is left to take away"


def test_a_file_that_was_not_there_goes_again_with_the_client(client: Client) -> None:
    client.update("docker")
    assert client.host.modes[DOCKER] == "0600"
    client.destroy()
    assert DOCKER not in client.host.files


def test_what_others_changed_in_the_file_since_is_no_reason_to_fail(client: Client) -> None:
    client.update("docker")
    client.host.files[DOCKER] = json.dumps({**json.loads(client.host.files[DOCKER]), "credsStore": "pass"})
    client.host.modes[DOCKER] = "0644"
    client.destroy()
    assert json.loads(client.host.files[DOCKER]) == {"auths": {}, "credsStore": "pass"}


def test_the_login_of_somebody_else_since_stays(client: Client) -> None:
    client.update("docker")
    theirs = json.dumps({"auths": {"registry.test": {"auth": auth("dev", "other")}}})
    client.host.files[DOCKER] = theirs
    client.destroy()
    assert client.host.files[DOCKER] == theirs


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ({"credsStore": "pass"}, "docker-credential-pass keeps the logins"),
        ({"auths": {"registry.test": {"auth": auth("dev", "x")}}}, "has a login to registry.test as dev"),
    ],
)
def test_a_login_that_would_not_count_is_refused_and_trust_is_placed_all_the_same(
    client: Client, there: Any, why: str
) -> None:
    before = json.dumps(there)
    client.host.files[DOCKER] = before
    result = client.update("docker", "podman")
    [reason] = result.failures["a"]
    assert why in reason
    assert "leave `login` out for this client" in reason
    assert client.host.files[DOCKER] == before
    assert result.outputs["placed"]["a"].keys() == {"docker", "podman", "podman-login"}


def test_containerd_logs_in_by_a_header(client: Client) -> None:
    client.update("containerd")
    assert f'Authorization = "Basic {auth("ci", MARKER)}"' in client.host.files[HOSTS_TOML]
    assert client.host.modes[HOSTS_TOML] == "0600"
    files = client.last.outputs["placed"]["a"]["containerd"]["files"]
    guessed = hashlib.sha256(client.host.files[HOSTS_TOML].encode()).hexdigest()[:12]
    assert guessed != files[HOSTS_TOML], "by such a digest passwords could be guessed"
    assert client.update("containerd", password=NEXT).failures == {}
    assert auth("ci", NEXT) in client.host.files[HOSTS_TOML]
    client.update("containerd", user="")
    assert "Authorization" not in client.host.files[HOSTS_TOML]
    assert client.host.modes[HOSTS_TOML] == "0644"
    client.update("containerd")
    client.destroy()
    assert client.host.files == {}


def test_k3s_logs_in_by_its_list_of_registries(client: Client) -> None:
    before = "mirrors:\n  other.test:\n    endpoint: [https://other.test]\n"
    client.host.files[K3S] = before
    client.update("k3s")
    assert MARKER in client.host.files[K3S]
    client.update("k3s", user="")
    assert MARKER not in client.host.files[K3S]
    client.destroy()
    assert client.host.files == {K3S: before}


@pytest.mark.parametrize("runtime", ["docker", "containerd", "k3s"])
def test_where_clients_trust_the_issuer_the_login_alone_is_written(client: Client, runtime: str) -> None:
    public = {**REGISTRY, "hasAuthorities": False}
    assert client.update(runtime, registry=public, authorities="").failures == {}
    text = "".join(client.host.files.values())
    assert MARKER in text or auth("ci", MARKER) in text
    assert "ca.crt" not in text
    client.update(runtime, user="", registry=public, authorities="")
    assert client.host.files == {}


@pytest.mark.parametrize("runtime", ["docker", "podman", "containerd", "k3s"])
def test_the_password_is_nowhere_but_in_the_file_and_in_a_secret(client: Client, runtime: str) -> None:
    results = [client.update(runtime), client.update(runtime, password=NEXT), client.update(runtime, user="")]
    client.host.files[DOCKER] = client.host.files[PODMAN] = json.dumps({"credsStore": "pass"})
    results.append(client.update(runtime))
    client.destroy()
    for result in results:
        told = json.dumps([shown(result.outputs), result.failures, result.warnings, result.notes])
        assert_unseen(told)
    assert_unseen("\n".join(client.host.lines))


def assert_unseen(text: str) -> None:
    for password in (MARKER, NEXT):
        assert password not in text
        for user in ("ci", "other"):
            assert auth(user, password) not in text


@pytest.mark.parametrize("runtime", ["docker", "containerd"])
def test_a_login_that_was_changed_is_found_and_repaired(client: Client, runtime: str) -> None:
    client.update(runtime)
    outputs = client.last.outputs
    bundle, path = ("docker-login", DOCKER) if runtime == "docker" else (runtime, HOSTS_TOML)
    record, texts = outputs["placed"]["a"][bundle], {**outputs["texts"], **outputs["passwords"]}
    left = client.host.files[path]

    def found() -> list[str]:
        return asyncio.run(findings(client.host.run, False, bundle, record, texts))

    assert found() == []
    client.host.files[path] = left.replace(auth("ci", MARKER), auth("ci", "older"))
    assert found() == [f"{path} has other content"]
    del client.host.files[path]
    assert found() == [f"{path} is missing"]
    asyncio.run(repair(client.host.run, False, bundle, record, texts))
    assert client.host.files[path] == left


def test_drift_finds_a_login_that_is_gone_and_repairs_it(client: Client) -> None:
    client.update("docker")
    outputs = client.last.outputs
    record, texts = outputs["placed"]["a"]["docker-login"], {**outputs["texts"], **outputs["passwords"]}
    host = drift.Host("a", None, planned=(drift.Planned(False, "docker-login", record, texts),))
    assert MARKER not in repr(host)
    left = client.host.files.pop(DOCKER)
    [found] = asyncio.run(_look(host, client.host.run))
    assert (found.what, found.remedy) == (f"{DOCKER} is missing", Remedy.REPAIR)
    assert asyncio.run(_repair(host, client.host.run)) == []
    assert client.host.files[DOCKER] == left
    client.host.files[DOCKER] = json.dumps({"credsStore": "pass"})
    [failed] = asyncio.run(_repair(host, client.host.run))
    assert failed.remedy is Remedy.MANUAL


def test_a_login_of_podman_that_is_read_first_is_refused() -> None:
    file = LOGIN_FILES["podman-login"]

    first = "/run/containers/0/auth.json"
    there = There(json.dumps({"auths": {KNOWN.reference: {"auth": auth("dev", "x")}}}), "0600")
    facts = Facts({first: there}, said=f"{first}\n/run/user/0/containers/auth.json\n")
    assert file.reads_more(KNOWN, facts) == [first, "/run/user/0/containers/auth.json"]
    with pytest.raises(Refused, match=re.escape("podman logout registry.test:8443")):
        file.wants(KNOWN, "", facts, Access(Login("ci", MARKER)))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_runtime_logs_in_by_itself_by_a_file_that_is_known_or_not_at_all(runtime: str) -> None:
    login = RUNTIMES[runtime].login
    assert login in ("", runtime, *LOGIN_FILES)
    if login in LOGIN_FILES:
        assert LOGIN_FILES[login].is_of_user == RUNTIMES[runtime].is_of_user


def logging_in(declare: Declare, **changes: Any) -> Recorder:
    clients = [{**BASE["clients"][0], "login": "ci"}, BASE["clients"][1]]
    users = [{"name": "ci", "password": MARKER}, {"name": "made", "access": "pull"}]
    return declare(**{"clients": clients, "users": users, **changes})


def test_the_password_goes_to_the_provider_as_a_secret_with_a_keyed_digest(declare: Declare) -> None:
    recorder = logging_in(declare)
    resource = trust(recorder)
    assert plain(resource)["passwords"] == {"ci": MARKER}
    assert "loginAs" not in plain(resource)["hosts"]["build.example.com"]
    assert plain(resource)["hosts"]["10.0.0.7"]["loginAs"] == "ci"
    [digest] = resource.inputs["passwordDigests"].values()
    assert len(digest) == 12
    assert_unseen(json.dumps({key: value for key, value in resource.inputs.items() if key != "passwords"}))
    assert_unseen(json.dumps(shown_inputs(resource.inputs["passwords"])))
    assert "passwords" not in trust(declare()).inputs


def shown_inputs(value: Any) -> Any:
    if isinstance(value, dict):
        return "[secret]" if SECRET_MARK in value else {key: shown_inputs(one) for key, one in value.items()}
    return value


def test_another_password_has_another_digest(declare: Declare) -> None:
    clients = [{**BASE["clients"][0], "login": "made"}]
    digests = set[str]()
    for user in ({}, {"rotation": "2"}, {"password": MARKER}):
        recorder = logging_in(declare, clients=clients, users=[{"name": "made", **user}])
        digests |= set(trust(recorder).inputs["passwordDigests"].values())
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"users": []}, "clients[0].login: there is no user ci in users"),
        (
            {"users": [{"name": "ci", "password": f"$2y$05${'a' * 53}"}]},
            "clients[0].login: the password of ci is a hash, and a login needs the password itself: set password",
        ),
        (
            {"clients": [{"host": "a", "local": True, "login": "ci", "runtimes": ["system"]}]},
            "login needs a runtime that has a file with logins, and system has none",
        ),
        ({"imagePullSecrets": ["dev"]}, "imagePullSecrets[0]: there is no user dev in users"),
        ({"imagePullSecrets": ["ci", "ci"]}, "imagePullSecrets: ci is listed more than once"),
    ],
)
def test_mistakes_name_the_key(changes: Mapping[str, Any], said: str) -> None:
    clients = [{"host": "a", "local": True, "login": "ci"}]
    with pytest.raises(InvalidSettings) as error:
        given({**BASE, "clients": clients, **changes}, "registry")
    assert said in " ".join(str(error.value).split())


def test_a_default_login_holds_for_each_client_that_has_none() -> None:
    clients = [{"host": "a", "local": True}, {"host": "b", "local": True, "login": None}]
    settings = Settings.model_validate({**BASE, "clients": clients, "clientDefaults": {"login": "ci"}})
    assert [client.login for client in settings.all_clients] == ["ci", None]


def test_kubernetes_gets_a_secret_only_where_asked() -> None:
    assert json.loads(docker_config(KNOWN, Login("ci", MARKER))) == {
        "auths": {"registry.test:8443": {"auth": auth("ci", MARKER)}}
    }
