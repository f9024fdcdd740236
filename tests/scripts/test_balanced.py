"""What several servers and a load balancer in front of them need of nginx. With the real one and its njs."""

import json
import socket
import ssl
import struct
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import bcrypt
import pytest

from components.clients.https_proof import Asked, NotServed, prove
from components.proxy import config as nginx
from components.proxy.login.htpasswd import Login
from lab import docker
from lab.run import run
from tests.client import PASSWORD, Client
from tests.e2e.load import Connection
from tests.scripts.served import Served, edited

USERS = {"ci": Login([bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()], "push", ["*"])}
KEY, OTHER_KEY = "ab" * 32, "cd" * 32
IMAGE = "/v2/app/manifests/v1"


@pytest.fixture(scope="module")
def client(served: Served) -> Client:
    client = served.client()
    client.push("ci", "app")
    return client


def token_of(client: Client) -> str:
    return str(json.loads(client.send("ci", "GET", "/token").body)["token"])


def status(client: Client, token: str) -> int:
    return client.send("", "GET", IMAGE, Authorization=f"Bearer {token}").status


def test_a_token_counts_at_each_server_with_the_same_key(served: Served, client: Client) -> None:
    another = served.start_another()
    drawn = token_of(client)
    assert (status(client, drawn), status(another, drawn)) == (200, 401)

    served.place("site", nginx.TOKEN_KEY, f"{KEY}\n")
    served.place("another", nginx.TOKEN_KEY, f"{KEY}\n")
    served.reload()
    shared, from_another = token_of(client), token_of(another)
    assert (status(client, shared), status(another, shared)) == (200, 200)
    assert status(client, from_another) == 200
    assert status(client, drawn) == 200, "it is from before there were several servers"

    served.place("another", nginx.TOKEN_KEY, f"{OTHER_KEY}\n")
    assert (status(another, shared), status(client, token_of(another))) == (401, 401)

    served.remove("site", nginx.TOKEN_KEY)
    served.reload()
    assert (status(client, shared), status(client, drawn)) == (200, 200), "there is one server again"
    assert status(another, token_of(client)) == 401


