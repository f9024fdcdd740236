"""What goes wrong while the registry serves: it goes on serving, the error says what to do, an update repairs the rest.

Each fault is a row of the fault table; a test provokes one, or one of the server and one of a client.
They cost some 40 engine runs and three client hosts.
"""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab import engine
from lab.run import run
from tests.e2e.advice import assert_advice
from tests.e2e.conftest import CA, NETWORK, settings
from tests.e2e.hosts import PREFIX, Hosts, containers
from tests.e2e.load import Load
from tests.e2e.stack import Stack, kill_once_locked

NAME = "faults"
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
    try:
        with Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts, "one", "two")) as stack:
            stack.configure(deleteData=True, serverDirectory=str(files))
            stack.up()
            yield World(stack, client_hosts, files, found_images)
            stack.destroy()
    finally:
        run(["umount", files])


@pytest.fixture(scope="module")
def load(client_hosts: Hosts) -> Load:
    return Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", PASSWORD, 2)


Fault = Callable[[World], AbstractContextManager[None]]


def altered(module: str) -> Fault:
    return lambda world: world.stack.altered(module)


def setting(**changes: Any) -> Fault:
    return lambda world: world.configured(**changes)


@contextmanager
def a_port_in_the_way_inside(world: World) -> Iterator[None]:
    """What a trial in another container can't know."""
    run(["docker", "exec", "--detach", PROXY, "busybox", "httpd", "-f", "-p", "127.0.0.1:8079", "-h", "/etc"])
    with world.stack.altered("nginx_port"):
        yield
    run(["docker", "exec", PROXY, "busybox", "killall", "busybox"])


@contextmanager
def never_healthy(world: World) -> Iterator[None]:
    """It starts, and its health check never passes; tried twice, since the first time leaves more behind."""
    with world.stack.altered("never_healthy"):
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
        world.stack.altered("nginx_setting"),
    ):
        yield


@contextmanager
def another_host_key(world: World) -> Iterator[None]:
    one, two = world.stack.settings["clients"]
    # A client on which nothing changes is not asked.
    with world.configured(clients=[one, {**two, "hostKey": OTHER_KEY}], certificate=TWO_AUTHORITIES):
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
    with world.inside("two", *away), world.stack.altered("nginx_setting"):
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


@contextmanager
def an_update_killed_in_its_state(world: World) -> Iterator[None]:
    """What is left where the engine was killed while it described its state."""
    name = world.stack.name
    description = world.stack.folder / f"backend/.pulumi/stacks/private-registry/{name}.json.attrs"
    description.touch()
    yield
    description.unlink()


TWO_AUTHORITIES = {"authorities": ["1", "2"]}


class Row(NamedTuple):
    """A fault of the table."""

    fault: Fault
    where: str
    """The resource that fails with it; nothing where the engine itself refuses."""
    says: str
    """A pattern of what the error says."""
    problem: str = ""
    """The row of the table of problems that it provokes, where test_troubleshooting.py does not."""


SITE, ADDRESS, CONFIG = "registry-proxy-site", "registry-proxy-address", "registry-registry-config"

FAULTS: dict[str, Row] = {
    "nginx refuses its configuration": Row(
        altered("nginx_refuses"),
        SITE,
        r'nginx refuses the new configuration.*invalid value "perhaps"',
        "nginx-refuses",
    ),
    "nginx does not load what it accepted": Row(
        a_port_in_the_way_inside,
        SITE,
        r"nginx has not loaded the configuration.*127.0.0.1:8079 failed",
        "nginx-not-loaded",
    ),
    "the registry refuses its configuration": Row(
        altered("registry_refuses"),
        CONFIG,
        r"the registry does not start.*configuration error: error parsing",
        "registry-refuses",
    ),
    "the new registry does not get healthy, twice": Row(
        never_healthy, "registry-registry-healthy", r"container \S+ did not become healthy", "container-ends"
    ),
    "the registry's image is missing": Row(
        lambda world: an_image_that_is_missing(world, "registry"),
        CONFIG,
        rf"No such image: sha256:{DIGEST}",
        "image-missing",
    ),
    "nginx's image is missing": Row(
        lambda world: an_image_that_is_missing(world, "nginx"), SITE, rf"No such image: sha256:{DIGEST}"
    ),
    "the new port is taken": Row(
        a_port_that_is_taken, ADDRESS, r"could not listen on \S+, port 8443.*(in use|allocated)", "port-taken"
    ),
    "the new address is not the server's": Row(
        setting(bindAddress="192.0.2.1"),
        ADDRESS,
        r"could not listen on 192.0.2.1, port 443.*cannot assign",
        "bind-address",
    ),
    "the server's disk is full": Row(a_full_disk_on_the_server, SITE, r"No space left"),
    "Docker does not answer": Row(no_docker, SITE, r"Cannot connect to the Docker daemon"),
    "a client is down": Row(a_client_is_down, f"{PREFIX}.12", r"Connection refused"),
    "a client shows another host key": Row(another_host_key, f"{PREFIX}.12", r"Host key is not trusted"),
    "a client's disk is full": Row(a_full_disk_on_a_client, f"{PREFIX}.12", r"No space left"),
    "a client has somebody else's authority": Row(
        an_authority_of_somebody_else, f"{PREFIX}.13", rf"three: {CA} exists with other content"
    ),
    "the authority is replaced in one step": Row(
        setting(certificate={"authorities": ["2"]}),
        f"{PREFIX}.11",
        r"CA not removed: the certificate of registry.test is not signed",
    ),
    "a client can't prove itself": Row(
        a_client_without_curl,
        f"{PREFIX}.12",
        r"two: verification failed at .docker and curl are installed",
    ),
    "the passphrase is another one": Row(another_passphrase, "", r"incorrect passphrase", "passphrase"),
    "an update was killed": Row(a_killed_update, "", r"the stack is currently locked.*pulumi cancel", "locked"),
    "an update was killed in its state": Row(
        an_update_killed_in_its_state, "", r"failed to load checkpoint: EOF", "state-description"
    ),
}


