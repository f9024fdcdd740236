"""The package as its users get it: a wheel, installed in a folder by itself."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from lab.engine import environment
from lab.places import PROJECT
from lab.run import run


def install_wheel(folder: Path) -> None:
    """Build the wheel and install it in ``installed`` of a folder."""
    # It is built from a copy: a build leaves folders in its source.
    source = folder / "source"
    shutil.copytree(PROJECT / "components", source / "components", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(PROJECT / file, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)])
    [wheel] = folder.glob("private_registry-*.whl")
    run([*pip, "install", "--no-deps", "--target", str(folder / "installed"), str(wheel)])


def on_path(folder: Path) -> dict[str, str]:
    """Return the variables with which Python finds it, and the engine its provider, as in a virtual environment."""
    path = os.pathsep.join([str(folder / "installed/bin"), environment().get("PATH", os.environ["PATH"])])
    return {"PYTHONPATH": python_path(folder), "PATH": path}


def python_path(folder: Path) -> str:
    """Return where Python finds what is installed there, and the libraries of these tests."""
    return f"{folder / 'installed'}{os.pathsep}{sysconfig.get_path('purelib')}"
