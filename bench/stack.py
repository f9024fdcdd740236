"""A stack of this project, in a folder of the bench's own."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.hosts import GATEWAY, Host
from lab import engine
from lab.places import PROJECT
from lab.run import LabError, run

NAME = "bench"
DOMAIN = "registry.test"


class Stack:
    """The program as it is, on the real engine, with a backend in a folder. No client proves anything."""

    def __init__(self, folder: Path, images: Mapping[str, str], key: Path) -> None:
        """Make a stack in an empty folder; ``key`` is what its clients let in."""
        self._folder, self._key = folder, key
        self._settings: dict[str, Any] = {
            "domain": DOMAIN,
            "bindAddress": GATEWAY,
            "serverDirectory": str(folder / "server"),
            "images": {name: images[name] for name in ("registry", "nginx")},
            "users": [{"name": "ci", "password": secrets.token_urlsafe(18)}],
            "verification": False,
            "deleteData": True,
        }
        (folder / "backend").mkdir()
        self._env = engine.environment() | {
            "PULUMI_BACKEND_URL": engine.backend(folder / "backend"),
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(18),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # Here, since the command line writes the salt into the stack's file beside the project's.
        shutil.copy(PROJECT / "Pulumi.yaml", folder)
        run([engine.pulumi(), "stack", "init", NAME, "--cwd", folder], env=self._env)
        self._salt = yaml.safe_load(self._config.read_text())["encryptionsalt"]

    def configure(self, clients: Sequence[Host], authorities: Sequence[str] = ("1",)) -> None:
        """Say who is to trust it, and the names of its authorities."""
        listed = [
            {
                "host": client.address,
                "user": "root",
                "privateKeyFile": str(self._key),
                "hostKey": client.host_key,
                "hostsEntry": GATEWAY,
            }
            for client in clients
        ]
        # The command line could not hand so many to the program as a setting.
        file = self._folder / "clients.yaml"
        file.write_text(yaml.safe_dump(listed))
        named = {"clientsFile": str(file)} if listed else {}
        settings = {**self._settings, **named, "certificate": {"authorities": list(authorities)}}
        config = {f"private-registry:{key}": value for key, value in settings.items()}
        self._config.write_text(yaml.safe_dump({"encryptionsalt": self._salt, "config": config}))

    def up(self, *words: str) -> None:
        """Update, without a preview before; with further words of the command line."""
        self._pulumi("up", "--yes", "--skip-preview", "--continue-on-error", *words)

    def repeat(self) -> None:
        """Update, and fail where that changes anything."""
        self.up("--expect-no-changes")

    def failing(self) -> str:
        """Update, and return all that it says.

        Raises:
            LabError: It does not fail.
        """
        words = ["up", "--yes", "--skip-preview", "--continue-on-error"]
        done = subprocess.run(
            self._command(*words), env=os.environ | self._env, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            raise LabError("an update with hosts that do not answer ends well")
        return done.stdout + done.stderr

    def preview(self) -> None:
        """Preview, and fail where anything would change."""
        self._pulumi("preview", "--expect-no-changes")

    def drift(self) -> None:
        """Ask all hosts, and fail where one is not as it was left."""
        run([sys.executable, "-m", "operations.drift", "--stack", NAME], env=self._env, cwd=PROJECT)

    def destroy(self) -> None:
        """Take all of it away."""
        self._pulumi("destroy", "--yes", "--skip-preview", "--continue-on-error")

    @property
    def size(self) -> int:
        """The bytes of its state, as it lies in the backend."""
        return (self._folder / f"backend/.pulumi/stacks/private-registry/{NAME}.json").stat().st_size

    @property
    def _config(self) -> Path:
        return self._folder / f"Pulumi.{NAME}.yaml"

    def _pulumi(self, *words: str) -> None:
        run(self._command(*words), env=self._env)

    def _command(self, *words: str) -> list[str]:
        place = ["--stack", NAME, "--config-file", str(self._config), "--cwd", str(PROJECT)]
        return [engine.pulumi(), *words, *place]
