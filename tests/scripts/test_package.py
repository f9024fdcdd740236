"""The package alone, in an empty folder: nothing of this project is there but the wheel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.places import PROJECT
from tests.unit.authority import issue
from tests.wheel import install_wheel, python_path

PROGRAM = '''
"""Two registries of one program; the password of one comes from another resource."""

import pulumi
import private_registry
from private_registry import PrivateRegistry, PrivateRegistryArgs

DIGEST = "sha256:" + "a" * 64
IMAGES = {"registry": DIGEST, "nginx": DIGEST}
CERTIFICATE = """$CERTIFICATE"""


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        made = {"certPem": CERTIFICATE, "privateKeyPem": "-----BEGIN PRIVATE KEY-----\\n", "stdout": "done"}
        return f"{args.name}-id", {**args.inputs, **made}

    def call(self, args):
        return {}, []


pulumi.runtime.set_mocks(Mocks(), project="elsewhere", stack="test")


@pulumi.runtime.test
def test_two_registries() -> pulumi.Output[None]:
    password = pulumi.Output.secret("of another resource")
    hub: PrivateRegistryArgs = {
        "domain": "hub.example.com",
        "images": IMAGES,
        "users": [{"name": "ci", "password": password, "repositories": ["team"]}],
        "certificate": {"source": "self-signed", "validity_days": 90},
    }
    first = PrivateRegistry("registry", hub)
    second = PrivateRegistry("mirror", {"domain": "mirror.example.com", "https_port": 8443, "images": IMAGES})
    assert first.passwords is None
    assert "site-packages" not in private_registry.__file__

    def check(values: list[str]) -> None:
        assert values == ["https://hub.example.com", "mirror.example.com:8443"]

    return pulumi.Output.all(first.url, second.registry).apply(check)


def test_mistakes_are_told_together() -> None:
    import pytest

    with pytest.raises(pulumi.RunError) as error:
        PrivateRegistry("hub", {"domain": "localhost", "users": [{"name": "ci", "acess": "pull"}]})  # type: ignore
    assert "The registry 'hub' has 2 mistakes; no part of it was created or changed." in str(error.value)
    assert "did you mean access?" in str(error.value)
'''


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program, beside one in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("alone")
    install_wheel(folder)
    program = folder / "program"
    program.mkdir()
    (program / "test_program.py").write_text(PROGRAM.replace("$CERTIFICATE", issue("made", authority=True).pem))
    return program


def _run(alone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": python_path(alone.parent)}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=alone, env=env, capture_output=True, text=True, check=False)


def test_a_program_elsewhere_declares_two_registries_on_mocks(alone: Path) -> None:
    done = _run(alone, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_of_the_package_is_in_the_wheel(alone: Path) -> None:
    kept = {".py", ".sh", ".j2", ".js", ".txt", ".typed"}

    def files(folder: Path) -> set[Path]:
        return {file.relative_to(folder) for file in folder.rglob("*") if file.suffix in kept}

    assert files(alone.parent / "installed/private_registry") == files(PROJECT / "components")
