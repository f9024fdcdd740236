"""Hosts with the real clients of a registry, in containers whose services are systemd's."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from lab import client_programs, images
from lab.go_programs import GoPrograms
from lab.hosts import PRIVILEGES
from lab.run import run, succeeds

_START_SECONDS = 60


@dataclass(frozen=True)
class ClientHost:
    """A host of a generation of Debian: Docker, containerd, Podman, Buildah and Skopeo, and sshd."""

    generation: str
    network: str
    """The bridge of Docker's on which it is, which no other host of the generation is on."""
    entries: Mapping[str, str]
    """Name -> address, in its hosts file."""

    @property
    def container(self) -> str:
        """The name of its container."""
        return f"{self.network}-{self.generation}"

    def start(self) -> None:
        """Start it, and wait until the services run."""
        self.stop()
        entries = [word for name, address in self.entries.items() for word in ("--add-host", f"{name}:{address}")]
        place = ["--name", self.container, "--network", self.network, "--env", "AUTHORIZED_KEY="]
        run(["docker", "run", "--detach", *place, *entries, *PRIVILEGES, images.clients(self.generation)])
        deadline = time.monotonic() + _START_SECONDS
        while not succeeds(["docker", "exec", self.container, "docker", "version"]):
            assert time.monotonic() < deadline, run(["docker", "logs", "--tail", "20", self.container])
            time.sleep(0.2)

    def stop(self) -> None:
        """Remove it."""
        run(["docker", "rm", "--force", "--volumes", self.container])

    @property
    def address(self) -> str:
        """Its address on the bridge."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return run(["docker", "inspect", "--format", form, self.container]).strip()

    def bring(self, *programs: GoPrograms) -> None:
        """Give it programs that no package brings."""
        client_programs.bring(self.container, *programs)

    def run(self, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a shell script as root to its first command that fails; its output has the errors too."""
        return subprocess.run(
            ["docker", "exec", "-i", self.container, "sh", "-ec", f"exec 2>&1\n{script}"],
            input=stdin,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )

    def done(self, script: str, stdin: str = "") -> str:
        """Run a shell script that has to succeed; return its output."""
        result = self.run(script, stdin)
        assert result.returncode == 0, f"{script}\n{result.stdout}"
        return result.stdout

    def refused(self, script: str) -> str:
        """Run a shell script that has to fail; return its output."""
        result = self.run(script)
        assert result.returncode != 0, f"{script}\n{result.stdout}"
        return result.stdout
