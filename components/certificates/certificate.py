"""What every source of the server certificate gives the stack, and what it says of itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from ..component import Component
from ..settings import pem
from ..settings.certificates import CertificateSource
from ..settings.chain import issued

Source = TypeVar("Source", bound=CertificateSource)
Described = dict[str, dict[str, str]]
"""Name -> what is known of a certificate."""


class Certificate(Component):
    """What nginx serves, and what clients have to trust.

    What each source says of itself has the same keys, so that a review need not know the source:

    - ``source``; ``names`` that the certificate is for;
    - ``signer``: who signs it, ``anchors``: by which of the authorities clients know it;
    - ``authorities``: what clients are to trust. One that the stack makes has its name in the settings for a key, and
      says its common name; one that is given has its subject, and says fingerprint and end;
    - ``served``: fingerprint and end of a certificate that is given;
    - ``validityDays``, ``renewalDays`` and ``rotation`` of one that the stack makes.

    The output ``authorities`` has fingerprint and end of those that the stack makes too.
    """

    ca_certificate: pulumi.Output[str] | None
    """All authorities, PEM; None where clients trust the issuer already."""
    server_certificate: pulumi.Output[str]
    """The server certificate with its chain, PEM."""
    server_key: pulumi.Output[str]
    """The server's private key, PEM, secret."""


def judged(source: Source, domain: str) -> pulumi.Output[Source]:
    """Return the source with what other resources give it, judged as one that is configured.

    The Output fails with a ``pulumi.RunError`` where clients would refuse the certificate.
    """
    if source.is_known:
        # The settings have judged it.
        return pulumi.Output.from_input(source)

    def judge(known: Source) -> Source:
        found = list(known.mistakes(domain))
        if found:
            raise pulumi.RunError("certificate: " + "; ".join(found))
        return known

    return source.known().apply(judge)


def described(certificates: str | None) -> Described:
    """Return subject -> fingerprint and end of each certificate of a PEM text."""
    found = pem.certificates(certificates) if certificates else []
    subjects = Counter(map(_subject, found))
    return {_distinct(one, subjects): facts(one) for one in found}


def facts(certificate: x509.Certificate) -> dict[str, str]:
    """Return what tells a certificate from all others, and how long it lives."""
    end = certificate.not_valid_after_utc
    return {"sha256": certificate.fingerprint(SHA256()).hex(), "until": f"{end:%Y-%m-%dT%H:%M:%SZ}"}


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _distinct(certificate: x509.Certificate, subjects: Mapping[str, int]) -> str:
    """Return the subject, with a part of the fingerprint where several share it."""
    name = _subject(certificate)
    return name if subjects[name] == 1 else f"{name} ({facts(certificate)['sha256'][:8]})"


def anchors(last: x509.Certificate, authorities: str | None) -> Sequence[str]:
    """Return the names of the authorities by which clients know a chain that ends so."""
    found = pem.certificates(authorities) if authorities else []
    names = described(authorities)
    return [name for name, one in zip(names, found, strict=True) if one == last or issued(last, one)]
