"""Programs from Debian packages."""

import os
import shutil

from lab.run import LONG_SECONDS, LabError, last_line, run, step

_PATIENCE = ["-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30", "-o", "Acquire::Retries=2"]
"""A mirror that does not answer is given up after two minutes, not after ten."""


def can_install() -> bool:
    """Tell whether packages can be installed here: on Debian, as root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(program: str, *packages: str) -> None:
    """Install packages where a program is missing.

    Raises:
        LabError: This is no Debian machine, or nobody here may install; says what to do.
    """
    if shutil.which(program):
        return
    if not can_install():
        names = " ".join(packages)
        raise LabError(f"{program} is missing. Install it (on Debian: sudo apt-get install {names}) and try again.")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    # -q keeps apt from drawing a bar of its own.
    with step(f"  {program}") as chosen:
        for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            run(["apt-get", "-q", *_PATIENCE, *words], env=quiet, timeout=LONG_SECONDS, tell=last_line)
        chosen.append(f"installed Debian's {' and '.join(packages)}")
