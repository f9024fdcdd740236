"""The examples that are committed are valid, and complete where they say so."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.places import PROJECT
from settings import Settings
from tests.unit.conftest import SSH_KEY
from tests.unit.test_settings import read


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A project with the files that the example names."""
    (tmp_path / "keys").mkdir()
    for name, text in (("ops", SSH_KEY), ("ci.password", "one"), ("kube.password", "another")):
        (tmp_path / "keys" / name).touch(mode=0o600)
        (tmp_path / "keys" / name).write_text(text)
    return tmp_path


def example() -> dict[str, Any]:
    content = yaml.safe_load((PROJECT / "Pulumi.prod.yaml").read_text())["config"]
    return {key.removeprefix("private-registry:"): value for key, value in content.items()}


def test_the_example_for_production_is_valid(keys: Path) -> None:
    settings = read(example(), keys)
    assert settings.reference == "registry.example.com"
    assert [client.host for client in settings.all_clients] == ["build-1.example.com", "10.20.0.7"]
    assert settings.delete_data is False


def test_the_example_for_production_has_every_key_but_the_files_that_hold_more() -> None:
    known = {str(field.alias) for field in Settings.model_fields.values()}
    assert set(example()) == known - {"clientsFile", "imagesFile"}


def test_no_example_holds_a_secret() -> None:
    for file in PROJECT.glob("Pulumi.*.yaml"):
        text = file.read_text()
        assert "secure:" not in text
        assert "encryptionsalt" not in text
        assert "password:" not in text


def test_the_command_line_knows_every_key() -> None:
    declared = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    known = {f"private-registry:{field.alias}" for field in Settings.model_fields.values()}
    assert set(declared) == known
    assert all("description" in key for key in declared.values())
