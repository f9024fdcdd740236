"""Every row of the table of problems is provoked for real, and its advice is printed with the resource that failed."""

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pulumi.automation as auto
import pytest

from lab import engine, hosts
from lab.run import run
from tests.e2e.conftest import settings
from tests.e2e.hosts import PREFIX, PREFIX6, Hosts, containers
from tests.e2e.stack import Stack, kill_once_locked, write_secret
from tests.unit.conftest import HOST_KEY, SSH_KEY
from troubleshooting import PROBLEMS

CERTS_D = "/etc/docker/certs.d"
DIGEST = "0" * 64
BY_KEY = {problem.key: problem for problem in PROBLEMS}
provoked: set[str] = set()


def advised(said: str, key: str, where: str = "") -> None:
    """Assert that a run failed with a problem's message, and that what to do was said of the right resource."""
    problem = BY_KEY[key]
    assert re.search(problem.pattern, said, re.DOTALL), said
    if not problem.by_engine:
        assert f"{where}: {problem.advice}" in said, said
    provoked.add(key)


# What is wrong with a client, the trust of which then fails.
UNREACHABLE = {
    "ssh-refused": f"{PREFIX6}::14",
    "ssh-login": f"{PREFIX6}::11",
    "host-key": f"{PREFIX}.12",
    "host-down": f"{PREFIX6}::12",
    "ssh-dropped": f"{PREFIX6}::22",
    "sudo-password": f"{PREFIX}.13",
    "sudo-tty": f"{PREFIX6}::13",
    "name-unknown": "nowhere.invalid",
    "disk-full": f"{PREFIX}.14",
    "foreign-file": f"{PREFIX}.15",
    "sudo-missing": f"{PREFIX6}::15",
    "read-only": f"{PREFIX}.11",
}


def new_user(client_hosts: Hosts, host: str, user: str) -> None:
    """Make a user that may log in as root may."""
    client_hosts.inside(
        host,
        f"useradd --create-home --shell /bin/sh --password '*' {user};"
        f"cp -r /root/.ssh /home/{user}/ && chown -R {user} /home/{user}/.ssh",
    )


def angry_sshd(client_hosts: Hosts, host: str) -> None:
    """Start an SSH server on an address of its own that bears a grudge, and fail to log in until it does."""
    address = UNREACHABLE["ssh-dropped"]
    client_hosts.inside(
        host,
        f"ip -6 addr add {address}/64 dev eth0 nodad;"
        "/usr/sbin/sshd -p 2297 -o PidFile=/run/angry-sshd.pid"
        " -o PerSourcePenalties='noauth:300s authfail:300s min:1s'",
    )
    login = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
    login += ["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentityAgent=none", "-p", "2297", f"nobody@{address}"]
    for _ in range(3):
        subprocess.run(login, capture_output=True, check=False, timeout=20)


@contextmanager
def damaged_hosts(client_hosts: Hosts) -> Iterator[None]:
    """Damage hosts in the ways that hosts are damaged; mend them afterwards."""
    for user in ("asked", "terminal"):
        new_user(client_hosts, "three", user)
    client_hosts.inside(
        "three",
        "printf 'asked ALL=(ALL) ALL\\nterminal ALL=(ALL) NOPASSWD: ALL\\nDefaults:terminal requiretty\\n'"
        " > /etc/sudoers.d/test",
    )
    client_hosts.inside("two", "ip6tables -A INPUT -p tcp --dport 2298 -j DROP")
    angry_sshd(client_hosts, "two")
    client_hosts.inside(
        "stranger", f"mkdir -p {CERTS_D} && mount -t tmpfs -o size=4k tmpfs {CERTS_D}; yes > {CERTS_D}/full || true"
    )
    client_hosts.inside("one", "mkdir -p /etc/docker && mount -t tmpfs -o ro tmpfs /etc/docker")
    client_hosts.inside("server", f"mkdir -p {CERTS_D}/registry.test && echo x > {CERTS_D}/registry.test/ca.crt")
    client_hosts.inside("server", "mv /usr/bin/sudo /usr/bin/sudo.away")
    try:
        yield
    finally:
        client_hosts.inside("three", "rm /etc/sudoers.d/test; userdel --remove asked; userdel --remove terminal")
        client_hosts.inside("two", "kill $(cat /run/angry-sshd.pid)")
        client_hosts.inside("two", "ip6tables -D INPUT -p tcp --dport 2298 -j DROP")
        client_hosts.inside("stranger", f"umount {CERTS_D} && rmdir {CERTS_D}")
        client_hosts.inside("one", "umount /etc/docker")
        client_hosts.inside("server", f"rm -r {CERTS_D}; mv /usr/bin/sudo.away /usr/bin/sudo")


