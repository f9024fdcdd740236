"""Many clients of mixed runtimes on few hosts: each is an address with an /etc and a trust store of its own."""

import re
import subprocess
import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from lab import hosts, images
from lab.hosts import LabHost, Network
from lab.places import PROJECT
from lab.run import run

RUNTIMES = {
    "docker": "docker/certs.d/registry.test/ca.crt",
    "podman": "containers/certs.d/registry.test/private-registry.crt",
    "containerd": "containerd/certs.d/registry.test/ca.crt",
    "buildkit": "buildkit/private-registry/registry.test/ca.crt",
    "k3s": "rancher/k3s/private-registry/registry.test/ca.crt",
    "system": "ssl/certs/ca-certificates.crt",
}
"""Runtime -> the file below /etc by which a client with it alone trusts the registry."""

_FIRST, _OF_HOST = 100, 50
"""The last numbers of addresses: those of the first host's clients start there, and each host has so many at most."""
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_PROBE = "/tmp/probe"  # noqa: S108 - on a host of the test
_PROBES = f"""
mkdir {_PROBE}.none
while [ ! -e {_PROBE}.stop ]; do
	curl -q --config {_PROBE}
	sleep 1
done
"""


@dataclass(frozen=True)
class Member:
    """One of the clients."""

    address: str
    runtime: str
    host: LabHost

    @property
    def file(self) -> str:
        """By which it trusts, as its host sees it."""
        return f"/places/{self.address}/etc/{RUNTIMES[self.runtime]}"


class Fleet:
    """Clients of all runtimes on a host of each generation of Debian."""

    def __init__(self, prefix: str, name: str, state: Path, count: int) -> None:
        self._state = state
        each = [LabHost(generation, f"{prefix}.{11 + number}") for number, generation in enumerate(images.GENERATIONS)]
        self.network = Network(name, prefix, tuple(each))
        self.members = [
            Member(f"{prefix}.{_FIRST + at * _OF_HOST + number}", runtime, each[at])
            for number, runtime in zip(range(count // len(each)), cycle(RUNTIMES), strict=False)
            for at in range(len(each))
        ]

    def start(self) -> None:
        """Start the hosts."""
        for host in self.network.hosts:
            hosts.start(self.network, images.clients(host.name), self._state, [host])
            name = hosts.container(self.network, host)
            for file in ("make-places", "at-address"):
                run(["docker", "cp", PROJECT / "bench" / file, f"{name}:/usr/local/sbin"])
            run(["docker", "cp", PROJECT / "bench/sshd.conf", f"{name}:/etc/ssh/sshd_config.d"])
            addresses = " ".join(member.address for member in self._of(host))
            # What runs there has the /etc of the host, which is nobody's, and would be restarted by each.
            self._inside(
                host,
                f"""systemctl stop docker.socket docker containerd ssh.socket ssh
make-places 24 {addresses}
mkdir -p /run/sshd && /usr/sbin/sshd -E /var/log/sshd""",
            )

    def stop(self) -> None:
        """Remove them."""
        hosts.remove(self.network)

    def clients(self, not_required: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return how the clients setting names each."""
        said = {host: hosts.client(self.network, host, self._state) for host in self.network.hosts}
        found: list[dict[str, Any]] = [
            {**said[member.host], "host": member.address, "runtimes": [member.runtime]} for member in self.members
        ]
        return [{**one, "required": False} if one["host"] in not_required else one for one in found]

    def trusted(self) -> dict[str, list[str]]:
        """Return address -> the certificates of the stack by which it trusts, PEM."""
        found: dict[str, list[str]] = {}
        for host in self.network.hosts:
            members = self._of(host)
            texts = self._inside(host, "; ".join(f"cat {member.file}; printf '\\0'" for member in members)).split("\0")
            found |= {member.address: _CERTIFICATE.findall(text) for member, text in zip(members, texts, strict=False)}
        # All that the system of a client trusts is in one file.
        ours = {one for member in self.members if member.runtime != "system" for one in found[member.address]}
        return {address: [one for one in all_ if one in ours] for address, all_ in found.items()}

    def turned(self, members: Sequence[Member], verb: str, way: str) -> None:
        """Put a rule for SSH to clients (``-I``), or take it away (``-D``)."""
        for member in members:
            self._inside(member.host, f"iptables {verb} INPUT -p tcp -d {member.address} --dport 22 -j {way}")

    def connections(self) -> Counter[str]:
        """Return address -> connections by SSH since the last call."""
        take = "sed -n 's/^Connection from .* on \\([0-9.]*\\) port 22.*/\\1/p' /var/log/sshd; : > /var/log/sshd"
        return Counter(word for host in self.network.hosts for word in self._inside(host, take).split())

    @contextmanager
    def probed(self) -> Iterator[dict[str, list[str]]]:
        """Ask the registry without a pause by what each client trusts; yields address -> answers."""
        answers: defaultdict[str, list[str]] = defaultdict(list)

        def read(process: subprocess.Popen[str]) -> None:
            assert process.stdout
            with process.stdout as lines:
                for line in lines:
                    address, _, said = line.strip().partition(" ")
                    answers[address].append(said)

        processes = [self._probing(host) for host in self.network.hosts]
        threads = [threading.Thread(target=read, args=(process,)) for process in processes]
        for thread in threads:
            thread.start()
        try:
            yield answers
        finally:
            for host in self.network.hosts:
                self._inside(host, f"touch {_PROBE}.stop")
            for process, thread in zip(processes, threads, strict=True):
                process.wait(timeout=60)
                thread.join(timeout=10)

    def _probing(self, host: LabHost) -> subprocess.Popen[str]:
        # One program for all of them costs little; it has no connection for two files.
        asks = "next\n".join(
            f"""url = "https://registry.test/healthz"
resolve = "registry.test:443:{self.network.gateway}"
cacert = "{member.file}"
capath = "{_PROBE}.none"
silent
max-time = 10
output = "/dev/null"
write-out = "{member.address} %{{http_code}} %{{errormsg}}\\n"
"""
            for member in self._of(host)
        )
        name = hosts.container(self.network, host)
        hosts.inside(self.network, host, f"cat > {_PROBE}", asks)
        command = ["docker", "exec", name, "timeout", "600", "sh", "-c", _PROBES]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _of(self, host: LabHost) -> list[Member]:
        return [member for member in self.members if member.host == host]

    def _inside(self, host: LabHost, command: str) -> str:
        return hosts.inside(self.network, host, command)