def asked(client: Client, request: str, name: str | None = None) -> tuple[int, str]:
    """Ask as a load balancer does: by an address, with a request that names no host, or another one."""
    context = ssl.create_default_context(cadata=client.authority)
    context.check_hostname = False
    with (
        socket.create_connection((client.address, client.port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as sent,
    ):
        sent.sendall(f"{request}\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: sent.recv(4096), b"")).decode().partition("\r\n\r\n")
        return int(head.split()[1]), body


def test_a_load_balancer_learns_whether_clients_are_to_come(served: Served, client: Client) -> None:
    def health() -> tuple[int, str]:
        return asked(client, "GET /healthz HTTP/1.0")

    proxy = served.container("proxy")
    assert health() == (200, "in\n")
    assert asked(client, "HEAD /healthz HTTP/1.0") == (200, "")
    assert asked(client, f"GET /healthz HTTP/1.1\r\nHost: {client.address}\r\nConnection: close") == (200, "in\n")
    assert asked(client, "GET /healthz HTTP/1.0\r\nHost: other.test", "other.test") == (200, "in\n")

    run(["docker", "exec", proxy, "touch", nginx.DRAINED])
    assert health() == (503, "out\n")
    assert client.send("ci", "GET", IMAGE).status == 200, "clients that come all the same are served"
    run(["docker", "exec", proxy, "rm", nginx.DRAINED])
    assert health() == (200, "in\n")

    run(["docker", "pause", served.container("registry")])
    try:
        began = time.monotonic()
        assert health() == (503, "the registry does not answer\n")
        assert time.monotonic() - began < 4.5, "load balancers do not wait for long"
    finally:
        run(["docker", "unpause", served.container("registry")])
    config = (served.folder / "site/current/nginx.conf").read_text()
    served.place("site", "nginx.conf", edited(config, [(f"server {served.upstream[0]}:", "server 127.0.0.1:")]))
    served.reload()
    assert health() == (503, "the registry does not answer\n"), "there is nothing that listens"
    served.place("site", "nginx.conf", config)
    served.reload()
    assert health() == (200, "in\n")


def test_what_load_balancers_ask_is_not_in_the_log(served: Served) -> None:
    client = served.client("192.0.2.77")
    for _ in range(3):
        assert client.send("", "GET", "/healthz").status == 200
    client.send("", "GET", "/v2/")
    assert [line["status"] for line in logged(served, "192.0.2.77")] == [401]


def logged(served: Served, address: str, count: int = 1) -> list[dict[str, object]]:
    """Return the lines of an address, once there are so many: nginx writes each second."""
    deadline = time.monotonic() + 5
    while len(found := [line for line in _lines(served) if line["address"] == address]) < count:
        assert time.monotonic() < deadline, (address, found)
        time.sleep(0.1)
    return found


def _lines(served: Served) -> list[dict[str, object]]:
    return [json.loads(line) for line in served.logged("proxy").splitlines() if line.startswith("{")]


@dataclass(frozen=True)
class Balanced(Client):
    """A client behind a load balancer, which is this machine."""

    header: bytes = b""
    """What the load balancer sends before anything of the client's."""

    def connected(self) -> Connection:
        connection = Connection("registry.test", self.address, self.authority, keep=False)
        plain = socket.create_connection((self.address, self.port), timeout=10)
        plain.sendall(self.header)
        context = ssl.create_default_context(cadata=self.authority)
        connection.sock = context.wrap_socket(plain, server_hostname="registry.test")
        return connection


def version_1(address: str) -> bytes:
    return f"PROXY TCP{6 if ':' in address else 4} {address} {address} 4000 443\r\n".encode()


def version_2(address: str) -> bytes:
    """Return the header in binary: with an address, or without one, as of the load balancer's own checks."""
    start = b"\r\n\r\n\0\r\nQUIT\n"
    if not address:
        return start + struct.pack("!BBH", 0x20, 0, 0)
    packed = socket.inet_aton(address)
    return start + struct.pack("!BBH4s4sHH", 0x21, 0x11, 12, packed, packed, 4000, 443)


def is_answered(client: Client, header: bytes) -> bool:
    """Tell whether nginx goes on with a handshake of TLS after a header."""
    sent = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="registry.test").do_handshake()
    with socket.create_connection((client.address, client.port), timeout=10) as plain, suppress(ConnectionError):
        plain.sendall(header + sent.read())
        return plain.recv(1) != b""
    return False


@pytest.fixture
def balanced(served: Served, client: Client) -> Iterator[str]:
    """Let nginx take the addresses of clients from this machine, which is its network's gateway; yield that."""
    folder = served.folder
    before = {name: (folder / name).read_text() for name in ("tls/current/listen.conf", "site/current/access.js")}
    gateway = docker.gateway(served.network)
    served.place("tls", "listen.conf", nginx.tls_listener(balancers=[gateway, "192.0.2.0/24"]))
    quick = [("REFUSAL_MS = 1000", "REFUSAL_MS = 20"), ("LOCKED_MS = 3000", "LOCKED_MS = 60")]
    served.place("site", "access.js", edited(before["site/current/access.js"], quick))
    served.reload()
    yield gateway
    for name, text in before.items():
        bundle, _, file = name.partition("/current/")
        served.place(bundle, file, text)
    served.reload()


def test_a_client_behind_a_load_balancer_has_its_own_address(served: Served, client: Client, balanced: str) -> None:
    def behind(header: bytes) -> Balanced:
        return Balanced(client.authority, client.address, client.port, header=header)

    def guess(one: Client, number: int) -> int:
        wrong = b64encode(f"ci:wrong {number}".encode()).decode()
        return one.send("", "GET", "/v2/", Authorization=f"Basic {wrong}").status

    first, second = behind(version_1("203.0.113.5")), behind(version_2("203.0.113.6"))
    assert [guess(first, number) for number in range(11)] == [401] * 10 + [429]
    assert guess(second, 0) == 401, "another client of the same load balancer"
    assert [line["status"] for line in logged(served, "203.0.113.6")] == [401]
    assert logged(served, "203.0.113.5")
    sixth = behind(version_1("2001:db8::7"))
    assert sixth.send("ci", "GET", IMAGE).status == 200
    assert logged(served, "2001:db8::7")
    for header in (version_2(""), b"PROXY UNKNOWN\r\n"):
        assert behind(header).send("", "GET", "/healthz").status == 200, "what the load balancer itself asks"
    starts = (version_1("203.0.113.5"), b"", b"PROXY nonsense\r\n")
    assert [is_answered(client, header) for header in starts] == [True, False, False]
    assert not [line for line in _lines(served) if line["address"] == balanced]
    is_served = ". components/proxy/nginx.sh; directory=$0 container=$1 https=$2 renewed=; is_served"
    run(["dash", "-c", is_served, f"{served.folder}/tls", served.container("proxy"), nginx.HTTPS_URL])


def test_a_server_proves_itself_where_it_waits_for_a_load_balancer(client: Client, balanced: str) -> None:
    place = (client.address, client.port)
    behind = Asked(place, "registry.test", client.authority, "ci", PASSWORD, is_behind_balancer=True)
    assert prove(behind, "behind\n").startswith("trusted, 401 without a login, logged in, pushed, pulled sha256:")
    with pytest.raises(NotServed):
        prove(replace(behind, is_behind_balancer=False), "straight\n")


def test_a_client_that_is_no_load_balancer_can_not_choose_its_address(
    served: Served, client: Client, balanced: str
) -> None:
    def from_elsewhere(script: str) -> subprocess.CompletedProcess[str]:
        """Ask by curl from the login's container, which is not listed."""
        curl = f"curl -sk -o /dev/null -w '%{{http_code}} ' --max-time 5 https://{client.address}:{client.port}/v2/"
        command = ["docker", "exec", served.container("login"), "sh", "-c", script.replace("CURL", curl)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    refused = from_elsewhere("CURL")
    assert refused.returncode != 0, "it sends no header, as clients do that connect to the server itself"
    claimed = "for n in $(seq 11); do CURL --haproxy-protocol --haproxy-clientip 198.51.100.$n -u ci:wrong$n; done"
    assert from_elsewhere(claimed).stdout.split() == ["401"] * 10 + ["429"]
    assert len(logged(served, served.address("login"), 11)) == 11
    assert not [line for line in _lines(served) if str(line["address"]).startswith("198.51.100.")]
