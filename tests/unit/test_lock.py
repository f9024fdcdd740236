"""What is installed is what is asked for, and nothing is installed without its hash."""

import re

import pytest

from lab.places import PROJECT

PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_a_lock_file_is_current(name: str) -> None:
    wanted = PIN.findall((PROJECT / f"{name}.txt").read_text())
    locked = {package.lower(): version for package, version in PIN.findall((PROJECT / f"{name}.lock").read_text())}
    assert {package.lower(): version for package, version in wanted}.items() <= locked.items(), "run: make lock"


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_each_package_has_a_hash_and_no_place_of_its_own(name: str) -> None:
    text = (PROJECT / f"{name}.lock").read_text()
    entries = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
