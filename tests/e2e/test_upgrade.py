"""A stack that the version before has made is updated by this one, while clients are at work.

The tests are one story and run in this order. They cost two updates and two previews.
"""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from lab.places import PROJECT
from lab.run import run
from tests.e2e.conftest import CA, NETWORK, settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.load import Load
from tests.e2e.stack import Stack, copy_program

BEFORE = "a82a0c5c2e8c8d38c3685144b3a525da9bf3e2dd"
"""The last commit of that version, which is in the history of every clone. A later version takes a later one."""
FOLDER = CA.removesuffix("/ca.crt")
PROXY = "private-registry-upgrade-proxy"
PASSWORD = "correct horse battery"


def copy_program_before(stack: Stack) -> None:
    """Put the program of that commit in the place of this one."""
    for entry in ("components", "__main__.py", "Pulumi.yaml"):
        path = stack.folder / entry
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    program = ("Pulumi.yaml", "__main__.py", "components")
    git = ["git", "-C", str(PROJECT)]
    if subprocess.run([*git, "cat-file", "-e", BEFORE], capture_output=True, check=False).returncode:
        # A clone without its history.
        run([*git, "fetch", "--quiet", "--depth", "1", "origin", BEFORE])
    archive = subprocess.run([*git, "archive", BEFORE, *program], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", stack.folder], input=archive, check=True)


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("upgrade"), "upgrade", settings(found_images, client_hosts)) as stack:
        one, two = (client_hosts.clients[host] for host in ("one", "two"))
        stack.configure(clients=[{**one, "runtimes": ["docker", "system"]}, two])
        copy_program_before(stack)
        yield stack


@pytest.fixture(scope="module")
def load(client_hosts: Hosts) -> Load:
    return Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", PASSWORD, 2)


def test_the_version_before_makes_a_stack(stack: Stack) -> None:
    stack.up()
    assert all("pulled sha256:" in proof for proof in stack.outputs()["verification"].values())


def test_this_one_updates_it_without_a_request_lost(stack: Stack, client_hosts: Hosts, load: Load) -> None:
    shutil.rmtree(stack.folder / "components")
    copy_program(stack.folder)
    before, authority = containers(PROXY), client_hosts.inside("one", f"cat {CA}")
    assert client_hosts.inside("one", f"readlink {FOLDER}:443") == "registry.test"
    with load.running() as tally:
        done = stack.up()
    assert tally.failures == []
    assert tally.requests > 50
    gone = {step.name for step in done if step.op == "delete"}
    assert gone
    assert all(name.startswith(("registry-trust-", "registry-verification-")) for name in gone)
    assert not [step for step in done if "replace" in step.op]
    assert containers(PROXY) == before, "nginx is told, and not started anew"
    # What the version before takes away is its own alone.
    for host in ("one", "two"):
        assert client_hosts.inside(host, f"cat {CA}").partition("\n")[2] == authority
        assert client_hosts.inside(host, f"readlink {FOLDER}:443") == "./registry.test"
        assert client_hosts.inside(host, "grep -c private-registry /etc/hosts") == "1"
    assert client_hosts.inside("one", "ls /usr/local/share/ca-certificates").count("private-registry") == 1
    assert stack.preview() == []
    assert stack.drifted() == []
