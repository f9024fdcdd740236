"""Every command of the documentation is run, in the order in which a reader meets it, on a copy of the project.

What differs from the text: the lab's and the stack's names and addresses, so that nothing of a reader's own is touched;
hosts are test hosts; images are what the lab found; and a key or a password is there where a reader brings one.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import engine, hosts
from lab.places import PROJECT
from lab.run import run
from tests.e2e.hosts import Hosts
from tests.e2e.stack import kill_once_locked, write_secret
from tests.unit.authority import issue

LAB = ["docs/first-registry.md", "docs/drift.md"]
# In this order: each page goes on where the one before left the stack.
OWN = [
    f"docs/{name}.md" for name in ("your-own-server", "clients", "users", "rotate", "troubleshooting", "decommission")
]
BLOCK = re.compile(r"^```(sh|yaml)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Reader:
    """Somebody who works through pages in a copy of the project."""

    folder: Path
    env: Mapping[str, str]
    replacements: Mapping[str, str]
    """Text of the documentation -> what stands for it here; longer ones first."""

    def follow(self, page: str) -> str:
        """Do all that a page says; return what was printed."""
        printed = ""
        for kind, file, text in BLOCK.findall((PROJECT / page).read_text()):
            if kind == "yaml":
                self._edit(self._here(file), yaml.safe_load(self._here(text)))
            else:
                printed += self._run(self._here(text))
        return printed

    def _here(self, text: str) -> str:
        for old, new in self.replacements.items():
            text = text.replace(old, new)
        return text

    def _edit(self, file: str, change: dict[str, Any]) -> None:
        path = self.folder / file
        content = yaml.safe_load(path.read_text())
        content["config"].update(change["config"])
        path.write_text(yaml.safe_dump(content))

    def _run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**os.environ, **self.env},
            input=PASSWORD,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def copy_of_the_project(folder: Path, replacements: Mapping[str, str]) -> None:
    """Copy what is committed or would be, with some texts replaced, and share the virtual environment."""
    listed = run(["git", "-C", PROJECT, "ls-files", "--cached", "--others", "--exclude-standard"])
    for name in listed.splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / name).exists():
            shutil.copy2(PROJECT / name, target)
    for file in [*(folder / "lab").rglob("*.py"), folder / "Pulumi.dev.yaml"]:
        text = file.read_text()
        for old, new in replacements.items():
            text = text.replace(old, new)
        file.write_text(text)
    (folder / ".venv").symlink_to(PROJECT / ".venv")


def create_the_stack(folder: Path) -> None:
    """Create the stack of the lab that a copy of the project has."""
    run([".venv/bin/python", "-c", "from lab import stack; stack.ensure()"], cwd=folder)


def test_every_command_stands_on_a_page_that_is_followed() -> None:
    pages = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").glob("*.md")]
    with_commands = {str(page.relative_to(PROJECT)) for page in pages if BLOCK.search(page.read_text())}
    assert with_commands == {*LAB, *OWN}


@pytest.mark.usefixtures("found_images")
def test_a_kill_while_the_lab_creates_its_stack_leaves_nothing_to_mend(tmp_path: Path) -> None:
    copy_of_the_project(tmp_path, {})
    committed = (tmp_path / "Pulumi.dev.yaml").read_text()
    create_the_stack(tmp_path)
    # Killed between the two, a run leaves the stack and not its salt.
    (tmp_path / ".lab/Pulumi.dev.salt").unlink()
    create_the_stack(tmp_path)
    salt = (tmp_path / ".lab/Pulumi.dev.salt").read_text()
    assert (tmp_path / ".lab/Pulumi.dev.yaml").read_text() == f"encryptionsalt: {salt}\n{committed}"
    assert (tmp_path / "Pulumi.dev.yaml").read_text() == committed


@pytest.mark.usefixtures("client_hosts")  # they keep make down from stopping Docker
def test_the_lab(tmp_path: Path) -> None:
    replacements = {
        "private-registry-lab": "private-registry-docs",
        "172.30.77": "172.30.79",
        "private-registry-dev-": "private-registry-docs-",
        'STACK = "dev"': 'STACK = "docs"',
        "Pulumi.dev.yaml": "Pulumi.docs.yaml",
    }
    copy_of_the_project(tmp_path, replacements)
    (tmp_path / "Pulumi.dev.yaml").rename(tmp_path / "Pulumi.docs.yaml")
    reader = Reader(tmp_path, {}, replacements)
    # Creating it takes a lock too: a run killed there has none to leave.
    create_the_stack(tmp_path)
    kill_once_locked(["make", "up"], tmp_path, tmp_path / ".lab/backend/.pulumi/locks")
    try:
        printed = "".join(map(reader.follow, LAB))
    finally:
        subprocess.run(["make", "down", "PURGE=1"], cwd=tmp_path, capture_output=True, check=False)
    assert "its lock is taken away" in printed
    assert printed.count("Login Succeeded") == 2
    assert "file=htpasswd:0600:" in printed
    # Three times when asked, and once when a repair has looked again.
    assert printed.count("is as it was left") == 4
    assert "container private-registry-docs-proxy is stopped" in printed
    assert "container private-registry-docs-proxy is gone" in printed


@pytest.fixture(scope="module")
def owner(found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Somebody with a server and clients of their own."""
    folder = tmp_path_factory.mktemp("own") / "private-registry"
    folder.mkdir()
    copy_of_the_project(folder, {})
    client_hosts.inside("server", "usermod --append --groups docker ops")
    client_hosts.bring_images("server", found_images)
    addresses = {
        "ssh://ops@registry.example.com": f"ssh://ops@{client_hosts.host('server').address}",
        "build-1.example.com": client_hosts.host("one").address,
        "build-2.example.com": client_hosts.host("two").address,
        "10.0.0.2": client_hosts.host("server").address,
        "file://~/registry-state": f"file://{folder.parent}",
        "~/registry-state": str(folder.parent),
    }
    keys = {
        f"ssh-ed25519 AAAA…{space}# ssh-keyscan -t ed25519 {name}": hosts.host_key(
            client_hosts.network, client_hosts.host(host)
        )
        for name, host in (
            ("registry.example.com", "server"),
            ("build-1.example.com", "one"),
            ("build-2.example.com", "two"),
        )
        for space in ("  ", "    ")
    }
    (folder / "keys").mkdir(mode=0o700)
    shutil.copy(client_hosts.clients["one"]["privateKeyFile"], folder / "keys/ops")
    root = issue("root", authority=True)
    server = issue("server", root, ["registry.example.com"])
    for name, text in (("chain.pem", server.pem), ("server.key", server.key_pem()), ("authority.pem", root.pem)):
        write_secret(folder / "keys" / name, text)
    example = (folder / "Pulumi.prod.yaml").read_text()
    for name in ("registry", "nginx"):
        example = re.sub(rf"{name}: {name}:\S+@sha256:\S+", f"{name}: {found_images[name]}", example)
    (folder / "Pulumi.prod.yaml").write_text(example)
    env = {
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_CREDENTIALS_PATH": str(folder.parent / "credentials"),
        # A reader answers the questions.
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        **engine.environment(),
    }
    return Reader(folder, env, keys | addresses)


@pytest.mark.parametrize("page", OWN)
def test_a_page_of_ones_own_registry(owner: Reader, client_hosts: Hosts, page: str) -> None:
    owner.follow(page)
    if page == OWN[0]:
        login = "docker login -u ci --password-stdin registry.example.com"
        client_hosts.inside("one", login, PASSWORD)
        client_hosts.inside("one", "docker logout registry.example.com")
    if page == OWN[-1]:
        assert client_hosts.inside("server", "docker ps -aq; docker volume ls -q") == ""
        assert "registry.example.com" not in client_hosts.inside("one", "cat /etc/hosts; ls -R /etc/docker")
