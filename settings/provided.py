"""Whether a certificate that somebody brings along will work: everything that a client would trip over later."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

_E = TypeVar("_E", bound=x509.ExtensionType)
_MIN_RSA_BITS = 2048
_WEAK_HASHES = (hashes.MD5, hashes.SHA1)


def certificates(pem: str) -> list[x509.Certificate]:
    """Parse one or more certificates.

    Raises:
        ValueError: There is none, or one of them is none.
    """
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise ValueError("must be one or more certificates in PEM form, -----BEGIN CERTIFICATE-----") from None


def private_key(pem: str) -> PrivateKeyTypes:
    """Parse a private key.

    Raises:
        ValueError: It is none, or encrypted.
    """
    try:
        return serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise ValueError("must not be encrypted; 'openssl pkey -in FILE' writes it without a passphrase") from None
    except Exception:
        # The library's own words may quote the input.
        raise ValueError("must be a private key in PEM form, -----BEGIN PRIVATE KEY-----") from None


def mistakes(domain: str, chain: str, key: str, authorities: str | None) -> Iterator[str]:
    """Find what is wrong with a server certificate.

    Args:
        domain: The name that clients use.
        chain: The server certificate, then each issuer after the one it issued, PEM.
        key: The server's private key, PEM.
        authorities: What clients are to trust, PEM; None where they trust the issuer already.

    Yields:
        One sentence per mistake.

    Raises:
        ValueError: One of the texts can't be parsed.
    """
    links, issuers = certificates(chain), certificates(authorities) if authorities else []
    yield from _server(links[0], domain)
    if links[0].public_key() != private_key(key).public_key():
        yield "the key does not belong to the chain's first certificate"
    for link in [*links, *issuers]:
        yield from _strength(link)
        yield from _dates(link)
    yield from _order(links)
    if authorities:
        yield from _anchor(links[-1], issuers)
    elif len(links) == 1:
        yield "the chain has the server certificate alone; add its issuer's intermediate certificates after it"


def authority_mistakes(authorities: str) -> Iterator[str]:
    """Yield what is wrong with authorities that clients trust besides the stack's own, PEM."""
    for authority in certificates(authorities):
        yield from _may_issue(authority)


def _server(certificate: x509.Certificate, domain: str) -> Iterator[str]:
    if not _names(certificate, domain):
        yield f"the server certificate is not for {domain}: its alternative names are {_shown_names(certificate)}"
    if _is_authority(certificate):
        yield "the chain starts with an authority; the server certificate must come first"
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    if usage is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        yield "the server certificate is not for server authentication (extended key usage)"


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    return _extension(certificate, x509.SubjectAlternativeName)


def _names(certificate: x509.Certificate, domain: str) -> bool:
    names = _alternative_names(certificate)
    if names is None:
        return False
    try:
        return ip_address(domain) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        wildcard = f"*.{domain.partition('.')[2]}"
        return bool({domain, wildcard} & {name.lower() for name in names.get_values_for_type(x509.DNSName)})


def _shown_names(certificate: x509.Certificate) -> str:
    names = _alternative_names(certificate)
    if names is None:
        return "missing, and clients ignore the common name"
    return ", ".join([*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))])


def _strength(certificate: x509.Certificate) -> Iterator[str]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            yield f"{_subject(certificate)} has an RSA key of {key.key_size} bits; clients want {_MIN_RSA_BITS} or more"
    elif not isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
        yield f"{_subject(certificate)} has a key of a kind that clients refuse; use ECDSA or RSA"
    # What an authority says of itself is trusted for other reasons than its signature.
    algorithm = certificate.signature_hash_algorithm
    if certificate.issuer != certificate.subject and isinstance(algorithm, _WEAK_HASHES):
        yield f"{_subject(certificate)} is signed with {algorithm.name}, which clients refuse"


def _dates(certificate: x509.Certificate) -> Iterator[str]:
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        yield f"{_subject(certificate)} expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if certificate.not_valid_before_utc > now:
        yield f"{_subject(certificate)} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"


def _order(links: Sequence[x509.Certificate]) -> Iterator[str]:
    for link, issuer in pairwise(links):
        if not _issued(link, issuer):
            yield (
                f"the chain is out of order or incomplete: {_subject(issuer)} follows {_subject(link)}, "
                f"which was issued by {link.issuer.rfc4514_string()}"
            )
        yield from _may_issue(issuer)


def _anchor(last: x509.Certificate, authorities: Sequence[x509.Certificate]) -> Iterator[str]:
    for authority in authorities:
        yield from _may_issue(authority)
    if not any(last == authority or _issued(last, authority) for authority in authorities):
        yield (
            f"the chain ends at {_subject(last)}, issued by {last.issuer.rfc4514_string()}, "
            "which is none of the authorities that clients are given"
        )


def _may_issue(certificate: x509.Certificate) -> Iterator[str]:
    if not _is_authority(certificate):
        yield f"{_subject(certificate)} is no authority (basic constraints), so clients won't accept what it issued"
        return
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield f"{_subject(certificate)} is not allowed to sign certificates (key usage)"


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "a certificate without a subject"
