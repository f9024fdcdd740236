"""A server certificate that the stack makes: its key, its request, and what an authority makes of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pulumi
import pulumi_tls as tls

from ..component import Component
from ..key_types import USUAL_KEY, KeyType
from ..registry_reference import is_ip_address
from ..settings.certificates import Signed

HOURS = 24


class _Kind(NamedTuple):
    """A kind of keys, as the engine's plugin has it."""

    algorithm: str
    curve: str | None = None
    bits: int | None = None


_KINDS: Mapping[KeyType, _Kind] = {
    "P-256": _Kind("ECDSA", curve="P256"),
    "P-384": _Kind("ECDSA", curve="P384"),
    "RSA-2048": _Kind("RSA", bits=2048),
    "RSA-3072": _Kind("RSA", bits=3072),
    "RSA-4096": _Kind("RSA", bits=4096),
}


class Signer(NamedTuple):
    """Who signs."""

    certificate: pulumi.Input[str]
    """PEM."""
    key: pulumi.Input[str]
    """PEM, secret."""


def lives(source: Signed) -> Mapping[str, object]:
    """Return what a component says of how long its certificate lives, and of its key."""
    return {
        "validityDays": source.validity_days,
        "renewalDays": source.renewal_days,
        "rotation": source.rotation or "",
        # The usual one is left out, as stacks of the version before don't say it.
        **({} if source.key_type == USUAL_KEY else {"keyType": source.key_type}),
    }


def server_certificate(
    component: Component, name: str, names: Sequence[str], source: Signed, signer: Signer
) -> tuple[pulumi.Output[str], tls.LocallySignedCert]:
    """Declare the server's key and its certificate; return the key (PEM, secret) and the certificate.

    The certificate is for server authentication and names the domain and its aliases as DNS names or IP addresses.
    """
    kind = _KINDS[source.key_type]
    key = tls.PrivateKey(
        _key_name(f"{name}-server", source),
        algorithm=kind.algorithm,
        ecdsa_curve=kind.curve,
        rsa_bits=kind.bits,
        opts=component.child(),
    )
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


def _key_name(name: str, source: Signed) -> str:
    """Return the name of the server's key: another name is another key, and another key another certificate."""
    kind = None if source.key_type == USUAL_KEY else source.key_type
    return "-".join(part for part in (name, source.rotation, kind) if part)


_USES: Sequence[str] = ["digital_signature", "server_auth"]
