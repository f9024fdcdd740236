"""The Docker Engine: the one that answers, else Debian's, started and stopped by the lab."""

import os
import shutil
import signal
import subprocess
import time

from lab.places import CACHE
from lab.run import LabError, run, step, succeeds

_PID = CACHE / "dockerd.pid"
_LOG = CACHE / "dockerd.log"
_START_SECONDS = 60


def ensure() -> None:
    """Make sure that a Docker Engine answers.

    Raises:
        LabError: None answers and none could be started; says what to do.
    """
    with step("Docker Engine") as chosen:
        if _answers():
            chosen.append(f"{_version()}, already running")
            return
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise LabError("no Docker Engine answers. Start Docker (or set DOCKER_HOST) and run the command again.")
        install("dockerd", ["docker.io", "iptables"])
        _start()
        chosen.append(f"{_version()}, Debian's, started by the lab")


def install(program: str, packages: list[str]) -> None:
    """Install Debian packages where a program is missing.

    Raises:
        LabError: This is no Debian machine, or nobody here may install.
    """
    if shutil.which(program):
        return
    names = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LabError(f"{program} is missing. Install it (on Debian: sudo apt-get install {names}) and try again.")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], env=quiet)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=quiet)


def stop() -> bool:
    """Stop the engine if the lab started it; tell whether it did."""
    if not _PID.exists():
        return False
    pid = int(_PID.read_text())
    _PID.unlink()
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def _answers() -> bool:
    return succeeds(["docker", "version", "--format", "{{.Server.Version}}"])


def _version() -> str:
    return run(["docker", "version", "--format", "{{.Server.Version}}"])


def _start() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with _LOG.open("ab") as log:
        daemon = subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    _PID.write_text(str(daemon.pid))
    deadline = time.monotonic() + _START_SECONDS
    while not _answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise LabError(
                f"Docker did not start; its log is {_LOG}:\n" + "\n".join(_LOG.read_text().splitlines()[-5:])
            )
        time.sleep(0.3)
