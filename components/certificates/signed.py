"""A server certificate that the stack makes: its key, its request, and what an authority makes of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pulumi
import pulumi_tls as tls

from ..component import Component
from ..registry_reference import is_ip_address
from ..settings.certificates import Signed

HOURS = 24


class Signer(NamedTuple):
    """Who signs."""

    certificate: pulumi.Input[str]
    """PEM."""
    key: pulumi.Input[str]
    """PEM, secret."""


def lives(source: Signed) -> Mapping[str, object]:
    """Return what a component says of how long its certificate lives."""
    return {
        "validityDays": source.validity_days,
        "renewalDays": source.renewal_days,
        "rotation": source.rotation or "",
    }


def server_certificate(
    component: Component, name: str, names: Sequence[str], source: Signed, signer: Signer
) -> tuple[pulumi.Output[str], tls.LocallySignedCert]:
    """Declare the server's key and its certificate; return the key (PEM, secret) and the certificate.

    The key is ECDSA P-256. The certificate is for server authentication and names the domain and its
    aliases as DNS names or IP addresses.
    """
    # Another name is another key, and another key another certificate.
    rotated = f"{name}-server-{source.rotation}" if source.rotation else f"{name}-server"
    key = tls.PrivateKey(rotated, algorithm="ECDSA", ecdsa_curve="P256", opts=component.child())
    domain = names[0]
    request = tls.CertRequest(
        f"{name}-server",
        private_key_pem=key.private_key_pem,
        # A common name has at most 64 characters, and clients read the alternative names alone.
        subject=tls.CertRequestSubjectArgs(common_name=domain if len(domain) <= 64 else "registry"),
        dns_names=[name for name in names if not is_ip_address(name)] or None,
        ip_addresses=[name for name in names if is_ip_address(name)] or None,
        opts=component.child(),
    )
    certificate = tls.LocallySignedCert(
        f"{name}-server",
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=signer.key,
        ca_cert_pem=signer.certificate,
        allowed_uses=_USES,
        set_subject_key_id=True,
        validity_period_hours=source.validity_days * HOURS,
        early_renewal_hours=source.renewal_days * HOURS,
        opts=component.child(),
    )
    return pulumi.Output.secret(key.private_key_pem), certificate


_USES: Sequence[str] = ["digital_signature", "server_auth"]
