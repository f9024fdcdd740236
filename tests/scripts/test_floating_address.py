"""keepalived with the rendered files, on two servers: who has the floating address, and how soon another one does."""

import ipaddress
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.containers.container import START_SECONDS
from components.floating_address.config import CONFIG, SCRIPT, keepalived_config, question
from components.floating_address.floating_address import CAPABILITIES, NEEDED, PROBE, without_root
from components.proxy.config import DRAINED
from components.scripts.script import script_text
from lab import docker, images
from lab.run import run, succeeds
from tests.scripts.served import WORKER
from tests.unit.authority import issue

PREFIX = f"private-registry-floating-{WORKER}"
PORT = 8443
USER = "10001:10001"
MOST_SECONDS = 10
NGINX = """
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
    client_body_temp_path /tmp/1;
    proxy_temp_path /tmp/2;
    fastcgi_temp_path /tmp/3;
    uwsgi_temp_path /tmp/4;
    scgi_temp_path /tmp/5;
    access_log off;
    server {
        listen 8443 ssl;
        ssl_certificate /files/server.crt;
        ssl_certificate_key /files/server.key;
        location = /healthz {
            if (-f /tmp/drained) { return 503 out; }
            return 200 in;
        }
        location / { return 200 NAME; }
    }
}
"""


@dataclass(frozen=True)
class Server:
    """A container with nginx, which stands for the server, and keepalived on its network."""

    name: str
    address: str

    @property
    def keepalived(self) -> str:
        return f"{self.name}-keepalived"

    def drain(self, out: bool) -> None:
        run(["docker", "exec", self.name, *(["touch"] if out else ["rm"]), DRAINED])

    def cut_power(self) -> None:
        run(["docker", "kill", self.name, self.keepalived])

    def start(self) -> None:
        run(["docker", "start", self.name])
        run(["docker", "start", self.keepalived])

    def has(self, address: str) -> bool:
        return succeeds(["docker", "exec", self.name, "grep", "-qF", address, "/proc/net/fib_trie"])


@dataclass(frozen=True)
class Servers:
    first: Server
    second: Server
    floating: str

    def who(self) -> str:
        """Return who answers at the floating address; nothing where nobody does."""
        url = f"https://{self.floating}:{PORT}/"
        done = subprocess.run(["curl", "-sk", "-m", "0.5", url], capture_output=True, text=True, check=False)
        return done.stdout

    def moved(self, server: Server, seconds: float = MOST_SECONDS) -> float:
        """Wait until a server answers; return after how many seconds."""
        return seconds_until(lambda: self.who() == server.name, seconds)


