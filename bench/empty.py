"""What the engine itself costs: the preview of a program that declares one component and nothing else."""

import secrets
from pathlib import Path

from lab import engine
from lab.run import run

_PROGRAM = """\
import pulumi

pulumi.ComponentResource("bench:index:Empty", "empty")
"""


class EmptyProgram:
    """Such a program with a state of its own."""

    def __init__(self, folder: Path) -> None:
        """Make it in an empty folder, and update it once."""
        (folder / "Pulumi.yaml").write_text("name: empty\nruntime: python\n")
        (folder / "__main__.py").write_text(_PROGRAM)
        (folder / "backend").mkdir()
        self._folder = folder
        self._env = engine.environment() | {
            "PULUMI_BACKEND_URL": engine.backend(folder / "backend"),
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(18),
        }
        self._pulumi("stack", "init", "empty")
        self._pulumi("up", "--yes", "--skip-preview")

    def preview(self) -> None:
        """Preview, and fail where anything would change."""
        self._pulumi("preview", "--expect-no-changes")

    def _pulumi(self, *words: str) -> None:
        run([engine.pulumi(), *words, "--cwd", self._folder], env=self._env)