@pytest.fixture(scope="module")
def make(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Stack]]:
    """Return a function that makes a stack, which is destroyed in the end."""
    stacks: list[Stack] = []

    def new(name: str, env: dict[str, str] | None = None, **changes: Any) -> Stack:
        stack = Stack(tmp_path_factory.mktemp(name), name, settings(found_images, client_hosts), env)
        stack.configure(deleteData=True, **changes)
        stacks.append(stack)
        return stack

    yield new
    for stack in stacks:
        stack.destroy()


@pytest.fixture(scope="module")
def unreachable(make: Callable[..., Stack], client_hosts: Hosts) -> str:
    """Return what an update says of clients that it can't reach or write to."""
    key = client_hosts.clients["one"]["privateKeyFile"]
    names = {host.address: host.name for host in client_hosts.network.hosts} | {
        client_hosts.network.address6(host): host.name for host in client_hosts.network.hosts
    }
    names[UNREACHABLE["ssh-dropped"]] = "two"

    def client(problem: str, **changes: Any) -> dict[str, Any]:
        address = UNREACHABLE[problem]
        known = HOST_KEY
        if address in names:
            known = hosts.host_key(client_hosts.network, client_hosts.host(names[address]))
        return {"host": address, "privateKeyFile": key, "hostKey": known, **changes}

    clients = [
        client("ssh-refused", port=2299),
        {key: value for key, value in client("ssh-login", privateKey=SSH_KEY).items() if key != "privateKeyFile"},
        client("host-key", hostKey=HOST_KEY),
        client("host-down", port=2298),
        client("ssh-dropped", port=2297),
        client("sudo-password", user="asked"),
        client("sudo-tty", user="terminal"),
        client("sudo-missing", user="ops"),
        *map(client, ("name-unknown", "disk-full", "foreign-file", "read-only")),
    ]
    with damaged_hosts(client_hosts):
        stack = make("unreachable", clients=clients, verification=False)
        said = stack.fails()
    stack.configure(clients=[])
    stack.destroy()
    return said


@pytest.mark.parametrize("key", UNREACHABLE)
def test_a_client_that_can_not_be_reached_or_written_to(unreachable: str, key: str) -> None:
    advised(unreachable, key, f"registry-trust-{UNREACHABLE[key]}")


UNPROVEN = {
    "clock": f"{PREFIX}.11",
    "name-unresolved": f"{PREFIX}.12",
    "server-unreachable": f"{PREFIX}.13",
    "tool-missing": f"{PREFIX}.14",
    "docker-down": f"{PREFIX}.15",
}


@pytest.fixture(scope="module")
def unproven(make: Callable[..., Stack], client_hosts: Hosts) -> tuple[Stack, str]:
    """Return a stack that serves, and what its update says of clients that can't prove themselves."""
    one, two, three = (client_hosts.clients[name] for name in ("one", "two", "three"))
    stranger, server = (
        {**one, "host": client_hosts.host(name).address, "hostKey": hosts.host_key(client_hosts.network, host)}
        for name, host in ((name, client_hosts.host(name)) for name in ("stranger", "server"))
    )
    stack = make(
        "unproven",
        clients=[
            one,
            {key: value for key, value in two.items() if key != "hostsEntry"},
            {**three, "hostsEntry": client_hosts.host("three").address},
            stranger,
            server,
        ],
    )
    behind = '#!/bin/sh\nexec faketime -f -2d curl.away "$@"\n'
    client_hosts.inside(
        "one", "mv /usr/bin/curl /usr/bin/curl.away; cat > /usr/bin/curl; chmod 755 /usr/bin/curl", behind
    )
    client_hosts.inside("stranger", "mv /usr/bin/curl /usr/bin/curl.away")
    client_hosts.inside("server", "mv /run/docker.sock /run/docker.sock.away")
    try:
        said = stack.fails()
    finally:
        for name in ("one", "stranger"):
            client_hosts.inside(name, "mv /usr/bin/curl.away /usr/bin/curl")
        client_hosts.inside("server", "mv /run/docker.sock.away /run/docker.sock")
    return stack, said


