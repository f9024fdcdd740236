"""Every row of the table of problems is provoked for real, and its advice is printed with the resource that failed.

What can go wrong while the registry serves is provoked in test_faults.py.
Costs 20 updates, 6 previews and a removal, and five hosts.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pulumi.automation as auto
import pytest

from components.troubleshooting import PROBLEMS
from lab import hosts
from lab.run import run
from tests.e2e.advice import assert_advice
from tests.e2e.conftest import settings
from tests.e2e.hosts import PREFIX, PREFIX6, Hosts
from tests.e2e.stack import SERVER_FILES, Stack, write_secret
from tests.e2e.test_faults import FAULTS
from tests.unit.conftest import HOST_KEY, SSH_KEY

CERTS_D, UPDATE = "/etc/docker/certs.d", "/usr/sbin/update-ca-certificates"
DIGEST = "0" * 64
provoked: set[str] = set()


def advised(said: str, key: str, where: str = "") -> None:
    """Assert that a run failed with a problem's message and advice, and take note of it."""
    assert_advice(said, key, where)
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
    "hosts-entry": f"{PREFIX6}::23",
    "read-only": f"{PREFIX}.11",
}


STORES = {"store-unknown": f"{PREFIX}.14", "store-failed": f"{PREFIX}.15"}
"""What is wrong with the trust store of a client whose folder for Docker fails too."""


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
    """Damage hosts in the ways that hosts are damaged; repair them afterwards."""
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
    client_hosts.inside("stranger", f"mv {UPDATE} {UPDATE}.away")
    client_hosts.inside("server", f"mv {UPDATE} {UPDATE}.away; ln -s /bin/false {UPDATE}")
    client_hosts.inside(
        "three",
        f"ip -6 addr add {UNREACHABLE['hosts-entry']}/64 dev eth0 nodad;"
        "mount --bind /etc/hosts /etc/hosts && mount -o remount,bind,ro /etc/hosts",
    )
    try:
        yield
    finally:
        client_hosts.inside("three", "rm /etc/sudoers.d/test; userdel --remove asked; userdel --remove terminal")
        client_hosts.inside("two", "kill $(cat /run/angry-sshd.pid)")
        client_hosts.inside("two", "ip6tables -D INPUT -p tcp --dport 2298 -j DROP")
        client_hosts.inside("stranger", f"umount {CERTS_D} && rmdir {CERTS_D}")
        client_hosts.inside("one", "umount /etc/docker")
        client_hosts.inside("three", "umount /etc/hosts")
        for host in ("stranger", "server"):
            client_hosts.inside(host, f"mv {UPDATE}.away {UPDATE}")
        client_hosts.inside("server", f"rm -r {CERTS_D}; mv /usr/bin/sudo.away /usr/bin/sudo")


@pytest.fixture(scope="module")
def make(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Stack]]:
    """Return a function that makes a stack, which is taken away in the end."""
    with ExitStack() as stacks:

        def new(name: str, env: dict[str, str] | None = None, **changes: Any) -> Stack:
            made = Stack(tmp_path_factory.mktemp(name), name, settings(found_images, client_hosts), env)
            made.configure(deleteData=True, **changes)
            return stacks.enter_context(made)

        yield new


@pytest.fixture(scope="module")
def unreachable(make: Callable[..., Stack], client_hosts: Hosts) -> str:
    """Return what an update says of clients that it can't reach or write to."""
    key = client_hosts.clients["one"]["privateKeyFile"]
    names = {host.address: host.name for host in client_hosts.network.hosts} | {
        client_hosts.network.address6(host): host.name for host in client_hosts.network.hosts
    }
    names |= {UNREACHABLE["ssh-dropped"]: "two", UNREACHABLE["hosts-entry"]: "three"}

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
        client("hosts-entry", hostsEntry=client_hosts.network.gateway),
        *map(client, ("name-unknown", "read-only")),
        *(client(problem, runtimes=["docker", "system"]) for problem in ("disk-full", "foreign-file")),
    ]
    with damaged_hosts(client_hosts):
        stack = make("unreachable", clients=clients, verification=False)
        said = stack.fails()
    stack.configure(clients=[])
    stack.destroy()
    return said


@pytest.mark.parametrize("key", UNREACHABLE)
def test_a_client_that_can_not_be_reached_or_written_to(unreachable: str, key: str) -> None:
    advised(unreachable, key, UNREACHABLE[key])


