"""A destroy after one that failed at some clients: the engine keeps nothing of what that one did at the others."""

import pytest

from components.clients import RUNTIMES
from components.clients.runtime import FilesRuntime
from tests.unit.one_client import Client

PLANNED = [name for name, runtime in RUNTIMES.items() if isinstance(runtime, FilesRuntime)]


OTHERS = {
    "/etc/containerd/config.toml": "version = 2\n",
    "/etc/rancher/k3s/registries.yaml": "mirrors: {}\n",
    "/etc/buildkit/buildkitd.toml": "debug = true\n",
    "/etc/docker/daemon.json": '{"debug": true}\n',
    "/root/.docker/config.json": '{"auths": {}}\n',
}


@pytest.mark.parametrize("runtime", PLANNED)
def test_a_client_that_is_clean_is_only_looked_at(monkeypatch: pytest.MonkeyPatch, runtime: str) -> None:
    client = Client(monkeypatch)
    client.host.files |= OTHERS
    client.update(runtime, caches=["docker.io"])
    client.destroy()
    assert client.host.files == OTHERS
    before = client.host.writes
    client.destroy()
    assert (client.host.files, client.host.writes) == (OTHERS, before)