@pytest.mark.parametrize("key", UNPROVEN)
def test_a_client_that_can_not_prove_itself(unproven: tuple[Stack, str], key: str) -> None:
    advised(unproven[1], key, f"registry-verification-{UNPROVEN[key]}")


def test_a_client_that_trusts_anyway(unproven: tuple[Stack, str], client_hosts: Hosts) -> None:
    store = "/usr/local/share/ca-certificates/registry.crt"
    client_hosts.inside("one", f"cp {CERTS_D}/registry.test/ca.crt {store} && update-ca-certificates")
    try:
        advised(unproven[0].fails(), "trusted-anyway", f"registry-verification-{PREFIX}.11")
    finally:
        client_hosts.inside("one", f"rm {store} && update-ca-certificates --fresh")


def test_when_all_is_mended_an_update_repairs_the_rest(unproven: tuple[Stack, str], client_hosts: Hosts) -> None:
    stack, _ = unproven
    for client in stack.settings["clients"]:
        client["hostsEntry"] = client_hosts.network.gateway
    stack.up()
    assert len(stack.outputs()["verification"]) == 5
    assert stack.preview() == []


def test_an_authority_is_dropped_that_is_needed(unproven: tuple[Stack, str], client_hosts: Hosts) -> None:
    stack, _ = unproven
    good = stack.settings.get("certificate")
    stack.configure(certificate={"authorities": ["next"]})
    client_hosts.inside("two", "mv /usr/bin/curl /usr/bin/curl.away")
    try:
        said = stack.fails()
    finally:
        client_hosts.inside("two", "mv /usr/bin/curl.away /usr/bin/curl")
    stack.configure(certificate=good)
    advised(said, "authority-needed", f"registry-trust-{PREFIX}.11")
    advised(said, "authority-unsure", f"registry-trust-{PREFIX}.12")
    stack.up()
    assert stack.preview() == []


@pytest.fixture(scope="module")
def server(make: Callable[..., Stack]) -> Stack:
    """Return a stack on this machine without clients."""
    return make("server", httpsPort=8443)


def test_docker_is_not_running(make: Callable[..., Stack]) -> None:
    stack = make("down", {"DOCKER_HOST": "unix:///run/nobody-listens.sock"})
    advised(stack.fails(), "docker-down", "registry-registry-network")


def test_a_name_is_taken(server: Stack) -> None:
    run(["docker", "network", "create", "private-registry-server-backend"])
    try:
        advised(server.fails(), "name-taken", "registry-registry-network")
    finally:
        run(["docker", "network", "rm", "private-registry-server-backend"])


def test_an_image_is_missing(server: Stack) -> None:
    good = server.settings["images"]
    server.configure(images={**good, "registry": f"sha256:{DIGEST}"})
    said = server.fails()
    server.configure(images=good)
    advised(said, "image-missing", "registry-registry-config")


def test_an_image_can_not_be_pulled(server: Stack) -> None:
    good = server.settings["images"]
    server.configure(images={**good, "nginx": f"127.0.0.1:9/nginx:1@sha256:{DIGEST}"})
    said = server.fails()
    server.configure(images=good)
    advised(said, "image-pull", "registry-proxy-image")


def test_the_address_is_not_the_servers(server: Stack) -> None:
    good = server.settings["bindAddress"]
    server.configure(bindAddress="192.0.2.1")
    said = server.fails()
    server.configure(bindAddress=good)
    advised(said, "bind-address", "registry-proxy-address")


def test_the_port_is_taken(server: Stack) -> None:
    with socket.create_server((server.settings["bindAddress"], 8443)):
        advised(server.fails(), "port-taken", "registry-proxy-container")
    server.up()
    assert server.preview() == []


def test_the_registry_does_not_start(server: Stack) -> None:
    serving = containers("private-registry-server-registry")
    with server.edited("rendering/templates/registry.yml.j2", "version: 0.1", "version: 7"):
        advised(server.fails(), "registry-refuses", "registry-registry-config")
    assert containers("private-registry-server-registry") == serving