@pytest.mark.parametrize("key", STORES)
def test_a_client_whose_trust_store_can_not_be_made(unreachable: str, key: str) -> None:
    advised(unreachable, key, STORES[key])


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
            {**server, "runtimes": ["docker", "system"]},
        ],
    )
    behind = '#!/bin/sh\nexec faketime -f -2d curl.away "$@"\n'
    client_hosts.inside(
        "one", "mv /usr/bin/curl /usr/bin/curl.away; cat > /usr/bin/curl; chmod 755 /usr/bin/curl", behind
    )
    # What is asked of the registry, in the proof and before an authority goes, is asked past a proxy.
    client_hosts.inside("one", "echo 'proxy = http://127.0.0.1:9' > /root/.curlrc")
    client_hosts.inside("stranger", "mv /usr/bin/curl /usr/bin/curl.away")
    client_hosts.inside("server", "mv /run/docker.sock /run/docker.sock.away")
    elsewhere = (
        '#!/bin/sh\nexec curl.away "$@" --capath / --cacert /usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt\n'
    )
    client_hosts.inside(
        "server", "mv /usr/bin/curl /usr/bin/curl.away; cat > /usr/bin/curl; chmod 755 /usr/bin/curl", elsewhere
    )
    try:
        said = stack.fails()
    finally:
        for name in ("one", "stranger", "server"):
            client_hosts.inside(name, "mv /usr/bin/curl.away /usr/bin/curl")
        client_hosts.inside("server", "mv /run/docker.sock.away /run/docker.sock")
    return stack, said


@pytest.mark.parametrize("key", UNPROVEN)
def test_a_client_that_can_not_prove_itself(unproven: tuple[Stack, str], key: str) -> None:
    advised(unproven[1], key, UNPROVEN[key])


def test_a_client_that_reads_another_store(unproven: tuple[Stack, str]) -> None:
    advised(unproven[1], "store-unread", f"{PREFIX}.15")


@contextmanager
def proxy_of_docker(client_hosts: Hosts, host: str) -> Iterator[None]:
    """Give a host's Docker a proxy that goes nowhere; afterwards, name the registry as an exception."""
    proxies = {"https-proxy": "http://127.0.0.1:9"}
    restart_docker(client_hosts, host, proxies)
    try:
        yield
    finally:
        restart_docker(client_hosts, host, {**proxies, "no-proxy": "localhost,.internal,registry.test"})


def restart_docker(client_hosts: Hosts, host: str, proxies: dict[str, str]) -> None:
    """Restart a host with proxies in its Docker's configuration; it keeps its hosts file, as real ones do."""
    client_hosts.inside(host, "cat > /etc/docker/daemon.json", json.dumps({"proxies": proxies}))
    kept = client_hosts.inside(host, "cat /etc/hosts")
    run(["docker", "restart", client_hosts.container(host)])
    client_hosts.inside(host, "until docker version && [ -e /run/sshd.pid ]; do sleep 0.2; done > /dev/null 2>&1")
    client_hosts.inside(host, "cat > /etc/hosts", f"{kept}\n")


def test_a_client_that_trusts_anyway_and_one_whose_docker_asks_a_proxy(
    unproven: tuple[Stack, str], client_hosts: Hosts
) -> None:
    stack, _ = unproven
    store = "/usr/local/share/ca-certificates/registry.crt"
    client_hosts.inside("one", f"cp {CERTS_D}/registry.test/ca.crt {store} && update-ca-certificates")
    stack.settings["clients"][2]["hostsEntry"] = client_hosts.network.gateway
    try:
        with proxy_of_docker(client_hosts, "three"):
            said = stack.fails()
    finally:
        client_hosts.inside("one", f"rm {store} && update-ca-certificates --fresh")
    advised(said, "trusted-anyway", f"{PREFIX}.11")
    advised(said, "docker-proxy", f"{PREFIX}.13")


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
    first = next(client for client in stack.settings["clients"] if client["host"] == f"{PREFIX}.11")
    stack.configure(certificate={"authorities": ["next"]})
    first["login"] = "ci"
    client_hosts.inside("two", "mv /usr/bin/curl /usr/bin/curl.away")
    config = "/root/.docker/config.json"
    client_hosts.inside("one", f'umask 077 && mkdir -p /root/.docker && echo \'{{"credsStore": "pass"}}\' > {config}')
    try:
        said = stack.fails()
    finally:
        client_hosts.inside("two", "mv /usr/bin/curl.away /usr/bin/curl")
        client_hosts.inside("one", f"rm {config}")
    stack.configure(certificate=good)
    del first["login"]
    advised(said, "login-refused", f"{PREFIX}.11")
    advised(said, "authority-needed", f"{PREFIX}.11")
    advised(said, "authority-unsure", f"{PREFIX}.12")
    stack.up()
    assert stack.preview() == []


