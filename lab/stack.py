"""The dev stack: its backend in a folder, its passwords in files."""

import json
import os
import secrets
import shutil
import subprocess
from typing import Any

import yaml

from lab.engine import environment
from lab.hosts import DEV, container
from lab.places import PROJECT, STATE
from lab.run import LabError, run, say, succeeds

STACK = "dev"
PASSPHRASE = "lab"  # noqa: S105 - published on purpose: it protects the lab's own throw-away keys
_CONFIG = PROJECT / f"Pulumi.{STACK}.yaml"


def pulumi_environment() -> dict[str, str]:
    """Return the environment for ``pulumi`` on the dev stack."""
    backend = STATE / "backend"
    backend.mkdir(parents=True, exist_ok=True)
    return environment() | {
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_STACK": STACK,
        # A bytecode cache beside the program would be the only trace of a preview.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def ensure() -> None:
    """Draw the users' passwords and create the stack, once."""
    draw_passwords()
    # The command line would write the stack's salt into the committed file, so it works on a copy.
    if not succeeds(["env", *_assignments(), _pulumi(), "stack", "select", STACK, "--cwd", str(PROJECT)]):
        before = _CONFIG.read_text()
        try:
            pulumi("stack", "init", STACK)
            salt = yaml.safe_load(_CONFIG.read_text())["encryptionsalt"]
        finally:
            _CONFIG.write_text(before)
        (STATE / f"Pulumi.{STACK}.salt").write_text(salt)
    _write_config()


def draw_passwords() -> None:
    """Draw a password for each user whose file is not there yet."""
    for user in yaml.safe_load(_CONFIG.read_text())["config"]["private-registry:users"]:
        file = PROJECT / user["passwordFile"]
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(18) + "\n")


def _write_config() -> None:
    """Write the stack's file as it is committed, with the salt of this machine's stack."""
    salt = (STATE / f"Pulumi.{STACK}.salt").read_text()
    _local_config().write_text(f"encryptionsalt: {salt}\n{_CONFIG.read_text()}")


def _local_config() -> Any:
    return STATE / f"Pulumi.{STACK}.yaml"


def pulumi(*arguments: str) -> str:
    """Run ``pulumi`` on the project and return its output."""
    return run([_pulumi(), *arguments, "--non-interactive", "--cwd", str(PROJECT)], env=pulumi_environment())


def show(*arguments: str) -> int:
    """Run ``pulumi`` on the dev stack, its output on the terminal; return its status."""
    command = [_pulumi(), *arguments, "--config-file", str(_local_config()), "--cwd", str(PROJECT)]
    return subprocess.run(command, env={**os.environ, **pulumi_environment()}, check=False).returncode


def exists() -> bool:
    """Tell whether the dev stack was created here."""
    return (STATE / f"Pulumi.{STACK}.salt").exists() and bool(shutil.which("pulumi", path=environment()["PATH"]))


def summary() -> None:
    """Print what there is now, and what to try next."""
    outputs = json.loads(pulumi("stack", "output", "--json", "--stack", STACK))
    users = yaml.safe_load(_CONFIG.read_text())["config"]["private-registry:users"]
    first = DEV.hosts[0]
    shell = f"docker exec -it {container(DEV, first)}"
    lines = [
        "",
        f"The registry is up: {outputs['url']} (from the lab's hosts; on this machine {DEV.gateway})",
        "",
        "Users, and where their passwords are",
        *(f"  {user['name']:<14}{user['passwordFile']}" for user in users),
        "",
        "Clients, what they trust, and what they proved",
        *(f"  {host:<14}{file}\n{'':<16}{outputs['verification'].get(host, '')}" for host, file in outputs["clients"].items()),
        "",
        "Log in from the first client",
        f"  docker exec -i {container(DEV, first)} docker login -u ci --password-stdin {outputs['registry']} < .lab/passwords/ci",
        "",
        "Try next",
        f"  {shell} sh            be on a client that trusts it",
        f"  docker exec -it {container(DEV, DEV.hosts[-1])} sh   be on a host that does not: docker login fails with x509",
        "  edit Pulumi.dev.yaml, then  make preview  and  make up",
        "  make down             remove all of it, keep the images pushed (PURGE=1: them too)",
    ]
    say("\n".join(lines))


def _assignments() -> list[str]:
    return [f"{key}={value}" for key, value in pulumi_environment().items()]


def _pulumi() -> str:
    found = shutil.which("pulumi", path=environment()["PATH"])
    if not found:
        raise LabError("the Pulumi CLI is missing; 'make up' brings it")
    return found