def test_a_container_does_not_get_healthy(server: Stack) -> None:
    serving = containers("private-registry-server-registry")
    with (
        server.edited("components/registry.py", '127.0.0.1:{PORT}/"]', '127.0.0.1:1/"]'),
        server.edited("components/container.py", "START_SECONDS = 60", "START_SECONDS = 10"),
    ):
        advised(server.fails(), "container-ends", "registry-registry-healthy")
    assert serving.items() <= containers("private-registry-server-registry").items(), "what served still serves"
    server.up()
    assert len(containers("private-registry-server-registry")) == 1


def test_nginx_refuses_its_configuration(server: Stack) -> None:
    with server.edited("rendering/templates/nginx.conf.j2", "http2 on;", "http9 on;"):
        advised(server.fails(), "nginx-refuses", "registry-proxy-site")


def test_an_image_of_nginx_has_no_njs(server: Stack, found_images: dict[str, str]) -> None:
    recipe = f"FROM {found_images['nginx']}\nRUN find / -xdev -name ngx_http_js_module.so -delete\n"
    image = run(["docker", "build", "--quiet", "-"], stdin=recipe)
    server.configure(images={"registry": found_images["registry"], "nginx": image})
    try:
        advised(server.fails(), "nginx-without-njs", "registry-proxy-site")
    finally:
        server.configure(images={name: found_images[name] for name in ("registry", "nginx")})
        run(["docker", "image", "rm", "--force", image])


def test_nginx_does_not_load_what_it_accepts(server: Stack) -> None:
    proxy = "private-registry-server-proxy"
    run(["docker", "exec", "--detach", proxy, "busybox", "httpd", "-f", "-p", "127.0.0.1:8079", "-h", "/etc"])
    with server.edited("rendering/templates/nginx.conf.j2", "listen unix", "listen 127.0.0.1:8079; listen unix"):
        advised(server.fails(), "nginx-not-loaded", "registry-proxy-site")
    run(["docker", "exec", proxy, "busybox", "killall", "busybox"])
    server.up()
    assert server.preview() == []


@pytest.mark.parametrize("key", ["docker-over-ssh", "docker-host-key", "docker-login"])
def test_the_server_is_another_machine(make: Callable[..., Stack], client_hosts: Hosts, key: str) -> None:
    new_user(client_hosts, "server", "nodocker")
    access = {
        "hostKey": hosts.host_key(client_hosts.network, client_hosts.host("server")),
        "privateKeyFile": client_hosts.clients["one"]["privateKeyFile"],
    }
    stack = make(key, dockerHost=f"ssh://nodocker@{PREFIX}.15", dockerHostAccess=access)
    if key == "docker-host-key":
        stack.configure(dockerHostAccess={**access, "hostKey": HOST_KEY})
    if key == "docker-login":
        write_secret(stack.folder / "other", SSH_KEY)
        stack.configure(dockerHostAccess={**access, "privateKeyFile": "other"})
    said = stack.fails()
    client_hosts.inside("server", "userdel --remove nodocker")
    advised(said, key, "registry-registry-network")


def test_what_is_protected_is_not_taken_away(server: Stack) -> None:
    server.configure(protect=True, deleteData=None)
    server.up()
    server.configure(certificate={"authorities": ["another"]})
    with pytest.raises(auto.CommandError) as refused:
        server.preview()
    advised(str(refused.value), "protected")
    server.configure(protect=False, deleteData=True, certificate=None)
    server.up()
    assert server.preview() == []


def test_a_killed_run_leaves_a_lock(server: Stack) -> None:
    command = [engine.pulumi(), "up", "--yes", "--skip-preview", "--non-interactive"]
    kill_once_locked(command, server.folder, server.folder / "backend/.pulumi/locks", server.env)
    said = server.fails()
    advised(said, "locked")
    assert "pulumi cancel" in said, "the command line says what to do"
    server.cancel()
    assert server.preview() == []


def test_the_passphrase_is_another_one(server: Stack) -> None:
    done = subprocess.run(
        [engine.pulumi(), "preview", "--non-interactive"],
        cwd=server.folder,
        env={**os.environ, **server.env, "PULUMI_CONFIG_PASSPHRASE": "another"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    advised(done.stdout + done.stderr, "passphrase")


def test_every_row_of_the_table_was_provoked() -> None:
    assert provoked == set(BY_KEY)
