"""Where the server certificate comes from: one file a source. A new one gets a line in the table."""

from collections.abc import Callable, Mapping

import pulumi

from ..settings.certificates import CertificateSource, Provided, SelfSigned, SigningAuthority
from .certificate import Certificate
from .provided import ProvidedCertificate
from .self_signed import SelfSignedCertificate
from .signing_authority import SigningAuthorityCertificate

SOURCES: Mapping[type[CertificateSource], Callable[..., Certificate]] = {
    SelfSigned: SelfSignedCertificate,
    Provided: ProvidedCertificate,
    SigningAuthority: SigningAuthorityCertificate,
}
"""The settings of a source -> the component that makes its resources."""


def certificate_from(
    source: CertificateSource, name: str, domain: str, title: str, protect: bool, opts: pulumi.ResourceOptions
) -> Certificate:
    """Declare the server certificate of a domain, from the source that is configured.

    ``title`` is what the names of authorities start with that the stack makes.
    """
    return SOURCES[type(source)](name, source, domain, title, protect, opts=opts)


__all__ = ["SOURCES", "Certificate", "certificate_from"]
