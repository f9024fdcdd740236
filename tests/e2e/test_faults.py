"""What goes wrong while the registry serves: it goes on serving, the error says what to do, an update repairs the rest.

Each test is a row of the fault table.
"""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab import engine
from lab.run import run
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import PREFIX, Hosts, containers
from tests.e2e.load import Load
from tests.e2e.stack import Stack, kill_once_locked

NAME = "faults"
CA = "/etc/docker/certs.d/registry.test/ca.crt"
PASSWORD = "correct horse battery"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHYtHq1P4xQAhLn+cJNvANbVArtJtRSFj8I7djDyLD8Y"
DIGEST = "0" * 64
PROXY = f"private-registry-{NAME}-proxy"


@dataclass
class World:
    """The stack that serves, its hosts, and a file system of its own for the server's files."""

    stack: Stack
    hosts: Hosts
    files: Path
    images: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def configured(self, **changes: Any) -> Iterator[None]:
        """Change settings while the body runs."""
        before = dict(self.stack.settings)
        self.stack.configure(**changes)
        try:
            yield
        finally:
            self.stack.settings = before

    def inside(self, host: str, do: str, undo: str) -> AbstractContextManager[None]:
        """Do something on a client while the body runs."""
        return self._between(lambda command: self.hosts.inside(host, command), do, undo)

    def here(self, do: str, undo: str) -> AbstractContextManager[None]:
        """Do something on this machine while the body runs."""
        return self._between(lambda command: run(["sh", "-c", command]), do, undo)

    @contextmanager
    def _between(self, at: Callable[[str], object], do: str, undo: str) -> Iterator[None]:
        at(do)
        try:
            yield
        finally:
            at(undo)


@pytest.fixture(scope="module")
def world(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    files = tmp_path_factory.mktemp("server")
    files.chmod(0o755)
    run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", files])
    stack = Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts, "one", "two"))
    stack.configure(deleteData=True, serverDirectory=str(files))
    stack.up()
    yield World(stack, client_hosts, files, found_images)
    stack.destroy()
    run(["umount", files])


@pytest.fixture(scope="module")
def load(client_hosts: Hosts) -> Load:
    return Load("registry.test", NETWORK.gateway, lambda: client_hosts.inside("one", f"cat {CA}"), "ci", PASSWORD, 2)


Fault = Callable[[World], AbstractContextManager[None]]


def template(file: str, old: str, new: str) -> Fault:
    return lambda world: world.stack.edited(f"rendering/templates/{file}", old, new)


def setting(**changes: Any) -> Fault:
    return lambda world: world.configured(**changes)


@contextmanager
def a_port_in_the_way_inside(world: World) -> Iterator[None]:
    """What a trial in another container can't know."""
    run(["docker", "exec", "--detach", PROXY, "busybox", "httpd", "-f", "-p", "127.0.0.1:8079", "-h", "/etc"])
    with template("nginx.conf.j2", "listen unix", "listen 127.0.0.1:8079;\n        listen unix")(world):
        yield
    run(["docker", "exec", PROXY, "busybox", "killall", "busybox"])


@contextmanager
def never_healthy(world: World) -> Iterator[None]:
    """It starts, and its health check never passes; tried twice, since the first time leaves more behind."""
    with (
        world.stack.edited("components/registry.py", '127.0.0.1:{PORT}/"]', '127.0.0.1:1/"]'),
        world.stack.edited("components/container.py", "START_SECONDS = 60", "START_SECONDS = 5"),
    ):
        world.stack.fails()
        yield


@contextmanager
def a_client_is_down(world: World) -> Iterator[None]:
    block = "iptables {} INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset"
    with world.inside("two", block.format("-I"), block.format("-D")), world.configured(certificate=TWO_AUTHORITIES):
        yield
    one, two = (len(re.findall("BEGIN", world.hosts.inside(host, f"cat {CA}"))) for host in ("one", "two"))
    assert (one, two) == (2, 1), "the other client was updated all the same"


@contextmanager
def a_full_disk_on_a_client(world: World) -> Iterator[None]:
    do = (
        "cp -a /etc/docker/certs.d /root/certs.d && mount -t tmpfs -o size=32k tmpfs /etc/docker/certs.d"
        " && cp -a /root/certs.d/. /etc/docker/certs.d && { yes > /etc/docker/certs.d/full || true; } 2> /dev/null"
    )
    undo = "umount /etc/docker/certs.d && rm -r /root/certs.d"
    with world.inside("two", do, undo), world.configured(certificate=TWO_AUTHORITIES):
        yield


@contextmanager
def a_full_disk_on_the_server(world: World) -> Iterator[None]:
    with (
        world.here(f"yes > {world.files}/full 2> /dev/null || true", f"rm {world.files}/full"),
        template("nginx.conf.j2", "keepalive 32;", "keepalive 16;")(world),
    ):
        yield


@contextmanager
def another_host_key(world: World) -> Iterator[None]:
    one, two = world.stack.settings["clients"]
    with world.configured(clients=[one, {**two, "hostKey": OTHER_KEY}]):
        yield


