"""The server certificate: signed by an authority of the stack's own, or provided."""

import pulumi
import pulumi_tls as tls

import settings
from components.component import Component
from registry_reference import is_ip_address

_HOURS = 24


class Certificate(Component):
    """What nginx serves, and what clients have to trust."""

    ca_certificate: pulumi.Output[str] | None
    """All authorities, PEM; None where clients trust the issuer already."""
    server_certificate: pulumi.Output[str]
    """The server certificate with its chain, PEM."""
    server_key: pulumi.Output[str]
    """The server's private key, PEM, secret."""


class ProvidedCertificate(Certificate):
    """A certificate that somebody brings along; the settings have checked it."""

    def __init__(
        self, name: str, certificate: settings.Certificate, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        authorities = certificate.provided_authorities
        self.ca_certificate = pulumi.Output.from_input(authorities) if authorities else None
        self.server_certificate = pulumi.Output.from_input(certificate.provided_chain)
        self.server_key = pulumi.Output.secret(f"{certificate.provided_key.strip()}\n")
        self.register_outputs({"ca_certificate": self.ca_certificate})


class SelfSignedCertificate(Certificate):
    """Authorities and a server certificate for one domain.

    The keys are ECDSA P-256. The authorities may sign certificates and revocation lists and nothing else; the server
    certificate is for server authentication and names the domain as DNS name or IP address.

    With ``protect`` the engine does not remove the first authority, which signs: the others are on their way in or out.
    So is that one when it is said from whom the certificate will come instead.
    """

    def __init__(
        self,
        name: str,
        domain: str,
        certificate: settings.Certificate,
        protect: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        leaves = certificate.provided_authorities is not None
        self._protected = certificate.authorities[0] if protect and not leaves else None
        self._name = name
        self._settings = certificate
        authorities = {authority: self._authority(authority) for authority in certificate.authorities}
        signer_key, signer = authorities[certificate.authorities[0]]

        # Another name is another key, and another key another certificate.
        rotated = f"{name}-server-{certificate.rotation}" if certificate.rotation else f"{name}-server"
        key = tls.PrivateKey(rotated, algorithm="ECDSA", ecdsa_curve="P256", opts=self.child())
        by_address = is_ip_address(domain)
        request = tls.CertRequest(
            f"{name}-server",
            private_key_pem=key.private_key_pem,
            # A common name has at most 64 characters, and clients read the alternative names alone.
            subject=tls.CertRequestSubjectArgs(common_name=domain if len(domain) <= 64 else "registry"),
            dns_names=None if by_address else [domain],
            ip_addresses=[domain] if by_address else None,
            opts=self.child(),
        )
        server = tls.LocallySignedCert(
            f"{name}-server",
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=signer_key.private_key_pem,
            ca_cert_pem=signer.cert_pem,
            allowed_uses=["digital_signature", "server_auth"],
            set_subject_key_id=True,
            validity_period_hours=certificate.validity_days * _HOURS,
            early_renewal_hours=certificate.renewal_days * _HOURS,
            opts=self.child(),
        )
        self.server_key = pulumi.Output.secret(key.private_key_pem)
        self.server_certificate = server.cert_pem
        also_trusted = certificate.provided_authorities or ""
        # By name, so that the clients' files stay as they are when another one of them signs.
        self.ca_certificate = pulumi.Output.all(*(authorities[name][1].cert_pem for name in sorted(authorities))).apply(
            lambda own: "".join([*own, also_trusted])
        )
        self.register_outputs({"ca_certificate": self.ca_certificate})

    def _authority(self, authority: str) -> tuple[tls.PrivateKey, tls.SelfSignedCert]:
        name = f"{self._name}-authority-{authority}"
        opts = self.child(protect=authority == self._protected)
        key = tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve="P256", opts=opts)
        certificate = tls.SelfSignedCert(
            name,
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(common_name=f"{pulumi.get_stack()} registry authority {authority}"),
            is_ca_certificate=True,
            allowed_uses=["cert_signing", "crl_signing"],
            set_subject_key_id=True,
            set_authority_key_id=True,
            validity_period_hours=self._settings.authority_validity_days * _HOURS,
            opts=opts,
        )
        return key, certificate
