"""What a client trusts by stays until the proxy has a certificate that each system trusts, also beside a login."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from components.clients import RUNTIMES
from tests.unit.one_client import MARKER, NEXT, REGISTRY, Client

PRIVATE: dict[str, Any] = {"caches": ["docker.io", "ghcr.io"]}
PUBLIC: dict[str, Any] = {**PRIVATE, "registry": {**REGISTRY, "hasAuthorities": False}, "authorities": ""}
K3S = "mirrors:\n  other.test:\n    endpoint: [https://other.test]\n"
OTHERS = {
    "/etc/containerd/config.toml": "version = 2\n",
    "/etc/rancher/k3s/registries.yaml": K3S,
    "/etc/rancher/rke2/registries.yaml": K3S,
    "/etc/buildkit/buildkitd.toml": "debug = true\n",
    "/etc/containerd/certs.d/ghcr.io/hosts.toml": 'server = "https://ghcr.io"\n',
}
USERS = {"the same login": "ci", "a new login": ""}
BUNDLES = [name for name, runtime in RUNTIMES.items() if runtime.login or runtime.caches]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(monkeypatch)


def trusting(files: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return the files with authorities, and the lines that name such a file."""
    named = {(path, line) for path, text in files.items() for line in re.findall(r"\S*\.crt", text)}
    return named | {(path, text) for path, text in files.items() if path.endswith(".crt")}


def left(files: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what is in each file, whatever its order."""
    return {path: sorted(text.splitlines()) for path, text in files.items()}


def public_from_the_start(monkeypatch: pytest.MonkeyPatch, runtime: str, password: str) -> Mapping[str, str]:
    with monkeypatch.context() as patch:
        client = Client(patch)
        client.host.files |= OTHERS
        client.update(runtime, password=password, **PUBLIC)
        return client.host.files


@pytest.mark.parametrize("user", USERS.values(), ids=USERS.keys())
@pytest.mark.parametrize("password", [MARKER, NEXT])
@pytest.mark.parametrize("runtime", BUNDLES)
def test_authorities_stay_until_the_proxy_does_without(
    client: Client, monkeypatch: pytest.MonkeyPatch, runtime: str, user: str, password: str
) -> None:
    client.host.files |= OTHERS
    client.update(runtime, user=user, **PRIVATE)
    before = trusting(client.host.files)
    assert client.place(runtime, password=password, **PUBLIC).failures == {}
    assert before <= trusting(client.host.files)
    client.take_away()
    assert trusting(client.host.files) == set()
    assert left(client.host.files) == left(public_from_the_start(monkeypatch, runtime, password))
    assert client.update(runtime, password=password, **PUBLIC).failures == {}
    client.destroy()
    assert client.host.files == OTHERS


@pytest.mark.parametrize("runtime", BUNDLES)
def test_an_update_after_one_that_failed_at_the_proxy_takes_no_trust_either(
    client: Client, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    client.host.files |= OTHERS
    client.update(runtime, **PRIVATE)
    before = trusting(client.host.files)
    client.place(runtime, **PUBLIC)
    assert client.place(runtime, password=NEXT, **PUBLIC).failures == {}
    assert before <= trusting(client.host.files)
    client.take_away()
    assert left(client.host.files) == left(public_from_the_start(monkeypatch, runtime, NEXT))
    # Once the authorities are away, the next change of the login does not bring them back.
    client.place(runtime, **PUBLIC)
    assert trusting(client.host.files) == set()
    client.destroy()
    assert client.host.files == OTHERS


@pytest.mark.parametrize("runtime", BUNDLES)
def test_a_move_that_failed_at_the_proxy_is_undone_or_destroyed(client: Client, runtime: str) -> None:
    client.host.files |= OTHERS
    client.update(runtime, **PRIVATE)
    before = client.host.files.copy()
    client.place(runtime, password=NEXT, **PUBLIC)
    client.update(runtime, **PRIVATE)
    assert left(client.host.files) == left(before)
    client.place(runtime, password=NEXT, **PUBLIC)
    client.destroy()
    assert client.host.files == OTHERS
