"""The Docker Engine: the one that answers, else Debian's, started and stopped by the lab."""

import os
import signal
import subprocess
import time
from pathlib import Path

from lab import debian
from lab.places import CACHE
from lab.run import LabError, run, step, succeeds

_PID = CACHE / "dockerd.pid"
_LOG = CACHE / "dockerd.log"
_START_SECONDS = 60
_started: list[subprocess.Popen[bytes]] = []
"""The engine is to outlive this program, and Python complains of a process that runs when nobody knows it any more."""


def ensure() -> None:
    """Make sure that a Docker Engine answers.

    Raises:
        LabError: None answers and none could be started; says what to do.
    """
    with step("Docker Engine") as chosen:
        if answers():
            chosen.append(f"{_version()}, already running")
            return
        if not debian.can_install():
            raise LabError(
                "Docker Engine does not answer. Start Docker (or set DOCKER_HOST), and run the command again."
            )
        debian.install("dockerd", "docker.io", "iptables")
        # From Debian 13 on, the client is a package of its own.
        debian.install("docker", "docker-cli")
        _start()
        chosen.append(f"{_version()}, Debian's, started by the lab")


def stop() -> bool:
    """Stop the engine if the lab started it and it runs nothing else; tell whether it did."""
    if not _PID.exists() or (answers() and run(["docker", "ps", "--quiet"])):
        return False
    pid = int(_PID.read_text())
    _PID.unlink()
    # The number may belong to another process by now.
    name = Path(f"/proc/{pid}/comm")
    if not name.exists() or name.read_text().strip() != "dockerd":
        return False
    os.kill(pid, signal.SIGTERM)
    return True


def gateway(network: str) -> str:
    """Return the address of this machine on a network of Docker's."""
    return run(["docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network]).strip()


def remove_network(name: str) -> bool:
    """Remove a network of Docker's; tell whether it is gone.

    Docker may keep one for good for an end that is there no more, and somebody else may have removed it just now.
    """
    return succeeds(["docker", "network", "rm", name]) or not succeeds(["docker", "network", "inspect", name])


def answers() -> bool:
    """Tell whether a Docker Engine answers."""
    return succeeds(["docker", "version", "--format", "{{.Server.Version}}"])


def _version() -> str:
    return run(["docker", "version", "--format", "{{.Server.Version}}"])


def _start() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with _LOG.open("ab") as log:
        daemon = subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    _started.append(daemon)
    _PID.write_text(str(daemon.pid))
    deadline = time.monotonic() + _START_SECONDS
    while not answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise LabError(
                f"Docker did not start. The last lines of its log, {_LOG}:\n"
                + "\n".join(_LOG.read_text().splitlines()[-5:])
            )
        time.sleep(0.3)
