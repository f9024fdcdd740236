"""Many hosts to place files on: containers with sshd and nothing else, on a bridge of the bench's own."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.docker import PREFIX, make_network, remove
from lab import debian, images
from lab.run import LabError, run

GATEWAY = "172.30.76.1"
"""This machine on the bridge."""
MOST = 200
"""So many addresses are given to hosts at most."""
_FOLDER = Path(__file__).parent
_IMAGE = images.Built(
    ("host.sh", "start-host"), {"mmdebstrap": "mmdebstrap"}, ('CMD ["/usr/local/sbin/start-host"]',), "40 s", _FOLDER
)
_AT_ONCE = 4
_START_SECONDS = 120


@dataclass(frozen=True)
class Host:
    """One of them."""

    address: str
    host_key: str
    """Type and key, as it shows them."""

    def inside(self, command: str) -> str:
        """Run a shell command as root there, past SSH, and return its output."""
        return run(["docker", "exec", _container(self.address), "sh", "-c", command])


@contextmanager
def started(count: int, key: Path) -> Iterator[list[Host]]:
    """Start hosts that let in who has a key, which is drawn; remove them in the end.

    Raises:
        LabError: So many have no place on the bridge, or one does not show its key in time.
    """
    if not 1 <= count <= MOST:
        raise LabError(f"CLIENTS={count}: there may be 1 to {MOST}")
    debian.install("ssh-keyscan", "openssh-client")
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", PREFIX, "-f", key])
    image, public = images.build("bench-host", _IMAGE), key.with_suffix(".pub").read_text().strip()
    remove()
    try:
        make_network(f"{PREFIX}-hosts", "--subnet", "172.30.76.0/24", "--gateway", GATEWAY)
        addresses = [f"172.30.76.{number}" for number in range(11, 11 + count)]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(lambda address: _start(image, address, public), addresses))
        yield [Host(address, host_key) for address, host_key in _host_keys(addresses).items()]
    finally:
        remove()


def _start(image: str, address: str, public_key: str) -> None:
    # The hosts file is a mount until the host has taken it off.
    options = ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", "--network", f"{PREFIX}-hosts"]
    named = ["--name", _container(address), "--ip", address, "--env", f"AUTHORIZED_KEY={public_key}"]
    run(["docker", "run", "--detach", *options, *named, image])


def _container(address: str) -> str:
    return f"{PREFIX}-host-{address.rpartition('.')[2]}"


def _host_keys(addresses: list[str]) -> dict[str, str]:
    """Return address -> key, once all show theirs; the bridge is ours alone, so nobody else answers."""
    deadline = time.monotonic() + _START_SECONDS
    found: dict[str, str] = {}
    while len(found) < len(addresses):
        if time.monotonic() > deadline:
            raise LabError(f"only {len(found)} of {len(addresses)} hosts show their key after {_START_SECONDS} s")
        # It ends with 1 where one of them does not answer yet.
        scan = subprocess.run(["ssh-keyscan", "-t", "ed25519", *addresses], capture_output=True, text=True, check=False)
        found = dict(line.split(" ", 1) for line in scan.stdout.splitlines() if not line.startswith("#"))
    return {address: found[address] for address in addresses}