def test_an_image_can_not_be_pulled(
    unproven: tuple[Stack, str], make: Callable[..., Stack], client_hosts: Hosts
) -> None:
    """One is nowhere, and one is behind a login: in the registry of another stack."""
    login = "docker login -u ci --password-stdin registry.test"
    password = str(unproven[0].settings["users"][0]["password"])
    name = "registry.test/mirror/registry:3"
    client_hosts.inside("one", login, password)
    pushed = client_hosts.inside("one", f"tar -C /etc -c hostname | docker import - {name} && docker push {name}")
    mirrored = f"{name}@{re.findall(r'sha256:[0-9a-f]{64}', pushed)[-1]}"
    stack = make(
        "mirrored",
        dockerHost=f"ssh://root@{PREFIX}.15",
        dockerHostAccess={
            "hostKey": hosts.host_key(client_hosts.network, client_hosts.host("server")),
            "privateKeyFile": client_hosts.clients["one"]["privateKeyFile"],
        },
        images={"registry": mirrored, "nginx": f"127.0.0.1:9/nginx:1@sha256:{DIGEST}"},
    )
    said = stack.fails()
    advised(said, "image-login", "registry-registry-image")
    advised(said, "image-pull", "registry-proxy-image")
    client_hosts.inside("server", login, password)
    assert f"unable to pull image {name}" not in stack.fails(), "the advice helps"
    client_hosts.inside("server", f"docker image inspect {mirrored}")


@pytest.fixture(scope="module")
def server(make: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Return a stack on this machine without clients, where Docker gives each container a proxy that goes nowhere."""
    config = tmp_path_factory.mktemp("docker")
    proxies = {"httpProxy": "http://127.0.0.1:9", "httpsProxy": "http://127.0.0.1:9"}
    (config / "config.json").write_text(json.dumps({"proxies": {"default": proxies}}))
    return make("server", {"DOCKER_CONFIG": str(config)}, httpsPort=8443)


def test_a_name_is_taken(server: Stack) -> None:
    run(["docker", "network", "create", "private-registry-server-backend"])
    try:
        advised(server.fails(), "name-taken", "registry-registry-network")
    finally:
        run(["docker", "network", "rm", "private-registry-server-backend"])
    server.up()
    assert server.preview() == []


def test_an_image_of_nginx_has_no_njs(server: Stack, found_images: dict[str, str]) -> None:
    recipe = f"FROM {found_images['nginx']}\nRUN find / -xdev -name ngx_http_js_module.so -delete\n"
    image = run(["docker", "build", "--quiet", "-"], stdin=recipe)
    server.configure(images={"registry": found_images["registry"], "nginx": image})
    try:
        advised(server.fails(), "nginx-without-njs", "registry-proxy-site")
    finally:
        server.configure(images={name: found_images[name] for name in ("registry", "nginx")})
        run(["docker", "image", "rm", "--force", image])


def test_a_container_can_not_be_started(server: Stack) -> None:
    users = SERVER_FILES / "server/proxy/users"
    run(["docker", "stop", "private-registry-server-login"])
    users.rename(users.with_name("away"))
    try:
        advised(server.fails(), "container-down", "registry")
    finally:
        users.with_name("away").rename(users)
    run(["docker", "rm", "--force", "private-registry-server-login"])
    advised(server.fails(), "container-gone", "registry")
    server.up(refresh=True)
    assert server.preview() == []


@pytest.mark.parametrize("key", ["docker-over-ssh", "docker-host-key", "docker-login"])
def test_the_server_is_another_machine(make: Callable[..., Stack], client_hosts: Hosts, key: str) -> None:
    new_user(client_hosts, "server", "svc.nodocker")
    access = {
        "hostKey": hosts.host_key(client_hosts.network, client_hosts.host("server")),
        "privateKeyFile": client_hosts.clients["one"]["privateKeyFile"],
    }
    stack = make(key, dockerHost=f"ssh://svc.nodocker@{PREFIX}.15", dockerHostAccess=access)
    if key == "docker-host-key":
        stack.configure(dockerHostAccess={**access, "hostKey": HOST_KEY})
    if key == "docker-login":
        write_secret(stack.folder / "other", SSH_KEY)
        stack.configure(dockerHostAccess={**access, "privateKeyFile": "other"})
    said = stack.fails()
    client_hosts.inside("server", "userdel --remove svc.nodocker")
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


def test_settings_are_too_long_for_one_variable(server: Stack) -> None:
    before = server.settings.get("clients")
    server.configure(clients=[{"host": f"build-{number}.{'x' * 60}.test", "local": True} for number in range(1500)])
    advised(server.fails(), "settings-too-long")
    server.configure(clients=before)


def test_every_row_of_the_table_was_provoked() -> None:
    by_faults = {fault.problem for fault in FAULTS.values()} - {""}
    assert provoked.isdisjoint(by_faults), "each costs an update"
    # What a bucket refuses is provoked in tests/scripts/test_bucket.py, what an ACME authority in test_acme.py there,
    # and what one of several servers does wrong in tests/unit/test_https_proof.py.
    elsewhere = ("bucket-", "acme-", "servers-")
    assert provoked | by_faults == {problem.key for problem in PROBLEMS if not problem.key.startswith(elsewhere)}
