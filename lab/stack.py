"""The dev stack: its backend in a folder, its passwords in files."""

import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import yaml

from components.settings import User
from lab import engine
from lab.engine import environment
from lab.places import PROJECT, STATE
from lab.run import LabError, run, say, succeeds
from operations.command_line import CommandLine

STACK = "dev"
PASSPHRASE = "lab"  # noqa: S105 - published on purpose: it protects the lab's own throw-away keys
_CONFIG = PROJECT / f"Pulumi.{STACK}.yaml"


def pulumi_environment() -> dict[str, str]:
    """Return the environment for ``pulumi`` on the dev stack."""
    backend = STATE / "backend"
    backend.mkdir(parents=True, exist_ok=True)
    return environment() | {
        "PULUMI_BACKEND_URL": engine.backend(backend),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_STACK": STACK,
        # A bytecode cache beside the program would be the only trace of a preview.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def command_line() -> CommandLine:
    """Return how the dev stack is asked.

    Raises:
        LabError: There is none.
    """
    if not exists():
        raise LabError(f"there is no {STACK} stack yet; to create it: 'make up'")
    return CommandLine(STACK, PROJECT, pulumi_environment(), str(_local_config()))


def ensure() -> None:
    """Draw the users' passwords and create the stack, once."""
    draw_passwords()
    if not _salt().exists():
        # No update runs without it, so a stack that is there is the rest of a run that was killed here.
        shutil.rmtree(STATE / "backend", ignore_errors=True)
    if not succeeds(_command("stack", "select", STACK), env=pulumi_environment()):
        _create()
    _write_config()
    _unlock()


def _create() -> None:
    """Create the stack in a folder of its own: the command line would write the salt into the committed file."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PROJECT / "Pulumi.yaml", folder)
        run([engine.pulumi(), "stack", "init", STACK, "--cwd", folder], env=pulumi_environment())
        salt = yaml.safe_load(Path(folder, f"Pulumi.{STACK}.yaml").read_text())["encryptionsalt"]
    whole = _salt().with_suffix(".new")
    whole.write_text(salt)
    whole.rename(_salt())


def _salt() -> Path:
    return STATE / f"Pulumi.{STACK}.salt"


def _unlock() -> None:
    """Take away the lock of a run that was killed. Nobody else uses this backend, so a dead process is proof enough."""
    for lock in (STATE / "backend/.pulumi/locks").rglob("*.json"):
        if not _alive(json.loads(lock.read_text())["pid"]):
            pulumi("cancel", "--yes")
            say("The previous run was killed. Its lock was removed.")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        # Somebody else's process has the number now.
        return False
    status = Path(f"/proc/{pid}/status")
    # A process that nobody has buried yet does nothing any more.
    return not (status.exists() and "State:\tZ" in status.read_text())


def users() -> list[dict[str, str]]:
    """Return ``name``, ``passwordFile`` (relative to the project) and ``access`` of the dev stack's users."""
    listed = yaml.safe_load(_CONFIG.read_text())["config"]["private-registry:users"]
    return [{"access": User.model_fields["access"].default, **user} for user in listed if "passwordFile" in user]


def draw_passwords() -> None:
    """Draw a password for each user whose file is not there yet."""
    for user in users():
        file = PROJECT / user["passwordFile"]
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(18) + "\n")


def _write_config() -> None:
    """Write the stack's file as it is committed, with the salt of this machine's stack."""
    _local_config().write_text(f"encryptionsalt: {_salt().read_text()}\n{_CONFIG.read_text()}")


def _local_config() -> Path:
    return STATE / f"Pulumi.{STACK}.yaml"


def pulumi(*arguments: str) -> str:
    """Run ``pulumi`` on the project and return its output."""
    return run(_command(*arguments), env=pulumi_environment())


def show(*arguments: str) -> int:
    """Run ``pulumi`` on the dev stack, its output on the terminal; return its status."""
    line = command_line()
    return line.show(*arguments, *line.of_config)


def exists() -> bool:
    """Tell whether the dev stack was created here."""
    return _salt().exists() and bool(shutil.which("pulumi", path=environment()["PATH"]))


def _command(*arguments: str) -> list[str]:
    return [engine.pulumi(), *arguments, "--non-interactive", "--cwd", str(PROJECT)]
