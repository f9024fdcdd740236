"""The test hosts, as somebody at their terminal sees them."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import hosts
from lab.hosts import LabHost, Network
from lab.run import LabError, run

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Each worker has hosts of its own; a worker runs whole files."""

PREFIX, PREFIX6 = f"172.30.{78 + 2 * WORKER}", f"fd00:78:0:{1 + WORKER}"
"""Where the addresses of the hosts start."""


@dataclass(frozen=True)
class Hosts:
    """A bridge with hosts, each started when a test asks for it: it costs some seconds, and few tests need all."""

    network: Network
    image: str
    state: Path
    """The folder for the SSH key."""
    _started: set[str] = field(default_factory=set)

    def start(self, *names: str) -> None:
        """Start hosts at the same time."""
        which = [host for host in self.network.hosts if host.name in names and host.name not in self._started]
        if which:
            hosts.start(self.network, self.image, self.state, which)
            self._started.update(names)

    def break_for_good(self, *names: str) -> None:
        """Remove hosts with their disks; what is started there next is another machine at the same address."""
        for name in names:
            run(["docker", "rm", "--force", "--volumes", self.container(name)])
            self._started.discard(name)

    def host(self, name: str) -> LabHost:
        """Return a host, which runs."""
        self.start(name)
        return next(host for host in self.network.hosts if host.name == name)

    @property
    def clients(self) -> "_Clients":
        """How the clients setting names each host."""
        return _Clients(self)

    def container(self, name: str) -> str:
        """Return the name of the container that plays a host."""
        return hosts.container(self.network, self.host(name))

    def bring_images(self, name: str, images: Mapping[str, str]) -> None:
        """Load the images that were built here into a host's Docker; it pulls the others itself."""
        for image in map(images.get, ("nginx", "registry", "keepalived")):
            if image and image.startswith("sha256:"):
                run(["sh", "-c", f"docker save {image} | docker exec -i {self.container(name)} docker load"])

    def inside(self, name: str, command: str, stdin: str | None = None) -> str:
        """Run a shell command as root on a host; raise with its output if it fails."""
        return hosts.inside(self.network, self.host(name), command, stdin)

    def fails(self, name: str, command: str, stdin: str | None = None) -> str:
        """Run a shell command that has to fail; return what it said."""
        return self.inside(name, f"if {{ {command}; }} 2>&1; then echo SUCCEEDED; exit 1; fi", stdin)

    @contextmanager
    def reading(self, name: str, *files: str) -> Iterator[Callable[[], str]]:
        """Yield what reads a host's files that are there at each call: by one process, as one for each costs much."""
        loop = "while read -r _; do cat \"$@\" 2> /dev/null; printf '\\0'; done"
        command = ["docker", "exec", "-i", self.container(name), "sh", "-c", loop, "reading", *files]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            to, of = process.stdin, process.stdout
            assert to
            assert of
            lock = threading.Lock()

            def read() -> str:
                with lock:
                    to.write(b"\n")
                    to.flush()
                    content = bytearray()
                    while (byte := of.read(1)) != b"\0":
                        assert byte, f"{name} has ended"
                        content += byte
                    return content.decode()

            yield read

    def fingerprint(self, name: str) -> str:
        """Return the digests and modes of all below /etc/docker and of /etc/hosts."""
        return self.inside(
            name,
            "find /etc/docker /etc/hosts -exec stat -c '%n %a %u' {} + | sort;"
            "find /etc/docker /etc/hosts -type f -exec sha256sum {} + | sort",
        )


@dataclass(frozen=True)
class _Clients:
    hosts: Hosts

    def __getitem__(self, name: str) -> dict[str, Any]:
        return dict(hosts.client(self.hosts.network, self.hosts.host(name), self.hosts.state))


def containers(prefix: str = "") -> dict[str, str]:
    """Return name -> id and start of the server's running containers."""
    form = "{{.Name}} {{.Id}} {{.State.StartedAt}}"
    found = {}
    for identity in run(["docker", "ps", "--quiet", "--no-trunc"]).split():
        # Others run at the same time, and some of their containers only for a moment.
        with suppress(LabError):
            name, *rest = run(["docker", "inspect", "--format", form, identity]).removeprefix("/").split()
            found[name] = " ".join(rest)
    return {name: value for name, value in found.items() if name.startswith(prefix)}


def free_addresses() -> None:
    """Remove what publishes ports on this worker's addresses: the rest of a killed run, which Docker started again."""
    bindings = "{{.Id}} {{range .HostConfig.PortBindings}}{{range .}}{{.HostIp}} {{end}}{{end}}"
    for identity in run(["docker", "ps", "--all", "--quiet", "--no-trunc"]).split():
        # Other workers remove containers meanwhile.
        with suppress(LabError):
            _, *addresses = run(["docker", "inspect", "--format", bindings, identity]).split()
            if any(address.startswith((f"{PREFIX}.", f"{PREFIX6}::")) for address in addresses):
                run(["docker", "rm", "--force", "--volumes", identity])


def logs(container: str) -> str:
    """Return all that a container has printed, on both of its streams."""
    return run(["sh", "-c", 'docker logs "$0" 2>&1', container])