@contextmanager
def a_port_that_is_taken(world: World) -> Iterator[None]:
    with socket.create_server((NETWORK.gateway, 8443)), world.configured(httpsPort=8443):
        yield


@contextmanager
def an_authority_of_somebody_else(world: World) -> Iterator[None]:
    folder = "/etc/docker/certs.d"
    three = world.hosts.clients["three"]
    with (
        world.inside(
            "three",
            f"mkdir -p {folder}/registry.test && echo stranger > {CA}",
            f"grep -q stranger {CA} && rm -r {folder}",
        ),
        world.configured(clients=[*world.stack.settings["clients"], three]),
    ):
        yield


@contextmanager
def an_image_that_is_missing(world: World, name: str) -> Iterator[None]:
    with world.configured(images={**world.stack.settings["images"], name: f"sha256:{DIGEST}"}):
        yield


@contextmanager
def a_client_without_curl(world: World) -> Iterator[None]:
    away = "mv /usr/bin/curl /usr/bin/curl.away", "mv /usr/bin/curl.away /usr/bin/curl"
    with world.inside("two", *away), template("nginx.conf.j2", "keepalive 32;", "keepalive 16;")(world):
        yield


@contextmanager
def no_docker(world: World) -> Iterator[None]:
    with (
        world.stack.environment(DOCKER_HOST="unix:///run/nobody-listens.sock"),
        world.configured(limits={"nginxMemory": 300}),
    ):
        yield


@contextmanager
def another_passphrase(world: World) -> Iterator[None]:
    with world.stack.environment(PULUMI_CONFIG_PASSPHRASE="another"):
        yield


@contextmanager
def a_killed_update(world: World) -> Iterator[None]:
    command = [engine.pulumi(), "up", "--yes", "--skip-preview", "--non-interactive"]
    kill_once_locked(command, world.stack.folder, world.stack.folder / "backend/.pulumi/locks", world.stack.env)
    yield
    world.stack.cancel()


TWO_AUTHORITIES = {"authorities": ["1", "2"]}

