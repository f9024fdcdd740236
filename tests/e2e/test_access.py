"""Every way to a host: another machine as the server, clients by key, passphrase, password, agent and bastion.

Costs 3 updates, 2 previews, a removal and 3 looks, and five hosts.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import hosts
from lab.run import run
from tests.e2e.conftest import settings
from tests.e2e.hosts import PREFIX, PREFIX6, Hosts, containers
from tests.e2e.stack import Stack

PASSPHRASE = "Marker-Key-Passphrase-5e"
PASSWORD = "Marker-Login-Password-b1"
before: dict[str, str] = {}
"""Client -> fingerprint before the stack touched it."""


@pytest.fixture(scope="module")
def agent(client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An SSH agent that holds the hosts' key; returns its socket."""
    socket = tmp_path_factory.mktemp("agent") / "socket"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert process.poll() is None
    run(["ssh-add", "-q", client_hosts.clients["one"]["privateKeyFile"]], env={"SSH_AUTH_SOCK": str(socket)})
    yield str(socket)
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def server(found_images: dict[str, str], client_hosts: Hosts) -> str:
    """A machine with Docker, the images, and an operator who may use it; returns its address."""
    client_hosts.inside("server", "usermod --append --groups docker ops")
    client_hosts.bring_images("server", found_images)
    return client_hosts.host("server").address


def access(client_hosts: Hosts, name: str, **login: object) -> dict[str, object]:
    """Return how to log in to a host that is not among the clients."""
    return {"hostKey": hosts.host_key(client_hosts.network, client_hosts.host(name)), **login}


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str],
    client_hosts: Hosts,
    server: str,
    agent: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("access")
    with Stack(folder, "access", settings(found_images, client_hosts), {"SSH_AUTH_SOCK": agent}) as stack:
        for name in ("one", "two", "three"):
            client_hosts.inside(name, "mkdir -p /etc/docker")
            before[name] = client_hosts.fingerprint(name)
        key = client_hosts.clients["one"]["privateKeyFile"]
        (folder / "keys").mkdir()
        for copy in ("the 100% server", "one"):
            shutil.copy(key, folder / "keys" / copy)
        run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", folder / "keys/one"])
        client_hosts.inside("one", "/usr/sbin/sshd -p 2222")
        client_hosts.inside("two", "chpasswd", f"ops:{PASSWORD}")
        bastion = access(client_hosts, "stranger", host=f"{PREFIX}.14", privateKeyFile=key)
        one, two, three = (
            {key: value for key, value in client_hosts.clients[name].items() if key != "privateKeyFile"}
            | {"hostsEntry": server}
            for name in ("one", "two", "three")
        )
        stack.configure(
            bindAddress="0.0.0.0",  # noqa: S104 - the one address that every server has
            deleteData=True,
            dockerHost=f"ssh://ops@{server}",
            dockerHostAccess=access(client_hosts, "server", privateKeyFile="keys/the 100% server", bastion=bastion),
            clients=[
                {**one, "port": 2222, "privateKeyFile": "keys/one"},
                {**two, "bastion": bastion},
                {**three, "host": client_hosts.network.address6(client_hosts.host("three")), "agent": True},
            ],
        )
        stack.set_secret("clients[0].privateKeyPassword", PASSPHRASE)
        stack.set_secret("clients[1].password", PASSWORD)
        yield stack


def test_another_machine_serves_clients_that_are_reached_in_every_way(stack: Stack, client_hosts: Hosts) -> None:
    stack.up()
    assert sorted(stack.outputs()["verification"]) == [f"{PREFIX}.11", f"{PREFIX}.12", f"{PREFIX6}::13"]
    assert containers("private-registry-access") == {}, "nothing runs on this machine"
    # Docker asks a container for the first time some seconds after its start.
    healthy = "docker ps --filter name=^private-registry-access- --filter health=healthy --quiet | wc -l"
    client_hosts.inside("server", f"for n in $(seq 30); do [ $({healthy}) = 3 ] && exit; sleep 1; done; exit 1")
    for name in ("one", "two", "three"):
        assert f"{client_hosts.host('server').address}\tregistry.test" in client_hosts.inside(name, "cat /etc/hosts")
    assert stack.preview() == []


def test_the_server_files_are_on_the_server_and_its_keys_are_nobody_elses(client_hosts: Hosts) -> None:
    folder = "/var/lib/private-registry/access/proxy/tls/current"
    assert client_hosts.inside("server", f"stat -c '%a %u' {folder}/server.key") == "600 10001"
    assert not Path(folder).exists()


def test_a_change_reaches_the_server(stack: Stack, client_hosts: Hosts) -> None:
    password = "another password"
    stack.configure(users=[*stack.settings["users"], {"name": "later", "password": password}])
    [step] = stack.up()
    assert step.name.endswith("-proxy-users")
    assert step.op == "update"
    client_hosts.inside("two", "docker login -u later --password-stdin registry.test", password)
    client_hosts.inside("two", "docker logout registry.test")


def test_a_change_by_hand_is_found_and_repaired_in_every_way_to_a_host(stack: Stack, client_hosts: Hosts) -> None:
    assert stack.drifted() == []
    file = "/etc/docker/certs.d/registry.test/ca.crt"
    for name in ("one", "two", "three"):
        client_hosts.inside(name, f"echo edited > {file}")
    client_hosts.inside("server", "docker stop private-registry-access-proxy")
    server = client_hosts.host("server").address
    assert set(stack.drifted()) == {
        (server, "container private-registry-access-proxy is stopped (exited)"),
        *((host, f"{file} has other content") for host in stack.outputs()["clients"]),
    }
    assert stack.drifted("--repair") == []
    assert stack.preview() == []


def test_the_logins_are_not_in_the_state(stack: Stack) -> None:
    for secret in (PASSPHRASE, PASSWORD):
        assert secret not in stack.state() + stack.log


def test_a_destroy_empties_the_server_and_the_clients(stack: Stack, client_hosts: Hosts) -> None:
    stack.destroy()
    assert client_hosts.inside("server", "docker ps -aq; docker volume ls -q; ls /var/lib/private-registry") == ""
    assert {name: client_hosts.fingerprint(name) for name in before} == before


def test_a_registry_can_be_named_by_an_ipv6_address(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path: Path
) -> None:
    gateway = client_hosts.network.gateway6
    one = {key: value for key, value in client_hosts.clients["one"].items() if key != "hostsEntry"}
    with Stack(tmp_path, "ipv6", settings(found_images, client_hosts)) as stack:
        stack.configure(domain=gateway, bindAddress=gateway, httpsPort=8443, clients=[one], deleteData=True)
        stack.up()
        assert stack.outputs()["registry"] == f"[{gateway}]:8443"
        assert "pulled" in stack.outputs()["verification"][f"{PREFIX}.11"]
        assert stack.preview() == []
