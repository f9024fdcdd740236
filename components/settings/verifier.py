"""What clients make of a certificate: a handshake with OpenSSL, as curl has it, and the rules of Go, as Docker has.

``tests/scripts/test_certificates.py`` compares it with a real curl and a real program in Go.
It is not ``cryptography.x509.verification``, which judges as for public authorities: it refuses more than a third of
that test's chains, which both take, and with its rules for extensions loosened takes many that one of them refuses.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtensionOID, PublicKeyAlgorithmOID
from OpenSSL import SSL, crypto

_PATIENCE = 10
"""Turns of a handshake, which needs four."""

# https://docs.openssl.org/3.5/man3/X509_STORE_CTX_get_error/
_NO_ISSUER, _NOT_YET, _EXPIRED, _WEAK = {2, 18, 19, 20, 21, 27}, {9}, {10}, {66, 67, 68}
_NOT_AUTHORITY, _PURPOSE = {24, 32, 79}, {26}
EXPLAINED = _NO_ISSUER | _NOT_YET | _EXPIRED | _WEAK
"""The errors of which ``settings.chain`` names the cause."""

_WORDS = {
    **dict.fromkeys(_NO_ISSUER, "it was issued by no CA that clients have, and by no certificate of the chain"),
    **dict.fromkeys(_NOT_YET, "it is not valid yet"),
    **dict.fromkeys(_EXPIRED, "it expired"),
    **dict.fromkeys(_WEAK, "its key or its signature is too weak"),
    **dict.fromkeys(_NOT_AUTHORITY, "it is not allowed to issue certificates (basic constraints, key usage)"),
    **dict.fromkeys(_PURPOSE, "it is not for TLS servers (extended key usage, key usage)"),
    7: "its signature is wrong",
    25: "a CA above it allows fewer intermediate certificates (path length constraint)",
    30: "its authority key identifier is not that of the certificate that issued it",
    34: "it has a critical extension that clients don't know",
    47: "a CA above it does not permit its name (name constraints)",
    48: "a CA above it excludes its name (name constraints)",
    94: "its key contains the parameters of its curve instead of the name",
}

_CURVES = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_NEVER_CRITICAL = (
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
)
_KNOWN = (
    ExtensionOID.KEY_USAGE,
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.POLICY_MAPPINGS,
    ExtensionOID.INHIBIT_ANY_POLICY,
)
_CONSTRAINED = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)


def refusals(
    chain: Sequence[x509.Certificate], key: PrivateKeyTypes, anchors: Sequence[x509.Certificate]
) -> Iterator[tuple[int, str]]:
    """Yield why clients that trust the anchors refuse a server with this chain and its key.

    Yields:
        OpenSSL's number of the error, or 0, and a sentence.
    """
    path, error, words = _handshake(chain, key, anchors)
    if words:
        yield error, words
    for certificate in dict.fromkeys([*chain, *path]):
        yield from ((0, f"{subject(certificate)} {why}, which Docker refuses") for why in unreadable(certificate))
    yield from ((0, f"{why}, which Docker refuses") for why in _unacceptable(path))


def subject(certificate: x509.Certificate) -> str:
    """Return the name by which messages call a certificate."""
    return certificate.subject.rfc4514_string() or "a certificate without a subject"


def _handshake(
    chain: Sequence[x509.Certificate], key: PrivateKeyTypes, anchors: Sequence[x509.Certificate]
) -> tuple[list[x509.Certificate], int, str]:
    """Shake hands as client and server; return the path that was found, or the error and its words."""
    found: list[tuple[int, str]] = []

    def refused(_: SSL.Connection, certificate: crypto.X509, error: int, __: int, ok: int) -> bool:
        if not ok:
            words = _WORDS.get(error, f"OpenSSL reports verify error {error}")
            found.append((error, f"clients would refuse {subject(certificate.to_cryptography())}: {words}"))
        return bool(ok)

    client = _client(anchors)
    client.set_verify(SSL.VERIFY_PEER, refused)
    ours = SSL.Connection(client, None)
    ours.set_connect_state()
    try:
        theirs = SSL.Connection(_server(chain, key), None)
        theirs.set_accept_state()
        for _ in range(_PATIENCE):
            _step(ours, theirs)
            _step(theirs, ours)
    except SSL.Error:
        error, words = found[0] if found else (0, "clients and nginx can't use the key type of the server certificate")
        return [], error, words
    return ours.get_verified_chain(as_cryptography=True) or [], 0, ""


def _client(anchors: Sequence[x509.Certificate]) -> SSL.Context:
    client = SSL.Context(SSL.TLS_CLIENT_METHOD)
    client.set_cipher_list(b"DEFAULT:@SECLEVEL=2")
    store = client.get_cert_store()
    assert store is not None  # noqa: S101 - a context has one
    for anchor in anchors:
        store.add_cert(crypto.X509.from_cryptography(anchor))
    # curl and Docker trust whatever stands in the file, also an intermediate authority or the server itself.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    return client


def _server(chain: Sequence[x509.Certificate], key: PrivateKeyTypes) -> SSL.Context:
    server = SSL.Context(SSL.TLS_SERVER_METHOD)
    # It is the client that judges.
    server.set_cipher_list(b"ALL:@SECLEVEL=0")
    server.use_certificate(chain[0])
    server.use_privatekey(key)  # type: ignore[arg-type]  # a kind that it does not take does not match the certificate
    for link in chain[1:]:
        server.add_extra_chain_cert(link)
    return server


def _step(one: SSL.Connection, other: SSL.Connection) -> None:
    try:
        one.do_handshake()
    except SSL.WantReadError:
        pass
    finally:
        _pass_on(one, other)


def _pass_on(one: SSL.Connection, other: SSL.Connection) -> None:
    with suppress(SSL.WantReadError):
        other.bio_write(one.bio_read(1 << 20))


def unreadable(certificate: x509.Certificate) -> Iterator[str]:
    """Yield what Go's parser refuses, whatever the certificate is used for."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVES:
        yield f"has a key on the curve {key.curve.name}"
    for extension in certificate.extensions:
        if extension.critical and extension.oid in _NEVER_CRITICAL:
            yield f"has {extension.oid._name} as a critical extension"


