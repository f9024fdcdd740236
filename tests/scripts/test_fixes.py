"""What a mistake's message says to do works when it is pasted: run by the real command line, on a real stack's file."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings import InvalidSettings, load
from lab import engine
from lab.places import PROJECT
from tests.unit.authority import issue
from tests.unit.conftest import BASE, HOST_KEY, SSH_KEY

ROOT = issue("root", authority=True)
SERVER = issue("server", ROOT, ["registry.test"])
CLIENT = {"host": "h", "privateKey": SSH_KEY, "hostKey": HOST_KEY}
PROVIDED = {"source": "provided", "chain": SERVER.pem, "key": SERVER.key_pem(), "authority": ROOT.pem}


class Project:
    """A checkout with one stack, and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "Pulumi.test.yaml"
        shutil.copy(PROJECT / "Pulumi.yaml", folder)
        (folder / "backend").mkdir()
        backend = {"PULUMI_BACKEND_URL": f"file://{folder}/backend", "PULUMI_CONFIG_PASSPHRASE": "x"}
        self.env = {**os.environ, **engine.environment(), **backend}
        self.shell("pulumi stack init --non-interactive test")
        self.salt = yaml.safe_load(self.file.read_text())["encryptionsalt"]

    def shell(self, line: str, stdin: str = "") -> str:
        """Run a line as somebody does who pastes it."""
        done = subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=self.env, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mistakes(self) -> str:
        """Return what the program says of the stack's file; nothing where it is valid."""
        found = json.loads(self.shell("pulumi config --json --show-secrets"))
        texts = {
            key.partition(":")[2]: json.dumps(entry["objectValue"]) if "objectValue" in entry else entry["value"]
            for key, entry in found.items()
        }
        try:
            load(texts.get, found, self.folder, "test")
        except InvalidSettings as mistakes:
            return str(mistakes)
        return ""

    def write(self, settings: dict[str, Any]) -> None:
        config = {f"private-registry:{key}": value for key, value in settings.items()}
        self.file.write_text(yaml.safe_dump({"encryptionsalt": self.salt, "config": config}))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


FIXES: dict[str, tuple[dict[str, Any], str, str]] = {
    # What is wrong, what stands in the place of VALUE, and what comes on standard input.
    "an authority's name": ({"certificate": {"authorities": [True]}}, "2026", ""),
    "no authority": ({"certificate": {"authorities": []}}, "2026", ""),
    "a rotation": ({"certificate": {"rotation": 1.5}}, "true", ""),
    "a user's name": ({"users": [{"name": False}]}, "10023", ""),
    "a password": ({"users": [{"name": "a", "password": 123}]}, "", "00123"),
    "a repository": ({"users": [{"name": "a", "repositories": [1.5]}]}, "2026", ""),
    "an access": ({"users": [{"name": "a", "access": "all"}]}, "pull", ""),
    "an unknown key": ({"users": [{"name": "a", "odd.key": 1}]}, "", ""),
    "a host key": ({"clients": [{**CLIENT, "hostKey": "x"}]}, f"'{HOST_KEY}'", ""),
    "a port": ({"clients": [{**CLIENT, "port": "22"}]}, "22", ""),
    "a switch": ({"clients": [{"host": "h", "local": "yes"}]}, "true", ""),
    "an SSH user": ({"clients": [{**CLIENT, "user": 1.5}]}, "10023", ""),
    "an SSH key": ({"clients": [{**CLIENT, "privateKey": "x"}]}, "", SSH_KEY),
    "a chain": ({"certificate": {**PROVIDED, "chain": "x"}}, "", SERVER.pem),
    "a server key": ({"certificate": {**PROVIDED, "key": "x"}}, "", SERVER.key_pem()),
    "the domain": ({"domain": "localhost"}, "registry.test", ""),
    "the port": ({"httpsPort": 0}, "8443", ""),
}


@pytest.mark.parametrize("case", FIXES)
def test_a_fix_works_as_it_is_printed(project: Project, case: str) -> None:
    changes, value, stdin = FIXES[case]
    project.write({**BASE, "clients": [], **changes})
    said = project.mistakes()
    assert "has 1 mistake" in said, said
    fix = said.splitlines()[-1].strip()
    assert fix.startswith("pulumi config ")
    if fix.endswith(" < FILE"):
        (project.folder / "FILE").write_text(stdin)
    project.shell(fix.replace(" VALUE", f" {value}"), stdin)
    assert project.mistakes() == ""


def test_what_the_command_line_makes_of_digits_is_taken(project: Project) -> None:
    project.write({**BASE, "clients": []})
    for path in ("certificate.authorities[0]", "certificate.rotation", "users[0].name", "users[0].repositories[0]"):
        project.shell(f"pulumi config set --path 'private-registry:{path}' 2026")
    assert "- 2026" in project.file.read_text(), "a number, not a text"
    assert project.mistakes() == ""
