"""The lab's client hosts: containers with sshd and a Docker of their own on a bridge of their own."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab import docker
from lab.debian import install
from lab.places import PROJECT
from lab.run import LabError, doing, run, step, succeeds

PRIVILEGES = (
    *(word for capability in ("SYS_ADMIN", "NET_ADMIN", "MKNOD", "SYS_PTRACE") for word in ("--cap-add", capability)),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
)
"""The options of ``docker run`` for a container that plays a host, where Docker or another client runs."""

_START_SECONDS = 60


@dataclass(frozen=True)
class LabHost:
    """One container that plays a host."""

    name: str
    address: str
    user: str = "root"
    listed: bool = True
    """Whether the clients file names it."""
    containerd: bool = False
    """Whether its Docker keeps images in containerd's store, as fresh installations do, and not in its own."""


@dataclass(frozen=True)
class Network:
    """A bridge with its hosts. The gateway is this machine."""

    name: str
    prefix: str
    """The first three numbers of a /24."""
    hosts: tuple[LabHost, ...]
    prefix6: str | None = None
    """The first four numbers of a /64, where the hosts have IPv6 addresses too."""

    def address6(self, host: LabHost) -> str:
        """Return a host's IPv6 address: it ends in the same number as the other one."""
        return f"{self.prefix6}::{host.address.rpartition('.')[2]}"

    @property
    def gateway6(self) -> str:
        """This machine's IPv6 address on the bridge."""
        return f"{self.prefix6}::1"

    @property
    def gateway(self) -> str:
        """This machine's address on the bridge."""
        return f"{self.prefix}.1"


DEV = Network(
    "private-registry-lab",
    "172.30.77",
    (
        LabHost("client-1", "172.30.77.11"),
        LabHost("client-2", "172.30.77.12", user="ops", containerd=True),
        LabHost("stranger", "172.30.77.13", listed=False),
    ),
)
"""The hosts of the dev stack: root on one, an operator with sudo on the other, and one that is not listed.

The first two have Docker's two stores of images."""


def container(network: Network, host: LabHost) -> str:
    """Return the name of the container that plays a host."""
    return f"{network.name}-{host.name}"


def refuse_another_clones(network: Network, state: Path) -> None:
    """Refuse to touch hosts that another clone of this project has: its stack still counts on them.

    Raises:
        LabError: There are such hosts; says where that clone is.
    """
    key = state / "ssh/id_ed25519.pub"
    ours = key.read_text().strip() if key.exists() else ""
    for host in network.hosts:
        name = container(network, host)
        public_key = _label(name, "authorized-key")
        folder = _label(name, "folder")
        # This clone's have its key; its key is gone where somebody has removed the clone or its .lab.
        if not public_key or public_key == ours or folder == str(PROJECT) or (folder and not Path(folder).exists()):
            continue
        names = " ".join(container(network, other) for other in network.hosts)
        raise LabError(
            f"the lab is up in another clone of this project: {folder or 'an older one, whose folder is not known'}. "
            f"Only one can be up: run 'make down' there first. If that clone no longer exists, remove its hosts: "
            f"docker rm --force --volumes {names}"
        )


def ensure(network: Network, image: str, state: Path) -> None:
    """Start the hosts and write the clients file and the SSH key that it names.

    Args:
        network: The bridge and its hosts.
        image: The image of a client host.
        state: The folder for ``clients.yaml`` and ``ssh/``.
    """
    start(network, image, state, network.hosts)
    write_clients(network, state)


def start(network: Network, image: str, state: Path, which: Sequence[LabHost]) -> None:
    """Start some of the hosts, and wait until their Docker answers."""
    key = _ssh_key(state)
    if not succeeds(["docker", "network", "inspect", network.name]):
        subnets = ["--subnet", f"{network.prefix}.0/24", "--gateway", network.gateway]
        if network.prefix6:
            subnets += ["--ipv6", "--subnet", f"{network.prefix6}::/64", "--gateway", network.gateway6]
        run(["docker", "network", "create", *subnets, network.name])
    for host in which:
        with step(f"host {host.name}") as chosen:
            chosen.append(_start(network, host, image, key.with_suffix(".pub").read_text().strip()))
    with step("hosts") as chosen:
        for host in which:
            doing(f"waiting for Docker on {host.name}")
            _wait(network, host)
        chosen.append("Docker answers on each")


