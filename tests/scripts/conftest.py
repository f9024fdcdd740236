"""Each script runs under dash, and under BusyBox with BusyBox's own tools alone."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.scripts.script import with_payload
from lab import docker, images
from lab.places import LAB
from lab.run import run
from tests.scripts.client_hosts import ClientHost
from tests.scripts.served import WORKER, Served

NETWORK = f"private-registry-scripts-{WORKER}"
"""A bridge of Docker's, on which this machine serves a bucket. A stack of that name would clear it away."""
SHELLS = ("dash", "busybox")


@dataclass(frozen=True)
class Shell:
    """A POSIX shell and where it finds its tools."""

    command: tuple[str, ...]
    path: str
    parts: tuple[Path, ...] = ()
    """Files with functions that each script calls which runs in it."""

    def run(
        self,
        script: Path,
        *arguments: str,
        payload: Mapping[str, str] | None = None,
        parts: Sequence[Path] = (),
        share: float = 1,
        seconds: int = 30,
    ) -> subprocess.CompletedProcess[str]:
        """Run a script as the hosts do: from standard input, of which only a share arrives."""
        text = with_payload(script, payload or {}, [*self.parts, *parts])
        return subprocess.run(
            [*self.command, "-s", "--", *arguments],
            input=text[: int(len(text) * share)],
            env={"PATH": self.path},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    if request.param == "dash":
        dash = shutil.which("dash")
        assert dash, "dash is missing; on Debian: apt-get install dash"
        return Shell((dash,), os.environ["PATH"])
    busybox = shutil.which("busybox")
    assert busybox, "busybox is missing; on Debian: apt-get install busybox-static"
    tools = tmp_path_factory.mktemp("busybox")
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (tools / applet).symlink_to(busybox)
    assert Path("/usr/bin/flock").exists(), "flock is missing; on Debian: apt-get install util-linux"
    (tools / "flock").symlink_to(LAB / "images/flock")
    return Shell((str(tools / "sh"),), str(tools))


@pytest.fixture
def dash() -> Shell:
    """One of the two, where a script was seen under both and what it starts takes long."""
    return Shell((shutil.which("dash") or "dash",), os.environ["PATH"])


@pytest.fixture
def docker_shell(shell: Shell) -> Shell:
    """The same as on the server: beside BusyBox's own tools there is Docker's command line."""
    if shutil.which("docker", path=shell.path) is None:
        program = shutil.which("docker")
        assert program, "docker is missing; on Debian: apt-get install docker.io"
        Path(shell.path, "docker").symlink_to(program)
    return shell


@pytest.fixture(scope="session")
def found_images() -> dict[str, str]:
    docker.ensure()
    return images.ensure()


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """The address of this machine on that bridge."""
    docker.remove_network(NETWORK)
    run(["docker", "network", "create", NETWORK])
    yield docker.gateway(NETWORK)
    docker.remove_network(NETWORK)


@pytest.fixture(scope="module")
def served(
    request: pytest.FixtureRequest, found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """What a stack serves, with the users that the file of tests declares."""
    name = request.module.__name__.rpartition("_")[2]
    folder = tmp_path_factory.mktemp(name)
    folder.chmod(0o755)
    served = Served(name, found_images, folder)
    served.start(request.module.USERS)
    yield served
    served.stop()


@pytest.fixture(scope="module", params=images.GENERATIONS)
def client_host(request: pytest.FixtureRequest, served: Served) -> Iterator[ClientHost]:
    """A host with clients of every kind, of each generation, which finds what is served by its name."""
    host = ClientHost(request.param, served.network, {"registry.test": served.address("proxy")})
    host.start()
    yield host
    host.stop()
