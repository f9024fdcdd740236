"""Each change of a stack: what its preview lists, which files it changes, and what clients notice under load: nothing.

The tests are one story and run in this order.
Costs 12 updates and a preview, all but two under load, and two hosts.
"""

import hashlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from operations.expiry.served import served
from tests.e2e.conftest import CA, NETWORK, settings
from tests.e2e.hosts import PREFIX, Hosts, containers
from tests.e2e.load import Connection, Load, docker_load
from tests.e2e.stack import SERVER_FILES, Stack, Step

NAME = "changes"
PASSWORD = "correct horse battery"
CLIENTS = {f"{PREFIX}.11": "one", f"{PREFIX}.12": "two"}

Files = set[tuple[str, str]]
"""Host and file."""


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str],
    client_hosts: Hosts,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts, "one", "two")) as stack:
        stack.configure(deleteData=True)
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def load(client_hosts: Hosts) -> Load:
    return Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", PASSWORD, streams=True)


def plan_of(steps: Sequence[Step]) -> set[tuple[str, str]]:
    """Return what is done to each resource, replacements as one."""
    ops = {"create-replacement": "replace", "delete-replaced": "replace"}
    return {(ops.get(step.op, step.op), step.name) for step in steps}


def digests(client_hosts: Hosts) -> dict[tuple[str, str], str]:
    """Return host and file -> digest, of the clients and of the server."""
    found = {}
    for host in CLIENTS.values():
        for line in client_hosts.inside(host, "find /etc/docker /etc/hosts -type f -exec sha256sum {} +").splitlines():
            digest, file = line.split()
            found[host, file] = digest
    folder = SERVER_FILES / NAME
    for path in folder.glob("*/*/current/*"):
        bundle = f"{path.parts[-4]}/{path.parts[-3]}/{path.name}"
        found["server", bundle] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def changed(before: Mapping[tuple[str, str], str], after: Mapping[tuple[str, str], str]) -> Files:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def registry(running: Mapping[str, str]) -> set[str]:
    return {name for name in running if name.startswith(f"private-registry-{NAME}-registry")}


PROVED = {("update", "registry-verification")}
TRUSTED = {("update", "registry-trust")}
USERS = {("update", "registry-proxy-users")}
SITE = {("update", "registry-proxy-site")}
TLS = {("update", "registry-proxy-tls")}
SERVER = ("replace", "registry-certificate-server")
CLAIM = f"{CA.removesuffix('/ca.crt')}/.private-registry-names"
"""Says whose the folder is, and by its digest what was placed there."""
CA_FILES: Files = {(host, file) for host in CLIENTS.values() for file in (CA, CLAIM)}

CI = {"name": "ci", "password": PASSWORD}

