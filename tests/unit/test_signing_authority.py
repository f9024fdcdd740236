"""An authority of the team's own signs: what would not work is refused, and each part goes where it belongs."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from components.settings import Settings
from components.settings.certificates import SigningAuthority
from tests.unit.authority import Pair, dsa_key, issue, rsa_key
from tests.unit.conftest import AUTHORITY, BASE, LOCAL, SERVER, Declare
from tests.unit.fleet import placed
from tests.unit.test_settings import message, read

DOMAIN = "registry.test"
ROOT = issue("root", authority=True, ends=1000)
BETWEEN = issue("intermediate", ROOT, authority=True, ends=1000, path_length=0)
OTHER = issue("other root", authority=True, ends=1000)
NO_AUTHORITY = issue("a server", ROOT, [DOMAIN])
NARROW_ROOT = issue("narrow root", authority=True, path_length=0)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")


def under(issuer: Pair = ROOT, **changes: Any) -> tuple[Pair, ...]:
    """Return a chain of an intermediate authority alone."""
    return (issue("intermediate", issuer, authority=True, **{"ends": 1000, **changes}),)


def constraints(permitted: str = "", excluded: str = "") -> list[tuple[x509.ExtensionType, bool]]:
    trees = ([x509.DNSName(name)] if name else None for name in (permitted, excluded))
    return [(x509.NameConstraints(*trees), True)]


def chain(*links: Pair) -> str:
    return "".join(link.pem for link in links)


def configured(*links: Pair, **more: Any) -> dict[str, Any]:
    given = {"source": "signing-authority", "chain": chain(*links), "key": links[0].key_pem(), "authority": ROOT.pem}
    return {key: value for key, value in {**given, **more}.items() if value is not None}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another key": (configured(BETWEEN, key=OTHER.key_pem()), "does not belong to the chain's first certificate"),
    "the root first": (configured(ROOT, BETWEEN, key=BETWEEN.key_pem()), "the key of CN=intermediate, which must come"),
    "an encrypted key": (configured(BETWEEN, key=BETWEEN.key_pem(b"secret")), "must not be encrypted"),
    "rubbish for a key": (configured(BETWEEN, key="marker-rubbish"), "must be a private key in PEM form"),
    "rubbish for a chain": ({**configured(BETWEEN), "chain": "rubbish"}, "certificates in PEM form"),
    "no key": (configured(BETWEEN, key=None), "needs either key or keyFile"),
    "no chain": (configured(BETWEEN, chain=None), "needs either chain or chainFile"),
    "no root": (configured(BETWEEN, authority=None), "or the root at the end of its chain"),
    "public and a root": (configured(BETWEEN, public=True), "authority cannot be used together with public: true"),
    "no authority": (configured(NO_AUTHORITY), "CN=a server is not a CA certificate (basic constraints)"),
    "no authority at the root": (
        configured(*under(NO_AUTHORITY), authority=NO_AUTHORITY.pem),
        "CN=a server is not a CA certificate",
    ),
    "may not sign": (configured(*under(sign=False)), "CN=intermediate is not allowed to sign certificates (key usage)"),
    "a path too long": (configured(*under(NARROW_ROOT), authority=NARROW_ROOT.pem), "fewer intermediate certificates"),
    "names excluded": (configured(*under(more=constraints(excluded=DOMAIN))), "excludes its name (name constraints)"),
    "other names alone": (configured(*under(more=constraints("other.test"))), "does not permit its name"),
    "for clients alone": (
        configured(*under(more=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)])),
        "is not for TLS servers",
    ),
    "critical and unknown": (configured(*under(more=[(UNKNOWN, True)])), "a critical extension that clients don't"),
    "expired": (configured(*under(starts=-20, ends=-10)), "CN=intermediate expired on"),
    "expired root": (
        configured(*under(old := issue("old root", authority=True, starts=-20, ends=-10)), authority=old.pem),
        "CN=old root expired on",
    ),
    "not yet valid": (configured(*under(starts=1)), "CN=intermediate is not valid before"),
    "ends too early": (
        configured(*under(ends=90)),
        "365 days would; set validityDays below 89",
    ),
    "its issuer ends too early": (
        configured(BETWEEN, issue("root", authority=True, key=ROOT.key, ends=90)),
        "CN=root ends on",
    ),
    "another root": (configured(BETWEEN, authority=OTHER.pem), "is not in authority or authorityFile"),
    "another root in the chain": (configured(BETWEEN, OTHER, authority=None), "out of order or incomplete"),
    "RSA 1024": (configured(*under(key=rsa_key(1024))), "has an RSA key of 1024 bits"),
    "DSA": (configured(*under(key=dsa_key())), "has a key type that can't sign here"),
    "Ed448": (configured(*under(key=ed448.Ed448PrivateKey.generate())), "has a key type that can't sign here"),
    "a curve that Go lacks": (
        configured(*under(key=ec.generate_private_key(ec.SECP256K1()))),
        "the curve secp256k1, which Docker refuses",
    ),
    "an authority of the stack's own": (configured(BETWEEN, rotate="1"), "did you mean rotation?"),
}


@pytest.mark.parametrize(("certificate", "reason"), BAD.values(), ids=BAD)
def test_an_authority_that_would_not_work_is_refused(certificate: dict[str, Any], reason: str) -> None:
    text = message(certificate=certificate)
    assert reason in text
    assert "nothing was created or changed" in text
    assert "private-registry:certificate" in text or "certificate: " in text
    assert "marker" not in text
    key = certificate.get("key", "")
    assert not [line for line in key.splitlines()[1:-1] if line in text], "no line of a key is shown"


P384, RSA = ec.generate_private_key(ec.SECP384R1()), rsa_key()
GOOD: dict[str, dict[str, Any]] = {
    "an intermediate": configured(BETWEEN),
    "with its root": configured(BETWEEN, ROOT),
    "its root in the chain alone": configured(BETWEEN, ROOT, authority=None),
    "a root": configured(ROOT, authority=None),
    "trusted itself": configured(BETWEEN, authority=BETWEEN.pem),
    "clients trust more": configured(BETWEEN, authority=OTHER.pem + ROOT.pem),
    "public": configured(BETWEEN, ROOT, authority=None, public=True),
    "ends late enough": configured(*under(ends=90), validityDays=80),
    "names permitted": configured(*under(more=constraints("test"))),
    "P-384": configured(*under(key=P384)),
    "RSA": configured(*under(key=RSA)),
    "Ed25519": configured(*under(key=ed25519.Ed25519PrivateKey.generate())),
    "what the way back needs": configured(BETWEEN, authorities=["2026"], authorityValidityDays=400),
}


@pytest.mark.parametrize("certificate", GOOD.values(), ids=GOOD)
def test_an_authority_that_works_is_accepted(certificate: dict[str, Any]) -> None:
    assert isinstance(read({**BASE, "certificate": certificate}).certificate, SigningAuthority)


def test_an_address_is_signed_for_too() -> None:
    allowed = configured(*under(more=constraints("test")))
    read({**BASE, "domain": "10.0.0.2", "certificate": configured(BETWEEN)})
    assert Settings.model_validate({**BASE, "certificate": allowed})


@pytest.mark.parametrize("authority", [ROOT.pem, None], ids=["given", "in the chain"])
def test_nginx_gets_the_chain_clients_the_root_and_nobody_the_key(declare: Declare, authority: str | None) -> None:
    recorder = declare(certificate=configured(BETWEEN, ROOT, authority=authority))
    [server] = recorder.of(SERVER)
    assert server.plain("caCertPem") == BETWEEN.pem
    assert server.is_secret("caPrivateKeyPem")
    assert server.plain("caPrivateKeyPem") == BETWEEN.key_pem()
    assert (server.inputs["validityPeriodHours"], server.inputs["earlyRenewalHours"]) == (365 * 24, 30 * 24)
    assert recorder.of(AUTHORITY) == []
    served = recorder.named(LOCAL, "registry-proxy-tls").plain("stdin")
    assert f"{BETWEEN.pem}END-OF-PAYLOAD" in served.replace("'", ""), "the chain goes with it, without the root"
    given_to_clients = placed(recorder, "10.0.0.7")["docker"].stdin
    assert ROOT.pem in given_to_clients
    assert BETWEEN.pem not in given_to_clients
    key = BETWEEN.key_pem().splitlines()[1]
    assert [one.name for one in recorder.resources if key in str(one.inputs)] == [server.name], "one resource has it"


def test_nothing_is_distributed_where_clients_trust_the_root_already(declare: Declare) -> None:
    recorder = declare(certificate=configured(BETWEEN, authority=None, public=True))
    assert placed(recorder, "10.0.0.7").keys() == {"hosts"}
