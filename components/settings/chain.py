"""Whether a certificate that somebody brings along will work, and if not, why, in words of its owner."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import pem
from .verifier import EXPLAINED, refusals, subject, unreadable

_E = TypeVar("_E", bound=x509.ExtensionType)
_MIN_RSA_BITS = 2048
_WEAK_HASHES = (hashes.MD5, hashes.SHA1)


def in_order(chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return a chain with each issuer after the certificate that it issued; what did not issue any stays at the end."""
    path = _path(chain)
    return path + [one for one in chain if one not in path]


def _path(chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the server certificate, its issuer, the issuer of that, and so on as far as the chain goes."""
    path = list(chain[:1])
    while issuer := next((one for one in chain if one not in path and issued(path[-1], one)), None):
        path.append(issuer)
    return path


def mistakes(domain: str, chain: str, key: str, authorities: str | None, aliases: Sequence[str] = ()) -> Iterator[str]:
    """Find what is wrong with a server certificate: only what Docker or curl would refuse.

    Args:
        domain: The name that clients use.
        chain: The server certificate, then each issuer after the one it issued, PEM.
        key: The server's private key, PEM.
        authorities: What clients are to trust, PEM; None where they trust the issuer already.
        aliases: More names that they use.

    Yields:
        One sentence per mistake.

    Raises:
        ValueError: One of the texts can't be parsed.
    """
    links, secret = pem.certificates(chain), pem.private_key(key)
    # Where clients trust the issuer already, what the chain ends with stands for it.
    issuers = pem.certificates(authorities) if authorities else (_path(links)[1:] or links[1:])[-1:]
    causes = [*_causes(links, issuers), *(_anchor(links[-1], issuers) if authorities else ())]
    if not _names(links[0], domain):
        yield f"the server certificate is not for {domain}: its alternative names are {_shown_names(links[0])}"
        if _is_authority(links[0]) and len(links) > 1:
            yield "the chain starts with a CA certificate; the server certificate must come first"
    for alias in aliases:
        if not _names(links[0], alias):
            yield f"the server certificate is not for the alias {alias}: its names are {_shown_names(links[0])}"
    if not issuers:
        yield "the chain contains only the server certificate; add the intermediate certificates of its issuer after it"
    if links[0].public_key() != secret.public_key():
        yield "the key does not belong to the chain's first certificate"
        yield from causes
    elif issuers:
        found = list(refusals(links, secret, issuers))
        yield from causes if found else ()
        yield from (words for error, words in found if not (causes and error in EXPLAINED))


def authority_mistakes(authorities: str, domain: str) -> Iterator[str]:
    """Yield what is wrong with authorities that clients trust besides the stack's own, PEM."""
    for authority in pem.certificates(authorities):
        yield from (f"{subject(authority)} {why}, which Docker refuses" for why in unreadable(authority))
        # A server certificate may be its own authority.
        if not _names(authority, domain):
            yield from _may_issue(authority)


def _causes(links: Sequence[x509.Certificate], issuers: Sequence[x509.Certificate]) -> Iterator[str]:
    """Yield what may be why clients refuse a chain, in words that help more than a verifier's."""
    usage = _extension(links[0], x509.ExtendedKeyUsage)
    if usage is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        yield "the server certificate is not for server authentication (extended key usage)"
    for certificate in dict.fromkeys([*links, *issuers]):
        yield from _strength(certificate)
        yield from _dates(certificate)
    yield from _order(links)


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    return _extension(certificate, x509.SubjectAlternativeName)


def _names(certificate: x509.Certificate, domain: str) -> bool:
    names = _alternative_names(certificate)
    if names is None:
        return False
    try:
        return ip_address(domain) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    parent = domain.partition(".")[2]
    # curl takes no wildcard right below the last label.
    wanted = {domain, f"*.{parent}"} if "." in parent else {domain}
    return bool(wanted & {name.lower() for name in names.get_values_for_type(x509.DNSName)})


def _shown_names(certificate: x509.Certificate) -> str:
    names = _alternative_names(certificate)
    if names is None:
        return "missing, and clients ignore the common name"
    shown = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    wide = [name for name in shown if name.startswith("*.") and name.count(".") == 1]
    return ", ".join(shown) + (f" (curl does not accept the wildcard {wide[0]})" if wide else "")


def _strength(certificate: x509.Certificate) -> Iterator[str]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            yield (
                f"{subject(certificate)} has an RSA key of {key.key_size} bits; clients require {_MIN_RSA_BITS} or more"
            )
    elif not isinstance(key, (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
        yield f"{subject(certificate)} has a key type that clients refuse; use ECDSA or RSA"
    # What an authority says of itself is trusted for other reasons than its signature.
    algorithm = certificate.signature_hash_algorithm
    if certificate.issuer != certificate.subject and isinstance(algorithm, _WEAK_HASHES):
        yield f"{subject(certificate)} is signed with {algorithm.name}, which clients refuse"


def _dates(certificate: x509.Certificate) -> Iterator[str]:
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        yield f"{subject(certificate)} expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if certificate.not_valid_before_utc > now:
        yield f"{subject(certificate)} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"


def _order(links: Sequence[x509.Certificate]) -> Iterator[str]:
    for link, issuer in pairwise(links):
        if not issued(link, issuer):
            yield (
                f"the chain is out of order or incomplete: {subject(issuer)} follows {subject(link)}, "
                f"which was issued by {link.issuer.rfc4514_string()}"
            )
        yield from _may_issue(issuer)


def _anchor(last: x509.Certificate, authorities: Sequence[x509.Certificate]) -> Iterator[str]:
    for authority in authorities:
        yield from _may_issue(authority)
    if not any(last == authority or issued(last, authority) for authority in authorities):
        yield (
            f"the last certificate of the chain is {subject(last)}. Its issuer {last.issuer.rfc4514_string()} is not "
            "in authority or authorityFile. Add the issuer there, or add the missing intermediate certificates to the "
            "chain"
        )


def _may_issue(certificate: x509.Certificate) -> Iterator[str]:
    if not _is_authority(certificate):
        yield f"{subject(certificate)} is not a CA certificate (basic constraints), so clients refuse what it issued"
        return
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield f"{subject(certificate)} is not allowed to sign certificates (key usage)"


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether one certificate signed another one."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    """Return whether it may issue; a root of the first version can't say so."""
    if certificate.version == x509.Version.v1 and certificate.issuer == certificate.subject:
        return True
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