TOGETHER = {
    "nginx refuses its configuration": "a client is down",
    "nginx does not load what it accepted": "a client shows another host key",
    "the registry refuses its configuration": "a client's disk is full",
    "the registry's image is missing": "a client has somebody else's authority",
    "the new registry does not get healthy, twice": "the new address is not the server's",
}
"""Faults that one update provokes, where neither hides the other."""
CHANGES_NOTHING = {
    "the passphrase is another one",
    "an update was killed",
    "an update was killed in its state",
    "Docker does not answer",
    "the authority is replaced in one step",
}
"""What stops an update before it has changed anything: there is nothing to repair."""
ROUNDS = [(name, *([TOGETHER[name]] if name in TOGETHER else [])) for name in FAULTS if name not in TOGETHER.values()]


@pytest.mark.parametrize("names", ROUNDS, ids=" and ".join)
def test_what_serves_goes_on_serving(
    world: World, load: Load, record_property: Callable[[str, object], None], names: tuple[str, ...]
) -> None:
    rows = {name: FAULTS[name] for name in names}
    with load.running() as tally:
        with ExitStack() as provoked:
            for row in rows.values():
                provoked.enter_context(row.fault(world))
            said = world.stack.fails()
        if CHANGES_NOTHING.isdisjoint(names):
            world.stack.up()
    assert tally.failures == []
    assert tally.requests > 10, "there was a load"
    serving = f"{tally.requests} requests, {len(tally.failures)} failed"
    for name, row in rows.items():
        found = re.search(f"{re.escape(row.where)}.*{row.says}", said, re.DOTALL)
        assert found, said
        if row.problem:
            assert_advice(said, row.problem, row.where)
        record_property("faults", f"{name:<46}{serving:<26}{' '.join(found.group().split())[-90:]}")


def test_a_dead_client_holds_back_nothing_but_a_certificate(world: World) -> None:
    three = world.hosts.clients["three"]
    clients = world.stack.settings["clients"]
    before = containers(f"private-registry-{NAME}")
    with (
        world.stack.altered("nginx_setting"),
        world.configured(
            clients=[*clients, {**three, "port": 2299}],
            limits={"registryMemory": 300, "nginxMemory": 200},
            users=[*world.stack.settings["users"], {"name": "new", "password": "another good one"}],
            certificate=TWO_AUTHORITIES,
        ),
    ):
        said = world.stack.fails()
        assert f"{PREFIX}.13: " in said
        live = world.files / NAME / "proxy"
        assert "secp384r1" not in (live / "site/current/nginx.conf").read_text()
        assert "new:" in (live / "users/current/htpasswd").read_text()
        for host in ("one", "two"):
            assert world.hosts.inside(host, f"grep -c BEGIN {CA}") == "2"
        memory = run(
            ["docker", "inspect", "--format", "{{.HostConfig.Memory}}", *containers(f"private-registry-{NAME}")]
        )
        assert sorted(map(int, memory.split())) == [128 << 20, 200 << 20, 300 << 20]
        assert containers(f"private-registry-{NAME}") == before, "in place, without a restart"
    world.stack.up()


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
        assert f"{PREFIX}.13: " in said
        assert "snapshot integrity" not in said
        world.stack.up()
    assert tally.failures == []


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


def test_a_container_that_was_removed_comes_back(world: World) -> None:
    run(["docker", "rm", "--force", PROXY])
    world.stack.up(refresh=True)
    world.hosts.inside("one", f"curl -sf --cacert {CA} https://registry.test/healthz")


def test_after_all_of_that_nothing_is_left_to_do(world: World) -> None:
    assert world.stack.preview() == []


FOREIGN = {"network": "backend", "volume": "data", "container": "proxy"}
"""Kind -> what the stack's own one is called after."""


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_others_made_is_neither_used_nor_removed(
    world: World, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("foreign")
    foreign = Stack(folder, "foreign", {**world.stack.settings, "clients": [], "httpsPort": 8444})
    name = f"private-registry-foreign-{FOREIGN[kind]}"
    image = [world.images["nginx"], "true"] if kind == "container" else []
    run(["docker", kind, "create", *(["--name"] if image else []), name, *image])
    before = run(["docker", kind, "inspect", name])
    try:
        said = foreign.fails()
        assert f"a {kind} named {name} already exists and was not created by this stack; it was not changed" in said
        foreign.destroy()
        assert run(["docker", kind, "inspect", name]) == before
    finally:
        run(["docker", kind, "rm", name])
