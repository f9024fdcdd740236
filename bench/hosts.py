"""Many hosts to place files on: addresses with sshd and an /etc of their own, some tens of them in one container."""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.docker import PREFIX, make_network, remove
from lab import debian, images
from lab.run import LabError, run

GATEWAY = "172.30.64.1"
"""This machine on the bridge."""
MOST = 1001
"""So many hosts are started at most."""
_SUBNET = "172.30.64.0/21"
_FOLDER = Path(__file__).parent
_IMAGE = images.Built(
    ("host.sh", "start-host", "make-places", "at-address", "sshd.conf"),
    {"mmdebstrap": "mmdebstrap"},
    ('CMD ["/usr/local/sbin/start-host"]',),
    "40 s",
    _FOLDER,
)
_IN_ONE = 50
"""So many hosts are addresses of one container."""
_AT_ONCE = 4
_NO_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAvgpFn4tvHQzKgXhcVJm9c8pzlGUIq+u8rGYqDoFYTm"
"""What stands for the key of a host that shows none."""
_START_SECONDS = 120
_CONNECTION = re.compile(r"^Connection from \S+ port \d+ on (\S+) port 22\b", re.MULTILINE)


@dataclass(frozen=True)
class Host:
    """One of them."""

    address: str
    container: str
    host_key: str
    """Type and key, as it shows them."""

    def inside(self, command: str) -> str:
        """Run a shell command as root there, past SSH, and return its output."""
        words = {"SSH_CONNECTION": f"- - {self.address} -", "SSH_ORIGINAL_COMMAND": command}
        options = [word for name, value in words.items() for word in ("--env", f"{name}={value}")]
        return run(["docker", "exec", *options, self.container, "/usr/local/sbin/at-address"])


@dataclass(frozen=True)
class Hosts:
    """All of them, and more that answer nobody."""

    healthy: Sequence[Host]
    silent: Sequence[Host]

    def connections(self) -> Counter[str]:
        """Return address -> connections since the last call, as sshd has counted them."""
        found: Counter[str] = Counter()
        for container in {host.container: None for host in self.healthy}:
            take = "cat /var/log/sshd; : > /var/log/sshd"
            found.update(_CONNECTION.findall(run(["docker", "exec", container, "sh", "-c", take])))
        return found


@contextmanager
def started(count: int, silent: int, key: Path) -> Iterator[Hosts]:
    """Start hosts that let in who has a key, which is drawn; remove them in the end.

    Args:
        count: How many answer.
        silent: How many more answer nothing.
        key: Where the key is put.

    Raises:
        LabError: So many have no place on the bridge, or one does not show its key in time.
    """
    if not 1 <= count <= MOST:
        raise LabError(f"{count} hosts: there may be 1 to {MOST}, one more than CLIENTS")
    debian.install("ssh-keyscan", "openssh-client")
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", PREFIX, "-f", key])
    image, public = images.build("bench-host", _IMAGE), key.with_suffix(".pub").read_text().strip()
    remove()
    try:
        make_network(f"{PREFIX}-hosts", "--subnet", _SUBNET, "--gateway", GATEWAY)
        wanted = [_address(number) for number in range(count)]
        parts = {f"{PREFIX}-host-{first}": wanted[first : first + _IN_ONE] for first in range(0, count, _IN_ONE)}
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(lambda name: _start(image, name, parts[name], public), parts))
        # Those in one container have one key.
        keys = _host_keys([part[0] for part in parts.values()])
        healthy = [Host(address, name, keys[part[0]]) for name, part in parts.items() for address in part]
        yield Hosts(healthy, _silent(image, [_address(count + number) for number in range(silent)], public))
    finally:
        remove()


def _silent(image: str, addresses: Sequence[str], public_key: str) -> list[Host]:
    name = f"{PREFIX}-host-silent"
    if addresses:
        _start(image, name, addresses, public_key, "SILENT=1")
    return [Host(address, name, _NO_KEY) for address in addresses]


def _start(image: str, name: str, addresses: Sequence[str], public_key: str, *variables: str) -> None:
    # The hosts file is a mount until the host has taken it off.
    options = ["--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--security-opt", "apparmor=unconfined"]
    said = [f"AUTHORIZED_KEY={public_key}", f"ADDRESSES={' '.join(addresses)}", *variables]
    words = [*options, "--network", f"{PREFIX}-hosts", *(word for one in said for word in ("--env", one))]
    run(["docker", "run", "--detach", "--name", name, *words, image])


def _address(number: int) -> str:
    """Return an address above those that Docker gives to containers."""
    return f"172.30.{65 + number // 250}.{1 + number % 250}"


def _host_keys(addresses: Sequence[str]) -> dict[str, str]:
    """Return address -> key, once all show theirs; the bridge is ours alone, so nobody else answers."""
    deadline = time.monotonic() + _START_SECONDS
    found: dict[str, str] = {}
    while missing := [address for address in addresses if address not in found]:
        if time.monotonic() > deadline:
            raise LabError(f"only {len(found)} of {len(addresses)} hosts show their key after {_START_SECONDS} s")
        # It ends with 1 where one of them does not answer yet.
        words = ["ssh-keyscan", "-t", "ed25519", *missing]
        scan = subprocess.run(words, capture_output=True, text=True, check=False)
        found |= dict(line.split(" ", 1) for line in scan.stdout.splitlines() if not line.startswith("#"))
    return found