def write_clients(network: Network, state: Path) -> None:
    """Write the clients file: the listed hosts with the keys that they show."""
    clients = [client(network, host, state) for host in network.hosts if host.listed]
    (state / "clients.yaml").write_text(f"# Written by the lab.\n{yaml.safe_dump(clients, sort_keys=False)}")


def client(network: Network, host: LabHost, state: Path) -> dict[str, str]:
    """Return how the clients setting names a host that runs."""
    return {
        "host": host.address,
        "user": host.user,
        "privateKeyFile": str((state / "ssh/id_ed25519").resolve()),
        "hostKey": host_key(network, host),
        "hostsEntry": network.gateway,
    }


def host_key(network: Network, host: LabHost) -> str:
    """Return the public key that a host shows."""
    text = inside(network, host, "cat /etc/ssh/ssh_host_ed25519_key.pub")
    return " ".join(text.split()[:2])


def inside(network: Network, host: LabHost, command: str, stdin: str | None = None) -> str:
    """Run a shell command as root on a host and return its output.

    Raises:
        LabError: It ended with another status than 0.
    """
    return run(["docker", "exec", "-i", container(network, host), "sh", "-c", command], stdin=stdin)


def remove(network: Network) -> bool:
    """Remove the hosts, their volumes and the bridge; tell whether Docker let go of the bridge."""
    for host in network.hosts:
        run(["docker", "rm", "--force", "--volumes", container(network, host)])
        run(["docker", "volume", "rm", "--force", container(network, host)])
    return docker.remove_network(network.name)


def _ssh_key(state: Path) -> Path:
    key = state / "ssh/id_ed25519"
    if not key.exists():
        install("ssh-keygen", "openssh-client")
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "private-registry-lab", "-f", key])
    return key


def _start(network: Network, host: LabHost, image: str, public_key: str) -> str:
    name = container(network, host)
    found = _state(name)
    if found == f"running {image} {public_key}":
        return f"{host.address}, already running"
    if found.endswith(f" {image} {public_key}"):
        run(["docker", "start", name])
        return f"{host.address}, started"
    run(["docker", "rm", "--force", "--volumes", name])
    run(["docker", "volume", "rm", "--force", name])
    network_options = ["--network", network.name, "--ip", host.address, "--hostname", host.name]
    if network.prefix6:
        network_options += ["--ip6", network.address6(host)]
    key = ["--env", f"AUTHORIZED_KEY={public_key}", "--label", f"authorized-key={public_key}"]
    key += ["--label", f"folder={PROJECT}"]
    store = ["--env", "CONTAINERD_STORE=yes"] if host.containerd else []
    volume = ["--volume", f"{name}:/var/lib/docker"]
    run(
        [
            "docker",
            "run",
            "--detach",
            "--name",
            name,
            *network_options,
            *PRIVILEGES,
            *key,
            *store,
            *volume,
            image,
        ]
    )
    return f"{host.address}, created"


def _state(name: str) -> str:
    try:
        form = '{{.State.Status}} {{.Image}} {{index .Config.Labels "authorized-key"}}'
        return run(["docker", "container", "inspect", "--format", form, name])
    except LabError:
        return ""


def _label(name: str, label: str) -> str:
    try:
        return run(["docker", "container", "inspect", "--format", f'{{{{index .Config.Labels "{label}"}}}}', name])
    except LabError:
        return ""


def _wait(network: Network, host: LabHost) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not succeeds(["docker", "exec", container(network, host), "docker", "version"]):
        if time.monotonic() > deadline:
            logs = run(["docker", "logs", "--tail", "5", container(network, host)])
            raise LabError(f"the lab host {host.name} did not start within {_START_SECONDS} s:\n{logs}")
        time.sleep(0.3)
