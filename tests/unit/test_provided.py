"""A certificate that would not work is refused before anything is created."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from components.settings.chain import mistakes
from lab.places import PROJECT
from tests.unit.authority import Pair, dsa_key, issue, rsa_key
from tests.unit.conftest import BASE, LOCAL, Declare
from tests.unit.fleet import placed, proofs
from tests.unit.test_settings import message, read

DOMAIN = "registry.test"
ROOT = issue("root", authority=True)
OTHER = issue("other root", authority=True)
BETWEEN = issue("intermediate", ROOT, authority=True)
SERVER = issue("server", BETWEEN, [DOMAIN])
DIRECT = issue("server", ROOT, [DOMAIN])


def from_root(**changes: Any) -> Pair:
    return issue("server", changes.pop("issuer", ROOT), changes.pop("names", [DOMAIN]), **changes)


def chain(*links: Pair) -> str:
    return "".join(link.pem for link in links)


WEAK_ROOT = issue("weak root", authority=True, key=rsa_key(1024))
NO_AUTHORITY = issue("no authority", ROOT)
MAY_NOT_SIGN = issue("may not sign", ROOT, authority=True, sign=False)
EXPIRED_ROOT = issue("old root", authority=True, starts=-20, ends=-10)
EXPIRED_BETWEEN = issue("old intermediate", ROOT, authority=True, starts=-20, ends=-10)
NARROW_ROOT = issue("narrow root", authority=True, path_length=0)
NARROW = issue("intermediate", NARROW_ROOT, authority=True)
OTHERS = x509.NameConstraints(None, [x509.DNSName(DOMAIN)])
CONSTRAINED = issue("constrained", authority=True, more=[(OTHERS, True)])
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
FOR_CLIENTS = issue(
    "for clients", ROOT, authority=True, more=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)]
)
ITSELF = issue(DOMAIN, None, [DOMAIN], authority=True)

BAD: list[tuple[str, tuple[Pair, ...], Pair, str]] = [
    ("expired", (from_root(starts=-20, ends=-10),), ROOT, "expired on"),
    ("expires now", (from_root(starts=-20, ends=0),), ROOT, "expired on"),
    ("not yet valid", (from_root(starts=1),), ROOT, "is not valid before"),
    ("another name", (from_root(names=["other.test"]),), ROOT, "is not for registry.test"),
    ("no alternative name", (from_root(names=[]),), ROOT, "clients ignore the common name"),
    ("a wildcard one level up", (from_root(names=["*.registry.test"]),), ROOT, "is not for registry.test"),
    (
        "a wildcard below the last label",
        (from_root(names=["*.test"]),),
        ROOT,
        "curl does not accept the wildcard *.test",
    ),
    ("a wildcard of everything", (from_root(names=["*"]),), ROOT, "is not for registry.test"),
    ("an address in place of the name", (from_root(names=["10.0.0.2"]),), ROOT, "is not for registry.test"),
    ("for clients alone", (from_root(client_only=True),), ROOT, "server authentication"),
    ("RSA 1024", (from_root(key=rsa_key(1024)),), ROOT, "RSA key of 1024 bits"),
    ("RSA 1024 authority", (from_root(issuer=WEAK_ROOT),), WEAK_ROOT, "weak root has an RSA key of 1024"),
    ("DSA", (from_root(key=dsa_key()),), ROOT, "has a key type that clients refuse"),
    ("out of order", (BETWEEN, SERVER), ROOT, "the server certificate must come first"),
    ("a stranger in between", (SERVER, OTHER), ROOT, "out of order or incomplete"),
    ("incomplete", (SERVER,), ROOT, "is not in authority or authorityFile"),
    ("another authority", (DIRECT,), OTHER, "is not in authority or authorityFile"),
    ("CA:FALSE issuer", (issue("server", NO_AUTHORITY, [DOMAIN]), NO_AUTHORITY), ROOT, "is not a CA certificate"),
    ("CA:FALSE anchor", (issue("server", NO_AUTHORITY, [DOMAIN]),), NO_AUTHORITY, "is not a CA certificate"),
    (
        "an issuer that may not sign",
        (issue("server", MAY_NOT_SIGN, [DOMAIN]), MAY_NOT_SIGN),
        ROOT,
        "not allowed to sign",
    ),
    ("expired authority", (issue("server", EXPIRED_ROOT, [DOMAIN]),), EXPIRED_ROOT, "old root expired"),
    (
        "expired intermediate",
        (issue("s", EXPIRED_BETWEEN, [DOMAIN]), EXPIRED_BETWEEN),
        ROOT,
        "old intermediate expired",
    ),
    ("a path too long", (issue("s", NARROW, [DOMAIN]), NARROW), NARROW_ROOT, "fewer intermediate certificates"),
    ("names excluded", (from_root(issuer=CONSTRAINED),), CONSTRAINED, "excludes its name (name constraints)"),
    (
        "critical and unknown",
        (from_root(more=[(UNKNOWN, True)]),),
        ROOT,
        "a critical extension that clients don't know",
    ),
    ("clients' intermediate", (issue("s", FOR_CLIENTS, [DOMAIN]), FOR_CLIENTS), ROOT, "is not for TLS servers"),
    ("self-signed server", (issue("alone", None, [DOMAIN]),), ROOT, "is not in authority or authorityFile"),
]


def configured(links: tuple[Pair, ...], key: str, **more: Any) -> dict[str, Any]:
    return {"source": "provided", "chain": chain(*links), "key": key, **more}


@pytest.mark.parametrize(("links", "root", "reason"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_certificate_is_refused(links: tuple[Pair, ...], root: Pair, reason: str) -> None:
    text = message(certificate=configured(links, links[0].key_pem(), authority=root.pem))
    assert reason in text
    assert "nothing was created or changed" in text


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (configured((DIRECT,), ROOT.key_pem(), authority=ROOT.pem), "does not belong to the chain's first"),
        (configured((DIRECT,), DIRECT.key_pem(b"secret"), authority=ROOT.pem), "must not be encrypted"),
        (configured((DIRECT,), "marker-rubbish", authority=ROOT.pem), "must be a private key in PEM form"),
        (configured((), DIRECT.key_pem(), authority=ROOT.pem), "certificates in PEM form"),
        ({**configured((DIRECT,), DIRECT.key_pem()), "chain": "rubbish"}, "certificates in PEM form"),
        (configured((DIRECT,), DIRECT.key_pem(), authority="rubbish"), "certificates in PEM form"),
        (configured((DIRECT,), DIRECT.key_pem()), "needs either authority or authorityFile"),
        (configured((DIRECT,), DIRECT.key_pem(), public=True), "add the intermediate certificates"),
        (
            configured((DIRECT,), DIRECT.key_pem(), public=True, authority=ROOT.pem),
            "cannot be used together with public: true",
        ),
        ({"source": "provided", "chain": DIRECT.pem, "authority": ROOT.pem}, "needs either key or keyFile"),
        ({"chain": DIRECT.pem}, "chain cannot be used with source: self-signed"),
        ({"public": True}, "public cannot be used with source: self-signed, only with provided or "),
        (configured((DIRECT,), DIRECT.key_pem(), authority=ROOT.pem, rotation="1"), "rotation cannot be used with"),
        ({"source": "est"}, "must be one of 'self-signed', 'provided', "),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_bad_combination_is_refused(certificate: dict[str, Any], reason: str) -> None:
    text = message(certificate=certificate)
    assert reason in text
    assert "marker" not in text
    assert DIRECT.key_pem().splitlines()[1] not in text


def test_a_certificate_signed_with_sha1_is_refused() -> None:
    data = PROJECT / "tests/unit/data"
    server, root = (data / "sha1-server.pem").read_text(), (data / "sha1-root.pem").read_text()
    found = list(mistakes(DOMAIN, server, DIRECT.key_pem(), root))
    assert "CN=sha1 server is signed with sha1, which clients refuse" in found


def test_all_that_is_wrong_is_named_at_once() -> None:
    bad = from_root(names=["other.test"], starts=-20, ends=-10)
    found = list(mistakes(DOMAIN, bad.pem, ROOT.key_pem(), OTHER.pem))
    assert len(found) == 4, found


@pytest.mark.parametrize(
    ("domain", "links", "root"),
    [
        (DOMAIN, (DIRECT,), ROOT),
        (DOMAIN, (SERVER, BETWEEN), ROOT),
        (DOMAIN, (SERVER, BETWEEN, ROOT), ROOT),
        ("registry.example.test", (from_root(names=["*.example.test"]),), ROOT),
        (DOMAIN, (from_root(key=rsa_key()),), ROOT),
        ("10.0.0.2", (from_root(names=["10.0.0.2"]),), ROOT),
        (DOMAIN, (SERVER, BETWEEN), None),
        (DOMAIN, (SERVER, BETWEEN, OTHER), None),
        (DOMAIN, (ITSELF,), ITSELF),
    ],
    ids=[
        "direct",
        "intermediate",
        "with its root",
        "wildcard",
        "RSA 2048",
        "address",
        "public",
        "with a stranger",
        "its own authority",
    ],
)
def test_a_good_certificate_is_accepted(domain: str, links: tuple[Pair, ...], root: Pair | None) -> None:
    assert list(mistakes(domain, chain(*links), links[0].key_pem(), root.pem if root else None)) == []


def test_a_provided_certificate_is_served_and_its_authority_distributed(declare: Declare) -> None:
    recorder = declare(certificate=configured((SERVER, BETWEEN), SERVER.key_pem(), authority=ROOT.pem))
    assert chain(SERVER, BETWEEN) in recorder.named(LOCAL, "registry-proxy-tls").plain("stdin")
    given = placed(recorder, "10.0.0.7")["docker"].stdin
    assert ROOT.pem in given
    assert SERVER.pem not in given


def test_what_the_stacks_own_certificate_had_may_stay_beside_it() -> None:
    given = configured((DIRECT,), DIRECT.key_pem(), authority=ROOT.pem)
    idle = {"authorities": ["2027"], "authorityValidityDays": 400, "validityDays": 200, "renewalDays": 20}
    assert read({**BASE, "certificate": {**given, **idle}}) == read({**BASE, "certificate": given})


def test_nothing_is_distributed_for_a_public_certificate(declare: Declare) -> None:
    recorder = declare(certificate=configured((SERVER, BETWEEN), SERVER.key_pem(), public=True))
    assert placed(recorder, "10.0.0.7").keys() == {"hosts"}, "the hosts entry alone"
    assert not placed(recorder, "build.example.com"), "there is nothing to do there"
    assert "authority" not in proofs(recorder, "10.0.0.7")["docker"].words
