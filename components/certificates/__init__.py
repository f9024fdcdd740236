"""Where the server certificate comes from: one file a source. A new one gets a line in the table."""

from collections.abc import Callable, Mapping

import pulumi

from ..settings.certificates import Acme, CertificateSource, Provided, SelfSigned, SigningAuthority
from .acme import AcmeCertificate
from .certificate import Certificate, CertificateArgs, ends
from .provided import ProvidedCertificate
from .self_signed import SelfSignedCertificate
from .signing_authority import SigningAuthorityCertificate

SOURCES: Mapping[type[CertificateSource], Callable[..., Certificate]] = {
    SelfSigned: SelfSignedCertificate,
    Provided: ProvidedCertificate,
    SigningAuthority: SigningAuthorityCertificate,
    Acme: AcmeCertificate,
}
"""The settings of a source -> the component that makes its resources."""


def certificate_from(
    source: CertificateSource, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions
) -> Certificate:
    """Declare the server certificate of a domain, from the source that is configured."""
    return SOURCES[type(source)](name, source, args, opts=opts)


__all__ = ["SOURCES", "Certificate", "CertificateArgs", "certificate_from", "ends"]