CHANGES: dict[str, tuple[dict[str, Any], set[tuple[str, str]], Files]] = {
    "user added": (
        {"users": [CI, {"name": "new", "password": "first password"}]},
        USERS,
        {("server", "proxy/users/htpasswd")},
    ),
    "password changed": (
        {"users": [CI, {"name": "new", "password": "second password"}]},
        USERS,
        {("server", "proxy/users/htpasswd")},
    ),
    "user removed": ({"users": [CI]}, USERS, {("server", "proxy/users/htpasswd")}),
    "server certificate renewed": (
        {"certificate": {"rotation": "again", "keyType": "RSA-2048"}},
        {
            ("create", "registry-certificate-server-again-RSA-2048"),
            ("delete", "registry-certificate-server"),
            SERVER,
            *TLS,
            *PROVED,
        },
        {("server", "proxy/tls/server.crt"), ("server", "proxy/tls/server.key")},
    ),
    "authority added": (
        {"certificate": {"rotation": "again", "keyType": "RSA-2048", "authorities": ["1", "2"]}},
        {("create", "registry-certificate-authority-2"), *TRUSTED, *PROVED},
        CA_FILES,
    ),
    "authority moved first": (
        {"certificate": {"rotation": "again", "keyType": "RSA-2048", "authorities": ["2", "1"]}},
        {SERVER, *TLS, *PROVED},
        {("server", "proxy/tls/server.crt")},
    ),
    "authority dropped": (
        {"certificate": {"rotation": "again", "keyType": "RSA-2048", "authorities": ["2"]}},
        {("delete", "registry-certificate-authority-1"), *TRUSTED, *PROVED},
        CA_FILES,
    ),
    "nginx setting changed": ({}, SITE | PROVED, {("server", "proxy/site/nginx.conf")}),
    "registry memory changed": (
        {"limits": {"registryMemory": 384}},
        {("update", f"private-registry-{NAME}-registry")},
        set(),
    ),
    "registry image replaced": (
        {},
        {
            ("update", "registry-registry-config"),
            ("replace", f"private-registry-{NAME}-registry"),
            ("update", "registry-registry-healthy"),
            ("update", "registry-registry-retire"),
            *SITE,
            *PROVED,
        },
        {("server", "proxy/site/nginx.conf")},
    ),
}
NGINX = (
    {("update", f"registry-proxy-{command}") for command in ("site", "tls", "address", "healthy", "login-healthy")}
    | {("replace", "registry-proxy-container"), ("replace", "registry-proxy-login-container")}
    | PROVED
)
REPLACED = {"registry image replaced"}
RELOADS = {"server certificate renewed", "authority moved first", "nginx setting changed", "registry image replaced"}
"""A worker of nginx that ends tells each client of HTTP/2 to go, also one that has just begun to send."""
MOST_CUT = 5
"""How many that may hit, of five clients, where a change takes one reload or two."""


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_drops_no_request_and_touches_nothing_else(
    stack: Stack,
    client_hosts: Hosts,
    load: Load,
    another: dict[str, str],
    record_property: Callable[[str, object], None],
    change: str,
) -> None:
    changes, plan, files = CHANGES[change]
    stack.configure(**changes)
    if change == "nginx setting changed":
        stack.alter("nginx_setting")
    if change == "registry image replaced":
        stack.configure(images={**stack.settings["images"], "registry": another["registry"]})
    before, running = digests(client_hosts), containers(f"private-registry-{NAME}")
    with load.running() as tally, docker_load(client_hosts.container("two"), "registry.test", "ci", PASSWORD) as said:
        done = stack.up()
    docker_failed = [line for line in said if line.startswith("failed")]
    record_property("load", tally.row(change, said))
    assert tally.failures == []
    assert len(tally.cut) <= (MOST_CUT if change in RELOADS else 0), tally.cut
    assert tally.streamed > 50, "there were streams"
    assert docker_failed == []
    assert tally.requests > 50, "there was a load"
    assert len(said) > 3, "Docker was at work"

    assert changed(before, digests(client_hosts)) == files
    after = containers(f"private-registry-{NAME}")
    if change in REPLACED:
        assert registry(after) != registry(running)
        assert len(registry(after)) == 1, "the previous one is gone"
        running, after = ({k: v for k, v in found.items() if k not in registry(found)} for found in (running, after))
    assert after == running, "no other container was replaced or restarted"
    if change == "server certificate renewed":
        assert isinstance(served(f"https://{NETWORK.gateway}")[0].public_key(), rsa.RSAPublicKey)
    # Were something of the change before left to do, it would be among this one's steps.
    assert plan_of(done) == plan


def test_another_nginx_leaves_a_gap_that_is_measured(
    stack: Stack, client_hosts: Hosts, another: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    """It owns the port, so that the new one can't start beside the old one."""
    authority = client_hosts.inside("one", f"cat {CA}")
    served: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            connection = Connection("registry.test", NETWORK.gateway, authority, False)
            # Who waits longer sends the first packet again after 1, 3 and 7 seconds, and would see a longer gap.
            connection.timeout = 0.5
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    served.append(time.monotonic())
            connection.close()
            time.sleep(0.01)

    stack.configure(images={**stack.settings["images"], "nginx": another["nginx"]})
    before = digests(client_hosts)
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        done = stack.up()
    finally:
        stop.set()
        asking.join()
    assert plan_of(done) == NGINX, "and nothing of the changes before"
    gap = max(later - earlier for earlier, later in pairwise(served))
    record_property("gap", f"{gap:.1f} s between two answers, of {len(served)}")
    assert changed(before, digests(client_hosts)) == set()
    assert stack.preview() == []
