"""The sources of the certificate: each has a component, says what it is, and leaves kept stacks their resources."""

from typing import Any, get_args

import pytest

from components.certificates import SOURCES
from components.settings.certificates import Source
from tests.unit.authority import Pair, issue
from tests.unit.conftest import AUTHORITY, KEY, REQUEST, SERVER, Declare, Recorder

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


def test_every_source_that_can_be_configured_has_a_component() -> None:
    kinds, *_ = get_args(Source)
    assert set(get_args(kinds)) == set(SOURCES)


SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "SelfSigned": (
        {**SELF_SIGNED, "authority": ROOT.pem},
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
            "rotation": "",
            **LIVES,
        },
    ),
    "SigningAuthority": (
        SIGNING,
        {
            "source": "signing-authority",
            "signer": "CN=team intermediate",
            "anchors": ["CN=team root"],
            "authorities": {"CN=team root": known(ROOT)},
            "rotation": "a",
            **LIVES,
        },
    ),
    "Provided": (
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
    ),
}


@pytest.mark.parametrize("kind", SAID)
def test_a_component_says_what_it_is(declare: Declare, kind: str) -> None:
    certificate, said = SAID[kind]
    [found] = declare(certificate=certificate).of(component(kind))
    assert found.inputs == {"names": NAMES, **said}
    assert found.name == "registry-certificate"


def below(recorder: Recorder) -> dict[tuple[str, str], str]:
    """Return type and name -> type of the parent, of all that belongs to the certificate."""
    kinds = (AUTHORITY, KEY, REQUEST, SERVER)
    return {
        place: options.parent
        for place, options in recorder.options.items()
        if place[0] in kinds and not place[1].startswith("registry-seed")
    }


KEPT: tuple[tuple[str, dict[str, Any], set[tuple[str, str]]], ...] = (
    (
        "SelfSigned",
        {"authorities": ["1"], "rotation": "b"},
        {
            (KEY, "registry-certificate-authority-1"),
            (AUTHORITY, "registry-certificate-authority-1"),
            (KEY, "registry-certificate-server-b"),
            (REQUEST, "registry-certificate-server"),
            (SERVER, "registry-certificate-server"),
        },
    ),
    (
        "SigningAuthority",
        SIGNING,
        {
            (KEY, "registry-certificate-server-a"),
            (REQUEST, "registry-certificate-server"),
            (SERVER, "registry-certificate-server"),
        },
    ),
    ("Provided", PROVIDED, set()),
)


@pytest.mark.parametrize(("kind", "certificate", "kept"), KEPT, ids=[kind for kind, *_ in KEPT])
def test_a_kept_stack_finds_its_resources_again(
    declare: Declare, kind: str, certificate: dict[str, Any], kept: set[tuple[str, str]]
) -> None:
    recorder = declare(certificate=certificate)
    assert below(recorder) == dict.fromkeys(kept, component(kind))
    assert recorder.options[component(kind), "registry-certificate"].parent == "private-registry:index:PrivateRegistry"


@pytest.mark.parametrize("kind", SAID)
def test_a_component_says_nothing_that_is_secret(declare: Declare, kind: str) -> None:
    certificate, _ = SAID[kind]
    [found] = declare(certificate=certificate).of(component(kind))
    assert "PRIVATE" not in str(found.inputs)
    assert not [key for key in found.inputs if found.is_secret(key)], "a preview shows all of it"