def _unacceptable(path: Sequence[x509.Certificate]) -> Iterator[str]:
    """Yield what Go refuses of a path from the server to an authority."""
    for certificate in path:
        yield from (f"{subject(certificate)} {why}" for why in _unacceptable_by_itself(certificate))
    for below, (certificate, issuer) in enumerate(pairwise(path)):
        yield from (f"{subject(certificate)} is signed with {how}" for how in _unacceptable_signature(certificate))
        if certificate.issuer.public_bytes() != issuer.subject.public_bytes():
            yield f"{subject(certificate)} has the name of its issuer, {subject(issuer)}, in another encoding"
        yield from _unacceptable_issuer(issuer, below)


def _unacceptable_by_itself(certificate: x509.Certificate) -> Iterator[str]:
    key = certificate.public_key()
    if not isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, rsa.RSAPublicKey)) or (
        certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS
    ):
        yield f"has the key type {certificate.public_key_algorithm_oid._name}"
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in (*_KNOWN, *_NEVER_CRITICAL):
            yield f"has a critical extension, {extension.oid.dotted_string}"
        if extension.critical and isinstance(extension.value, x509.NameConstraints):
            names = [*(extension.value.permitted_subtrees or ()), *(extension.value.excluded_subtrees or ())]
            if not all(isinstance(name, _CONSTRAINED) for name in names):
                yield "has name constraints of another type than DNS, IP, email and URI"


def _unacceptable_signature(certificate: x509.Certificate) -> Iterator[str]:
    algorithm, parameters = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
    if algorithm and not isinstance(algorithm, _HASHES):
        yield algorithm.name
    elif algorithm and isinstance(parameters, padding.PSS) and parameters._salt_length != algorithm.digest_size:
        yield "RSASSA-PSS and an unusual salt"


def _unacceptable_issuer(issuer: x509.Certificate, below: int) -> Iterator[str]:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        if issuer.version == x509.Version.v3:
            yield f"{subject(issuer)} has no basic constraints"
        return
    if constraints.path_length is not None and constraints.path_length < below:
        yield f"{subject(issuer)} allows {constraints.path_length} intermediate certificates and there are {below}"
