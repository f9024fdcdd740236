"""Programs from Debian packages."""

import os
import shutil

from lab.run import LabError, run


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
    run(["apt-get", "update", "-qq"], env=quiet)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=quiet)
