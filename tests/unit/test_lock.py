"""What is installed is what is asked for, and nothing is installed without its hash."""

import re
import subprocess
import sys

import pytest

from lab.places import PROJECT

NAMES = ("requirements", "requirements-forge", "requirements-dev")
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_file_is_current(name: str) -> None:
    wanted = PIN.findall((PROJECT / f"{name}.txt").read_text())
    assert {package.lower(): version for package, version in wanted}.items() <= locked(name).items(), "run: make lock"


@pytest.mark.parametrize("name", NAMES)
def test_each_package_has_a_hash_and_no_place_of_its_own(name: str) -> None:
    text = (PROJECT / f"{name}.lock").read_text()
    entries = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def locked(name: str) -> dict[str, str]:
    return {package.lower(): version for package, version in PIN.findall((PROJECT / f"{name}.lock").read_text())}


def test_lock_files_that_one_job_installs_agree() -> None:
    program, forge = locked("requirements"), locked("requirements-forge")
    assert {package: program[package] for package in forge.keys() & program.keys()}.items() <= forge.items()


def test_what_writes_comments_needs_its_own_lock_file_alone() -> None:
    """The job that may write installs nothing else."""
    script = """
import sys
from importlib.metadata import packages_distributions

installed, wanted = packages_distributions(), set(sys.argv[1:])

class Missing:
    def find_spec(name, path=None, target=None):
        packages = {package.lower().replace("_", "-") for package in installed.get(name.partition(".")[0], [])}
        if packages and not packages & wanted:
            raise ModuleNotFoundError(f"{name} is not in requirements-forge.lock", name=name)

sys.meta_path.insert(0, Missing)
import review.comment, review.publish
"""
    command = [sys.executable, "-c", script, *locked("requirements-forge")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