def seconds_until(is_so: Callable[[], bool], most: float) -> float:
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() - begun < most
        time.sleep(0.05)
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def servers(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    image = images.keepalived()
    names = [f"{PREFIX}-{letter}" for letter in "ab"]
    made = [one for name in names for one in (name, f"{name}-keepalived")]
    run(["docker", "rm", "--force", *made])
    docker.remove_network(PREFIX)
    # Containers can have addresses of our choice only in a network whose own was chosen: one that Docker finds free.
    run(["docker", "network", "create", PREFIX])
    [known] = json.loads(run(["docker", "network", "inspect", "--format", "{{json .IPAM.Config}}", PREFIX]))
    network = ipaddress.ip_network(known["Subnet"])
    docker.remove_network(PREFIX)
    run(["docker", "network", "create", "--subnet", str(network), PREFIX])
    # Docker keeps an address that it was asked for, also while its container is stopped.
    first, second, floating = (str(network[number]) for number in (11, 12, 10))
    both = Servers(Server(names[0], first), Server(names[1], second), floating)
    try:
        for place, server in enumerate((both.first, both.second)):
            folder = tmp_path_factory.mktemp(server.name)
            start_server(server, found_images["nginx"], folder)
            start_keepalived(server, image, folder, both, place)
        yield both
    finally:
        run(["docker", "rm", "--force", *made])
        docker.remove_network(PREFIX)


def start_server(server: Server, image: str, folder: Path) -> None:
    folder.chmod(0o755)
    pair = issue("server", authority=False)
    for name, text in (
        ("nginx.conf", NGINX.replace("NAME", server.name)),
        ("server.crt", pair.pem),
        ("server.key", pair.key_pem()),
    ):
        (folder / name).write_text(text)
    options = ["--detach", "--name", server.name, "--network", PREFIX, "--ip", server.address]
    mount = ["--volume", f"{folder}:/files:ro"]
    command = ["nginx", "-c", "/files/nginx.conf", "-g", "daemon off;"]
    run(["docker", "run", *options, *mount, "--entrypoint", command[0], image, *command[1:]])


def start_keepalived(server: Server, image: str, folder: Path, both: Servers, place: int) -> None:
    addresses = [both.first.address, both.second.address]
    (folder / CONFIG).write_text(keepalived_config(both.floating, addresses, place, "eth0"))
    (folder / SCRIPT).write_text(script_text(Path("components/floating_address") / SCRIPT))
    options = ["--name", server.keepalived, "--network", f"container:{server.name}", "--user", "0:0"]
    options += ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"]
    options += [word for one in CAPABILITIES for word in ("--cap-add", one.removeprefix("CAP_"))]
    options += ["--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=64m"]  # noqa: S108 - the container's own
    options += ["--volume", f"{folder}:/files:ro"]
    asked = question(both.floating, [], PORT, False)
    program, *dropping = without_root(USER)
    started = ["docker", "run", "--detach", *options, "--entrypoint", program, image]
    run([*started, *dropping, "sh", f"/files/{SCRIPT}", *asked])
    seconds_until(lambda: succeeds(["docker", "exec", server.keepalived, *PROBE]), START_SECONDS)


def test_the_address_is_where_nginx_serves(servers: Servers, record_property: Callable[[str, object], None]) -> None:
    first, second = servers.first, servers.second
    took: dict[str, float] = {}
    took["start"] = servers.moved(first)

    first.drain(out=True)
    took["drained"] = servers.moved(second)
    first.drain(out=False)
    # Longer than it takes to count as serving, and to miss what a server of a lower priority says.
    time.sleep(8)
    assert servers.who() == second.name, "it comes back, and takes nothing away"
    assert not first.has(servers.floating)

    second.cut_power()
    took["power off"] = servers.moved(first)
    second.start()
    time.sleep(3)
    assert servers.who() == first.name, "also after a boot"

    run(["docker", "stop", first.keepalived])
    took["keepalived stops"] = servers.moved(second)
    assert not first.has(servers.floating)
    run(["docker", "start", first.keepalived])
    time.sleep(2)

    run(["docker", "kill", second.keepalived])
    took["keepalived killed"] = servers.moved(first)
    assert second.has(servers.floating), "nobody removed it"
    run(["docker", "start", second.keepalived])
    seconds_until(lambda: not second.has(servers.floating), MOST_SECONDS)
    assert servers.who() == first.name

    first.drain(out=True)
    took["drained again"] = servers.moved(second)
    second.drain(out=True)
    took["nobody serves"] = seconds_until(lambda: not servers.who(), MOST_SECONDS)
    second.drain(out=False)
    took["one serves again"] = servers.moved(second)
    for name, seconds in took.items():
        record_property(name, round(seconds, 1))
    print({name: round(seconds, 1) for name, seconds in took.items()})


def test_keepalived_is_no_root_and_has_two_capabilities(servers: Servers) -> None:
    status = run(["docker", "exec", servers.first.keepalived, "cat", "/proc/1/status"])
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert set(fields["Uid"].split()) == {"10001"}
    assert fields["NoNewPrivs"] == "1"
    # The numbers of the kernel: NET_ADMIN and NET_RAW.
    assert len(NEEDED) == 2
    assert {int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {1 << 12 | 1 << 13}
