"""What can't be made again: no update and no destroy takes it away, and a rotation goes through all the same.

The tests are one story and run in this order. They cost 6 updates, 3 previews and 2 removals, and no host.
"""

import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from lab import engine
from lab.run import run
from tests.e2e.conftest import settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.stack import Stack

NAME = "protected"
AUTHORITY = "registry-certificate-authority-"
REFUSED = "marked for protection|because it is protected"


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts)) as stack:
        stack.configure(protect=True, certificate={"authorities": ["2026"]})
        stack.up()
        yield stack


def protected(stack: Stack) -> set[str]:
    return {one["urn"].rsplit("::", 1)[1] for one in stack.resources() if one.get("protect")}


def test_what_can_not_be_made_again_is_protected(stack: Stack) -> None:
    assert protected(stack) == {"registry-registry-data", "registry-seed", f"{AUTHORITY}2026"}


def refused(stack: Stack, command: str) -> None:
    """Assert that a command, as somebody or a runner types it, is refused by its preview."""
    stack.write()
    words = [engine.pulumi(), command, "--yes", "--non-interactive", "--continue-on-error", "--stack", NAME]
    done = subprocess.run(
        words, cwd=stack.folder, env={**os.environ, **stack.env}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert re.search(REFUSED, done.stdout + done.stderr), done.stdout


def test_a_destroy_takes_nothing(stack: Stack) -> None:
    serving = containers(f"private-registry-{NAME}-")
    refused(stack, "destroy")
    assert containers(f"private-registry-{NAME}-") == serving
    assert stack.preview(refresh=True) == []


def test_an_authority_is_not_replaced_in_one_step(stack: Stack) -> None:
    before = stack.state()
    stack.configure(certificate={"authorities": ["2027"]})
    refused(stack, "up")
    assert stack.state() == before
    stack.configure(certificate={"authorities": ["2026"]})
    assert stack.preview() == []


def test_a_rotation_in_three_steps_goes_through(stack: Stack) -> None:
    for authorities, first in ((["2026", "2027"], "2026"), (["2027", "2026"], "2027"), (["2027"], "2027")):
        stack.configure(certificate={"authorities": authorities})
        stack.up()
        assert {name for name in protected(stack) if name.startswith(AUTHORITY)} == {f"{AUTHORITY}{first}"}


def test_what_is_said_to_go_may_go(stack: Stack) -> None:
    stack.configure(protect=False)
    assert stack.preview() == [], "nothing but the state knows of it"
    stack.up()
    assert protected(stack) == set()
    stack.destroy()
    assert containers(f"private-registry-{NAME}-") == {}
    assert f"private-registry-{NAME}-data" in run(["docker", "volume", "ls", "--quiet"]).split()