FAULTS: dict[str, tuple[Fault, str]] = {
    "nginx refuses its configuration": (
        template("nginx.conf.j2", "server_tokens off;", "server_tokens perhaps;"),
        r'registry-proxy-site.*nginx refuses the new configuration.*invalid value "perhaps"',
    ),
    "nginx does not load what it accepted": (
        a_port_in_the_way_inside,
        r"registry-proxy-site.*nginx has not loaded the configuration.*127.0.0.1:8079 failed",
    ),
    "the registry refuses its configuration": (
        template("registry.yml.j2", "version: 0.1", "version: 7"),
        r"registry-registry-config.*the registry does not start.*configuration error: error parsing",
    ),
    "the new registry does not get healthy, twice": (
        never_healthy,
        r"registry-registry-healthy.*container \S+ did not get healthy",
    ),
    "the registry's image is missing": (
        lambda world: an_image_that_is_missing(world, "registry"),
        rf"registry-registry-config.*No such image: sha256:{DIGEST}",
    ),
    "nginx's image is missing": (
        lambda world: an_image_that_is_missing(world, "nginx"),
        rf"registry-proxy-site.*No such image: sha256:{DIGEST}",
    ),
    "the new port is taken": (
        a_port_that_is_taken,
        r"registry-proxy-address.*could not listen on \S+, port 8443.*(in use|allocated)",
    ),
    "the new address is not the server's": (
        setting(bindAddress="192.0.2.1"),
        r"registry-proxy-address.*could not listen on 192.0.2.1, port 443.*cannot assign",
    ),
    "the server's disk is full": (a_full_disk_on_the_server, r"registry-proxy-site.*No space left"),
    "Docker does not answer": (no_docker, r"Cannot connect to the Docker daemon"),
    "a client is down": (a_client_is_down, rf"registry-trust-{PREFIX}\.12.*connection refused"),
    "a client shows another host key": (another_host_key, rf"registry-trust-{PREFIX}\.12.*host key mismatch"),
    "a client's disk is full": (a_full_disk_on_a_client, rf"registry-trust-{PREFIX}\.12.*No space left"),
    "a client has somebody else's authority": (
        an_authority_of_somebody_else,
        rf"registry-trust-{PREFIX}\.13.*three: {CA} exists with other content",
    ),
    "the authority is replaced in one step": (
        setting(certificate={"authorities": ["2"]}),
        rf"registry-trust-{PREFIX}\.1[12].*an authority can't be dropped: what registry.test serves is not signed",
    ),
    "a client can't prove itself": (
        a_client_without_curl,
        rf"registry-verification-{PREFIX}\.12.*two: verification failed at .docker and curl are there",
    ),
    "the passphrase is another one": (another_passphrase, r"incorrect passphrase"),
    "an update was killed": (a_killed_update, r"the stack is currently locked.*pulumi cancel"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_serves_goes_on_serving(
    world: World, load: Load, record_property: Callable[[str, object], None], name: str
) -> None:
    fault, expected = FAULTS[name]
    with load.running() as tally:
        with fault(world):
            said = world.stack.fails()
        world.stack.up()
    found = re.search(expected, said, re.DOTALL)
    assert found, said
    assert tally.failures == []
    assert tally.requests > 50, "there was a load"
    assert world.stack.preview() == []
    serving = f"{tally.requests} requests, {len(tally.failures)} failed"
    record_property("faults", f"{name:<46}{serving:<26}{' '.join(found.group().split())[-90:]}")


def test_a_dead_client_holds_back_nothing_but_a_certificate(world: World) -> None:
    three = world.hosts.clients["three"]
    clients = world.stack.settings["clients"]
    before = containers(f"private-registry-{NAME}")
    with (
        template("nginx.conf.j2", "keepalive 32;", "keepalive 16;")(world),
        world.configured(
            clients=[*clients, {**three, "port": 2299}],
            limits={"registryMemory": 300, "nginxMemory": 200},
            users=[*world.stack.settings["users"], {"name": "new", "password": "another good one"}],
            certificate=TWO_AUTHORITIES,
        ),
    ):
        said = world.stack.fails()
        assert f"registry-trust-{PREFIX}.13" in said
        live = world.files / NAME / "proxy"
        assert "keepalive 16;" in (live / "site/current/nginx.conf").read_text()
        assert "new:" in (live / "users/current/htpasswd").read_text()
        for host in ("one", "two"):
            assert world.hosts.inside(host, f"grep -c BEGIN {CA}") == "2"
        memory = run(
            ["docker", "inspect", "--format", "{{.HostConfig.Memory}}", *containers(f"private-registry-{NAME}")]
        )
        assert sorted(map(int, memory.split())) == [128 << 20, 200 << 20, 300 << 20]
        assert containers(f"private-registry-{NAME}") == before, "in place, without a restart"
    world.stack.up()
    assert world.stack.preview() == []


@pytest.mark.parametrize("authorities", [["1"], ["2"]])
def test_what_goes_while_a_client_is_down_leaves_a_state_that_can_be_read(
    world: World, load: Load, authorities: list[str]
) -> None:
    """The engine deletes what is not declared any more, also when what depended on it was skipped."""
    one = world.stack.settings["clients"][0]
    dead = {**world.hosts.clients["three"], "port": 2299}
    with load.running() as tally:
        with world.configured(
            clients=[one, dead], certificate={"authorities": authorities, "rotation": "r"}, bindAddress="192.0.2.1"
        ):
            said = world.stack.fails()
        assert "could not listen on 192.0.2.1" in said
        assert "snapshot integrity" not in said
        with world.configured(clients=[one, dead], certificate={"authorities": authorities, "rotation": "r"}):
            said = world.stack.fails()
        assert f"registry-trust-{PREFIX}.13" in said
        assert "snapshot integrity" not in said
        world.stack.up()
    assert tally.failures == []
    assert world.stack.preview() == []


def test_what_a_killed_update_started_gives_way(world: World) -> None:
    """The state knows nothing of a container that was started just before the kill, and Docker does."""

    def forget(deployment: dict[str, Any]) -> dict[str, Any]:
        kept = [one for one in deployment["resources"] if not one["urn"].endswith("::registry-proxy-container")]
        for one in kept:
            one["dependencies"] = [
                urn for urn in one.get("dependencies") or [] if "registry-proxy-container" not in urn
            ]
            for urns in (one.get("propertyDependencies") or {}).values():
                urns[:] = [urn for urn in urns or [] if "registry-proxy-container" not in urn]
        return {**deployment, "resources": kept}

    world.stack.edit_deployment(forget)
    world.stack.up()
    assert world.stack.preview() == []


def test_a_container_that_was_removed_comes_back(world: World) -> None:
    run(["docker", "rm", "--force", PROXY])
    world.stack.up(refresh=True)
    world.hosts.inside("one", f"curl -sf --cacert {CA} https://registry.test/healthz")
    assert world.stack.preview() == []


@pytest.mark.parametrize("kind", ["network", "volume", "container"])
def test_what_others_made_is_neither_used_nor_removed(
    world: World, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    foreign = Stack(
        tmp_path_factory.mktemp(kind), "foreign", {**world.stack.settings, "clients": [], "httpsPort": 8444}
    )
    name = {"network": "backend", "volume": "data", "container": "proxy"}[kind]
    name = f"private-registry-foreign-{name}"
    image = [world.images["nginx"], "true"] if kind == "container" else []
    run(["docker", kind, "create", *(["--name"] if image else []), name, *image])
    before = run(["docker", kind, "inspect", name])
    try:
        said = foreign.fails()
        assert f"a {kind} named {name} is there and was not made by this stack; it was left as it is" in said
        foreign.destroy()
        assert run(["docker", kind, "inspect", name]) == before
    finally:
        run(["docker", kind, "rm", name])
