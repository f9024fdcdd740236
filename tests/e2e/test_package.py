"""A program of somebody's own, with nothing of this project but the wheel, has two registries.

The tests are one story and run in this order. They cost two updates, three previews and a removal.
"""

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.stack import Stack
from tests.wheel import install_wheel, on_path

PROGRAM = '''
"""Two registries on one server; a password comes from another resource."""

import pulumi
import pulumi_tls as tls
from private_registry import PrivateRegistry

config = pulumi.Config("private-registry")
known = {key: config.require_object(key) for key in ("images", "clients")}
known["bind_address"] = config.require("bindAddress")
password = tls.PrivateKey("drawn", algorithm="ED25519").public_key_fingerprint_sha256
hub = PrivateRegistry("registry", {"domain": "hub.test", "users": [{"name": "ci", "password": password}], **known})
registries = {"hub": hub}
if config.require_bool("mirrored"):
    registries["mirror"] = PrivateRegistry(
        "mirror", {"domain": "mirror.test", "https_port": 8443, "delete_data": True, **known}
    )
for name, registry in registries.items():
    pulumi.export(name, registry.verification)
'''
HUB, MIRROR = "private-registry-package-", "private-registry-package-mirror-"


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("package")
    install_wheel(folder)
    program = folder / "program"
    program.mkdir()
    known = settings(found_images, client_hosts, "one")
    given = {key: known[key] for key in ("images", "clients", "bindAddress")} | {"mirrored": True}
    with Stack(program, "package", given, on_path(folder)) as stack:
        shutil.rmtree(program / "components")
        (program / "__main__.py").write_text(PROGRAM)
        # Its own keys are of no type that the project's file knows.
        (program / "Pulumi.yaml").write_text("name: private-registry\nruntime: python\n")
        yield stack


def of(names: dict[str, str], prefix: str) -> dict[str, str]:
    return {name: start for name, start in names.items() if name.startswith(prefix)}


def test_both_prove_themselves(stack: Stack) -> None:
    stack.up()
    outputs = stack.outputs()
    assert sorted(outputs) == ["hub", "mirror"]
    assert all("pulled sha256:" in proof for proofs in outputs.values() for proof in proofs.values())
    assert len(of(containers(HUB), MIRROR)) == 3
    assert len(containers(HUB)) == 6


def test_nothing_changes_and_nothing_has_drifted(stack: Stack) -> None:
    assert stack.preview() == []
    assert stack.drifted() == []


def test_no_rule_is_broken(stack: Stack) -> None:
    assert "mandatory" not in stack.judged({})


def test_one_goes_and_the_other_stays_as_it_is(stack: Stack, client_hosts: Hosts) -> None:
    before = {name: start for name, start in containers(HUB).items() if not name.startswith(MIRROR)}
    stack.configure(mirrored=False)
    stack.up()
    assert containers(HUB) == before
    assert client_hosts.inside("one", "ls /etc/docker/certs.d").split() == ["hub.test", "hub.test:443"]
    assert "hub.test" in client_hosts.inside("one", "cat /etc/hosts")
    assert "mirror.test" not in client_hosts.inside("one", "cat /etc/hosts")
