"""The sources of the certificate: each has a component, says what it is, and leaves kept stacks their resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import pulumi
import pytest
from pydantic import ValidationError

from components import PrivateRegistry
from components.certificates import SOURCES
from components.certificates.certificate import gives_up
from components.key_types import KeyType
from components.settings import Settings
from components.settings.certificates import Source
from tests.unit.authority import Pair, issue
from tests.unit.conftest import AUTHORITY, BASE, DIGEST, KEY, REQUEST, SERVER, Declare, Recorder, Resource, mocked

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
            "renewal": {"by": "server"},
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


ENDS = {
    "SelfSigned": [
        "server certificate",
        "CN=registry-certificate-authority-2026",
        "CN=registry-certificate-authority-2027",
        "CN=team root",
    ],
    "SigningAuthority": ["server certificate", "CN=team root"],
    "Provided": ["server certificate", f"CN=team root ({short(ROOT)})", f"CN=team root ({short(OTHER_ROOT)})"],
    "Acme": [],
}
"""Whose end the outputs tell; of a certificate that the server renews by itself the stack knows none."""


@of_each_source
def test_the_outputs_tell_who_renews_and_what_ends_when(kind: str) -> None:
    settings = Settings.model_validate({**BASE, "certificate": example(kind).certificate, "images": IMAGES})
    found: dict[str, Any] = {}

    def program() -> None:
        pulumi.Output.all(**PrivateRegistry("registry", settings).outputs).apply(found.update)

    mocked(program)
    assert found["renewal"] == settings.certificate.renewal.told
    assert list(found["ends"]) == ENDS[kind]
    if kind == "Provided":
        assert list(found["ends"].values()) == [known(one)["until"] for one in (LEAF, ROOT, OTHER_ROOT)]
    assert all(datetime.fromisoformat(end) > datetime.now(UTC) for end in found["ends"].values())


KINDS: Mapping[str, dict[str, Any]] = {
    "P-256": {"algorithm": "ECDSA", "ecdsaCurve": "P256"},
    "P-384": {"algorithm": "ECDSA", "ecdsaCurve": "P384"},
    "RSA-2048": {"algorithm": "RSA", "rsaBits": 2048},
    "RSA-3072": {"algorithm": "RSA", "rsaBits": 3072},
    "RSA-4096": {"algorithm": "RSA", "rsaBits": 4096},
}
MADE = pytest.mark.parametrize("certificate", [SELF_SIGNED, {**SIGNING, "rotation": "a"}], ids=["own", "signing"])


def server_key(recorder: Recorder) -> Resource:
    [found] = [key for key in recorder.of(KEY) if key.name.startswith("registry-certificate-server")]
    return found


def test_every_kind_of_key_is_tried_here() -> None:
    assert set(KINDS) == set(get_args(KeyType))


@MADE
@pytest.mark.parametrize("kind", KINDS)
def test_the_servers_key_is_of_the_kind_that_is_wanted(
    declare: Declare, certificate: dict[str, Any], kind: str
) -> None:
    recorder = declare(certificate={**certificate, "keyType": kind})
    assert server_key(recorder).inputs == KINDS[kind]
    rest = [key.inputs for key in recorder.of(KEY) if "authority" in key.name]
    assert rest == [KINDS["P-256"]] * len(certificate.get("authorities", [])), "those of authorities stay"


@MADE
def test_another_kind_of_key_is_another_key(declare: Declare, certificate: dict[str, Any]) -> None:
    """Another name each, so that the engine makes it before the old one goes, and the rest is where it was."""
    recorders = [declare(certificate={**certificate, "keyType": kind}) for kind in KINDS]
    assert len({server_key(recorder).name for recorder in recorders}) == len(KINDS)
    others = [set(below(recorder)) - {(KEY, server_key(recorder).name)} for recorder in recorders]
    assert all(one == others[0] for one in others)


@MADE
def test_the_usual_kind_of_key_changes_nothing(declare: Declare, certificate: dict[str, Any]) -> None:
    said, unsaid = (declare(certificate=one) for one in ({**certificate, "keyType": "P-256"}, certificate))
    by_place = [{(one.type, one.name): one.inputs for one in recorder.resources} for recorder in (said, unsaid)]
    assert by_place[0] == by_place[1]
    [told] = [one for one in unsaid.resources if one.name == "registry-certificate"]
    assert "keyType" not in told.inputs


@pytest.mark.parametrize("source", [SELF_SIGNED, SIGNING, EXAMPLES["Acme"].certificate])
def test_a_kind_of_key_that_nobody_offers_is_refused(source: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="'P-256', 'P-384', 'RSA-2048', 'RSA-3072' or 'RSA-4096'"):
        Settings.model_validate({**BASE, "images": IMAGES, "certificate": {**source, "keyType": "RSA-1024"}})


STATE = "urn:pulumi:dev::private-registry::private-registry:index:PrivateRegistry$private-registry:index:"
AT = "::registry-certificate"
OWN = f"{STATE}SelfSignedCertificate{AT}"
FIRST, SECOND = (
    f"{STATE}SelfSignedCertificate$tls:index/selfSignedCert:SelfSignedCert{AT}-authority-{name}" for name in "12"
)


@pytest.mark.parametrize(
    ("certificate", "authorities", "state", "missed"),
    [
        (OWN, [FIRST], [OWN, FIRST], False),
        (OWN, [FIRST, SECOND], [OWN, FIRST], False),
        (OWN, [SECOND], [OWN, FIRST, SECOND], True),
        (f"{STATE}AcmeCertificate{AT}", [], [OWN, FIRST], True),
        (OWN, [FIRST], [OWN, FIRST, f"{STATE}AcmeCertificate{AT}"], True),
        (OWN, [FIRST], [OWN, FIRST, f"{STATE}AcmeCertificate::other-certificate"], False),
        (OWN, [FIRST], [OWN, FIRST, SECOND.replace(AT, "::other-certificate")], False),
        (OWN, [FIRST], [OWN, FIRST, "urn:pulumi:dev::private-registry::a:b:C::of::somebody"], False),
        (OWN, [FIRST], None, True),
    ],
    ids=[
        *("same", "more", "another authority", "to a source", "from a source"),
        *("other registry", "authority of the other registry", "odd name", "unknown"),
    ],
)
def test_what_is_served_needs_its_source_and_its_authority(
    certificate: str, authorities: list[str], state: list[str] | None, missed: bool
) -> None:
    assert gives_up(certificate, authorities, state) is missed
