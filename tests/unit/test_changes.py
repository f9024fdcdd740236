"""Each change of the settings changes the inputs of what it is about, and of nothing else.

A plan of the real engine for each of them is in tests/e2e/test_changes.py.
"""

from typing import Any

import pytest

from tests.unit.conftest import BASE, Declare, Recorder

USERS = {"registry-users", "registry-proxy-users"}
SITE = {"registry-proxy-site"}
REGISTRY = {"registry-registry"}
TLS = {"registry-proxy-tls"}
CERTIFICATE = {"registry-certificate"}
TRUSTED = {"registry-trust"}
PROVED = {"registry-verification"}
CI = BASE["users"][0]
ONE: dict[str, Any] = {"certificate": {"authorities": ["1"]}}
BOTH: dict[str, Any] = {"certificate": {"authorities": ["1", "2"]}}
MOVED: dict[str, Any] = {"certificate": {"authorities": ["2", "1"]}}
NEW: dict[str, Any] = {"certificate": {"authorities": ["2"]}}

CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "nothing": ({}, {}, set()),
    "user added": ({}, {"users": [CI, {"name": "new", "password": "x" * 12}]}, USERS),
    "password changed": ({}, {"users": [{**CI, "password": "another-marker"}]}, USERS),
    "user removed": ({"users": [CI, {"name": "new", "password": "x" * 12}]}, {}, USERS),
    "server certificate renewed": (
        {},
        {"certificate": {"rotation": "again"}},
        {*CERTIFICATE, "registry-certificate-server", "registry-certificate-server-again", *TLS, *PROVED},
    ),
    "authority added": (ONE, BOTH, {*CERTIFICATE, "registry-certificate-authority-2", *TRUSTED, *PROVED}),
    "authority moved first": (BOTH, MOVED, {*CERTIFICATE, "registry-certificate-server"}),
    "authority dropped": (MOVED, NEW, {*CERTIFICATE, "registry-certificate-authority-1", *TRUSTED, *PROVED}),
    "registry memory changed": ({}, {"limits": {"registryMemory": 300}}, {*REGISTRY, "private-registry-test-registry"}),
    "nginx memory changed": (
        {},
        {"limits": {"nginxMemory": 320}},
        {"registry-proxy", "registry-proxy-container", *SITE, *PROVED},
    ),
    "registry image replaced": (
        {},
        {"images": {**BASE["images"], "registry": f"sha256:{'b' * 64}"}},
        {*REGISTRY, "registry-registry-config", "registry-registry-data-owner", "private-registry-test-registry"},
    ),
    "client added": (
        {},
        {"clients": [*BASE["clients"], {"host": "third.example.com", "local": True}]},
        {*TRUSTED, *PROVED},
    ),
    "client removed": (
        {},
        {"clients": BASE["clients"][1:]},
        {*TRUSTED, *PROVED},
    ),
}


def inputs(recorder: Recorder) -> dict[tuple[str, str], Any]:
    return {(resource.type, resource.name): resource.inputs for resource in recorder.resources}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_about_what_it_says(declare: Declare, change: str) -> None:
    before, after, expected = CHANGES[change]
    old, new = inputs(declare(**before)), inputs(declare(**after))
    changed = {key[1] for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    assert changed == expected
