"""The examples that are committed are valid, and complete where they say so."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings import Settings
from components.settings.arguments import sections
from components.settings.certificates import Signed
from components.settings.documented import documented
from lab.places import PROJECT
from tests.unit.authority import issue
from tests.unit.conftest import HOST_KEY, SSH_KEY
from tests.unit.test_settings import read

OF_THE_PROJECT = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]

HOSTS = ("build-1.example.com", "[build-2.example.com]:2222", "db1.example.com", "web1.example.com", "web2.example.com")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A project with the files that the examples name."""
    (tmp_path / "keys").mkdir()
    root = issue("root", authority=True, ends=1000)
    between = issue("intermediate", root, authority=True, ends=1000)
    server = issue("server", between, ["registry.example.com"])
    files = {
        "ops": SSH_KEY,
        "ci.password": "one",
        "kube.password": "another",
        "ca.pem": root.pem,
        "chain.pem": server.pem + between.pem,
        "server.key": server.key_pem(),
        "intermediate.pem": between.pem,
        "intermediate.key": between.key_pem(),
        "dns.yaml": "CLOUDFLARE_DNS_API_TOKEN: a token",
        "storage.id": "an id",
        "known_hosts": "".join(f"{name} {HOST_KEY}\n" for name in HOSTS),
        "ssh_config": "Host web1 db1\n    HostName %h.example.com\n    IdentityFile keys/ops\n",
        "storage.key": "a key",
        "docker-hub.password": "a token",
    }
    for name, text in files.items():
        (tmp_path / "keys" / name).touch(mode=0o600)
        (tmp_path / "keys" / name).write_text(text)
    (tmp_path / "hosts.ini").write_text("[registry_clients]\nweb[1:2].example.com\n")
    return tmp_path


def example(stack: str) -> dict[str, Any]:
    content = yaml.safe_load((PROJECT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("private-registry:"): value for key, value in content.items()}


def test_the_example_for_production_is_valid(keys: Path) -> None:
    settings = read(example("prod"), keys)
    assert settings.reference == "registry.example.com"
    assert [client.host for client in settings.all_clients] == ["build-1.example.com", "10.20.0.7"]
    assert (settings.protect, settings.delete_data) == (True, False)


def test_the_example_for_staging_is_valid(keys: Path) -> None:
    settings = read(example("staging"), keys)
    assert settings.reference == "registry.staging.example.com"
    assert isinstance(settings.certificate, Signed)
    assert settings.certificate.validity_days - settings.certificate.renewal_days == 30


DOCUMENTED = {section.__name__: documented(section).example for section in sections(Settings)}
COMPLETE = yaml.safe_load(DOCUMENTED["Settings"])


@pytest.mark.parametrize("section", DOCUMENTED)
def test_the_example_of_a_section_is_valid(keys: Path, section: str) -> None:
    example = yaml.safe_load(DOCUMENTED[section])
    if "private-registry:servers" in example:
        example |= yaml.safe_load(DOCUMENTED["S3"])
    images = {**COMPLETE["private-registry:images"], **example.get("private-registry:images", {})}
    config = {**COMPLETE, **example, "private-registry:images": images}
    settings = read({key.removeprefix("private-registry:"): value for key, value in config.items()}, keys)
    assert settings.reference == "registry.example.com"


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_what_environments_share_stands_once(stack: str) -> None:
    shared = {
        key.removeprefix("private-registry:"): declared.get("default") for key, declared in OF_THE_PROJECT.items()
    }
    assert [key for key, value in example(stack).items() if value == shared[key]] == []


def test_an_image_is_promoted_by_one_line() -> None:
    staging, prod = ((PROJECT / f"Pulumi.{stack}.yaml").read_text().splitlines() for stack in ("staging", "prod"))
    for name in ("registry", "nginx"):
        [line] = [line for line in staging if line.startswith(f"    {name}: {name}:")]
        assert line in prod, "the same line, so that it is copied as it is"


def test_no_example_holds_a_secret() -> None:
    for file in PROJECT.glob("Pulumi.*.yaml"):
        text = file.read_text()
        assert "secure:" not in text
        assert "encryptionsalt" not in text
        assert "password:" not in text


def test_the_command_line_knows_every_key() -> None:
    known = {f"private-registry:{field.alias}" for field in Settings.model_fields.values()}
    assert set(OF_THE_PROJECT) == known
    assert all("description" in key for key in OF_THE_PROJECT.values())
