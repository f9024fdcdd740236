"""Two stacks on one Docker host, with a client in common: each lives and ends apart from the other.

The tests are one story and run in this order. They cost 4 updates, 4 previews and 3 removals, and a host.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256

import pytest

from lab.run import run
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.stack import SERVER_FILES, Stack

PORTS = {"blue": 443, "green": 8443}
PASSWORD = "correct horse battery"
CERTS = "/etc/docker/certs.d"


@pytest.fixture(scope="module")
def stacks(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Stack]]:
    with ExitStack() as ended:
        made = {}
        for name, port in PORTS.items():
            stack = Stack(tmp_path_factory.mktemp(name), name, settings(found_images, client_hosts, "one"))
            stack.configure(domain=f"{name}.test", httpsPort=port, deleteData=True)
            made[name] = ended.enter_context(stack)
        # The cache of it knows no other name.
        made["blue"].configure(aliases=[NETWORK.gateway])
        yield made


def kept(name: str) -> dict[str, str]:
    """Return what a stack has on the server: its containers with their start, its files with their digest."""
    files = {
        str(path): sha256(path.read_bytes()).hexdigest() for path in (SERVER_FILES / name).rglob("*") if path.is_file()
    }
    assert files
    return {**containers(f"private-registry-{name}-"), **files}


def cache_of_the_other(blue: Stack) -> dict[str, object]:
    """Return what makes one registry a cache of the other, with a login there and an authority of its own."""
    known = {"username": "ci", "password": PASSWORD, "authority": blue.outputs()["ca_certificate"]}
    return {"blue.test": {"url": f"https://{NETWORK.gateway}", **known}}


def test_both_serve_their_clients(stacks: dict[str, Stack], client_hosts: Hosts) -> None:
    stacks["blue"].up()
    stacks["green"].configure(caches=cache_of_the_other(stacks["blue"]))
    stacks["green"].up()
    for stack in stacks.values():
        assert all("pulled sha256:" in proof for proof in stack.outputs()["verification"].values())
    assert client_hosts.inside("one", f"ls {CERTS}").split() == [
        *(NETWORK.gateway, f"{NETWORK.gateway}:443"),
        *("blue.test", "blue.test:443", "green.test:8443"),
    ]
    assert all(stack.preview() == [] for stack in stacks.values())


def test_one_is_a_cache_of_the_other(stacks: dict[str, Stack], client_hosts: Hosts) -> None:
    image = "green.test:8443/blue.test/private-registry/verification:probe"
    login = "docker login -u ci --password-stdin green.test:8443"
    assert "Downloaded newer image" in client_hosts.inside("one", f"{login} && docker pull {image}", PASSWORD)
    # Where the registry that it caches can't be reached any more, it has what it has.
    run(["docker", "stop", "private-registry-blue-proxy"])
    client_hosts.inside("one", f"docker rmi {image} && docker pull {image}")
    run(["docker", "start", "private-registry-blue-proxy"])
    said = client_hosts.inside("one", f"docker tag {image} {image}-2; docker push {image}-2 2>&1 || true")
    assert "this is a cache of another registry" in said
    assert stacks["green"].drifted() == []


def test_a_change_of_one_does_not_touch_the_other(stacks: dict[str, Stack]) -> None:
    before = kept("green")
    blue = stacks["blue"]
    blue.configure(users=[{"name": "new", "password": "another good one"}], limits={"registryMemory": 300})
    blue.up()
    assert kept("green") == before
    assert stacks["green"].preview() == []


def test_another_state_with_the_same_name_gets_nothing(
    stacks: dict[str, Stack], tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = kept("green")
    users = [{"name": "stranger", "password": "another good one"}]
    known = {**stacks["green"].settings, "clients": [], "users": users}
    other = Stack(tmp_path_factory.mktemp("other"), "green", known, beside=True)
    assert (
        "a network named private-registry-green-backend already exists and was not created by this stack"
        in other.fails()
    )
    assert kept("green") == before
    other.destroy()
    assert kept("green") == before
    assert "private-registry-green-data" in run(["docker", "volume", "ls", "--quiet"]).split()
    assert stacks["green"].preview(refresh=True) == []


def test_the_end_of_one_is_not_that_of_the_other(stacks: dict[str, Stack], client_hosts: Hosts) -> None:
    before = kept("green")
    stacks["blue"].destroy()
    assert kept("green") == before
    assert client_hosts.inside("one", f"ls {CERTS}").split() == ["green.test:8443"]
    client_hosts.inside("one", f"curl -sf --cacert {CERTS}/green.test:8443/ca.crt https://green.test:8443/healthz")
    stacks["green"].destroy()
    assert containers("private-registry-green-") == {}
    assert "private-registry-green-cache-blue-test" not in run(["docker", "volume", "ls", "--quiet"]).split()
