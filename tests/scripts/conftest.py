"""Each script runs under dash, and under BusyBox with BusyBox's own tools alone."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rendering.script import with_payload

SHELLS = ("dash", "busybox")


@dataclass(frozen=True)
class Shell:
    """A POSIX shell and where it finds its tools."""

    command: tuple[str, ...]
    path: str

    def run(
        self, script: Path, *arguments: str, payload: Mapping[str, str] | None = None, share: float = 1
    ) -> subprocess.CompletedProcess[str]:
        """Run a script as the hosts do: from standard input, of which only a share arrives."""
        text = with_payload(script, payload or {})
        return subprocess.run(
            [*self.command, "-s", "--", *arguments],
            input=text[: int(len(text) * share)],
            env={"PATH": self.path},
            capture_output=True,
            text=True,
            timeout=30,
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
    # Alpine's BusyBox has this one, Debian's is built without.
    flock = shutil.which("flock")
    assert flock, "flock is missing; on Debian: apt-get install util-linux"
    (tools / "flock").symlink_to(flock)
    return Shell((str(tools / "sh"),), str(tools))
