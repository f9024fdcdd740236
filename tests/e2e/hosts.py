"""The test hosts, as somebody at their terminal sees them."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
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
    """A bridge with hosts, and how the clients setting names each listed one."""

    network: Network
    clients: Mapping[str, dict[str, Any]]

    def host(self, name: str) -> LabHost:
        return next(host for host in self.network.hosts if host.name == name)

    def container(self, name: str) -> str:
        """Return the name of the container that plays a host."""
        return hosts.container(self.network, self.host(name))

    def bring_images(self, name: str, images: Mapping[str, str]) -> None:
        """Load the images that were built here into a host's Docker; it pulls the others itself."""
        for image in (images["nginx"], images["registry"]):
            if image.startswith("sha256:"):
                run(["sh", "-c", f"docker save {image} | docker exec -i {self.container(name)} docker load"])

    def inside(self, name: str, command: str, stdin: str | None = None) -> str:
        """Run a shell command as root on a host; raise with its output if it fails."""
        return hosts.inside(self.network, self.host(name), command, stdin)

    def fails(self, name: str, command: str, stdin: str | None = None) -> str:
        """Run a shell command that has to fail; return what it said."""
        return self.inside(name, f"if {{ {command}; }} 2>&1; then echo SUCCEEDED; exit 1; fi", stdin)

    def fingerprint(self, name: str) -> str:
        """Return the digests and modes of all below /etc/docker and of /etc/hosts."""
        return self.inside(
            name,
            "find /etc/docker /etc/hosts -exec stat -c '%n %a %u' {} + | sort;"
            "find /etc/docker /etc/hosts -type f -exec sha256sum {} + | sort",
        )


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


def logs(container: str) -> str:
    """Return all that a container has printed, on both of its streams."""
    return run(["sh", "-c", 'docker logs "$0" 2>&1', container])
