"""The sources of the certificate: each has a component, says what it is, and leaves kept stacks their resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from components.certificates import SOURCES
from components.settings.certificates import Source
from tests.unit.authority import Pair, issue
from tests.unit.conftest import AUTHORITY, BASE, DIGEST, KEY, REQUEST, SERVER, Declare, Recorder

ROOT = issue("team root", authority=True, ends=1000)
OTHER_ROOT = issue("team root", authority=True, ends=1000)
BETWEEN = issue("team intermediate", ROOT, authority=True, ends=1000)
LEAF = issue("server", BETWEEN, ["registry.test"])
SELF_SIGNED: dict[str, Any] = {"authorities": ["2026", "2027"]}
SIGNING = {
    "source": "signing-authority",
    "chain": BETWEEN.pem,
    "key": BETWEEN.key_pem(),
    "authority": ROOT.pem,
    "rotation": "a",
}
PROVIDED = {
    "source": "provided",
    "chain": LEAF.pem + BETWEEN.pem,
    "key": LEAF.key_pem(),
    "authority": ROOT.pem + OTHER_ROOT.pem,
}
IMAGES = {**BASE["images"], "lego": f"sha256:{DIGEST}"}
LIVES = {"validityDays": 365, "renewalDays": 30}
NAMES = ["registry.test"]


def component(name: str) -> str:
    return f"private-registry:index:{name}Certificate"


def known(pair: Pair) -> dict[str, str]:
    certificate = pair.certificate
    return {
        "sha256": certificate.fingerprint(certificate.signature_hash_algorithm).hex(),  # type: ignore[arg-type]
        "until": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
    }


def short(pair: Pair) -> str:
    return known(pair)["sha256"][:8]


@dataclass(frozen=True)
class Example:
    """A certificate of a source, what its component says, and which resources a kept stack has below it."""

    certificate: dict[str, Any]
    said: dict[str, Any]
    kept: set[tuple[str, str]]


EXAMPLES: Mapping[str, Example] = {
    "SelfSigned": Example(
        {**SELF_SIGNED, "authority": ROOT.pem, "rotation": "b"},
        {
            "source": "self-signed",
            "signer": "2026",
            "anchors": ["2026"],
            "authorities": {
                "2026": {"commonName": "test registry authority 2026"},
                "2027": {"commonName": "test registry authority 2027"},
                "CN=team root": known(ROOT),
            },
            "authorityValidityDays": 3650,
            "rotation": "b",
            **LIVES,
        },
        {
            (KEY, "registry-certificate-authority-2026"),
            (AUTHORITY, "registry-certificate-authority-2026"),
            (KEY, "registry-certificate-authority-2027"),
            (AUTHORITY, "registry-certificate-authority-2027"),
            (KEY, "registry-certificate-server-b"),
            (REQUEST, "registry-certificate-server"),
            (SERVER, "registry-certificate-server"),
        },
    ),
    "SigningAuthority": Example(
        SIGNING,
        {
            "source": "signing-authority",
            "signer": "CN=team intermediate",
            "anchors": ["CN=team root"],
            "authorities": {"CN=team root": known(ROOT)},
            "rotation": "a",
            **LIVES,
        },
        {
            (KEY, "registry-certificate-server-a"),
            (REQUEST, "registry-certificate-server"),
            (SERVER, "registry-certificate-server"),
        },
    ),
    "Provided": Example(
        PROVIDED,
        {
            "source": "provided",
            "signer": "CN=team intermediate",
            "anchors": [f"CN=team root ({short(ROOT)})"],
            "authorities": {
                f"CN=team root ({short(ROOT)})": known(ROOT),
                f"CN=team root ({short(OTHER_ROOT)})": known(OTHER_ROOT),
            },
            "served": known(LEAF),
        },
        set(),
    ),
    "Acme": Example(
        {"source": "acme", "challenge": "dns-01", "dnsProvider": "route53", "email": "ops@example.com"},
        {
            "source": "acme",
            "signer": "acme-v02.api.letsencrypt.org",
            "anchors": [],
            "authorities": {},
            "directory": "https://acme-v02.api.letsencrypt.org/directory",
            "challenge": "dns-01",
            "dnsProvider": "route53",
            "profile": "",
            "keyType": "P-256",
            "rotation": "",
            "renewal": "the server, by itself",
        },
        set(),
    ),
}
"""One for each source, by the name of its settings."""

of_each_source = pytest.mark.parametrize("kind", [source.__name__ for source in SOURCES])


def example(kind: str) -> Example:
    assert kind in EXAMPLES, f"a source needs an example: give {kind} a certificate, what it says and what it keeps"
    return EXAMPLES[kind]


def test_every_source_that_can_be_configured_has_a_component() -> None:
    kinds, *_ = get_args(Source)
    assert set(get_args(kinds)) == set(SOURCES)


@of_each_source
def test_a_component_says_what_it_is(declare: Declare, kind: str) -> None:
    given = example(kind)
    [found] = declare(certificate=given.certificate, images=IMAGES).of(component(kind))
    assert found.inputs == {"names": NAMES, **given.said}
    assert found.name == "registry-certificate"


def below(recorder: Recorder) -> dict[tuple[str, str], str]:
    """Return type and name -> type of the parent, of all that belongs to the certificate."""
    kinds = (AUTHORITY, KEY, REQUEST, SERVER)
    return {
        place: options.parent
        for place, options in recorder.options.items()
        if place[0] in kinds and not place[1].startswith("registry-seed")
    }


@of_each_source
def test_a_kept_stack_finds_its_resources_again(declare: Declare, kind: str) -> None:
    given = example(kind)
    recorder = declare(certificate=given.certificate, images=IMAGES)
    assert below(recorder) == dict.fromkeys(given.kept, component(kind))
    assert recorder.options[component(kind), "registry-certificate"].parent == "private-registry:index:PrivateRegistry"


@of_each_source
def test_a_component_says_nothing_that_is_secret(declare: Declare, kind: str) -> None:
    [found] = declare(certificate=example(kind).certificate, images=IMAGES).of(component(kind))
    assert "PRIVATE" not in str(found.inputs)
    assert not [key for key in found.inputs if found.is_secret(key)], "a preview shows all of it"
