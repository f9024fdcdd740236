"""The stack's own authorities sign the server certificate."""

import pulumi
import pulumi_tls as tls

from ..settings import pem
from ..settings.certificates import SelfSigned
from .certificate import Certificate, CertificateArgs, Described, described, end_of_first, facts, in_bundle, judged
from .signed import HOURS, Signer, lives, server_certificate


class SelfSignedCertificate(Certificate):
    """Authorities and a server certificate for one domain.

    The authorities' keys are ECDSA P-256, whatever the server's is: another key would be another authority. They may
    sign certificates and revocation lists and nothing else.

    With ``protect`` the engine does not remove the first authority, which signs: the others are on their way in or out.
    So is that one when it is said from whom the certificate will come instead.
    """

    def __init__(
        self,
        name: str,
        source: SelfSigned,
        args: CertificateArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        signer = source.authorities[0]
        known = judged(source, *args.names)
        self._title = args.title
        own = {authority: {"commonName": self._common_name(authority)} for authority in source.authorities}
        props = {
            "source": source.source,
            "names": args.names,
            "signer": signer,
            "anchors": [signer],
            "authorities": known.apply(lambda given: {**own, **described(given.trusted)}),
            "authorityValidityDays": source.authority_validity_days,
            **lives(source),
        }
        super().__init__(name, opts, props)
        self._name, self._settings = name, source
        self._protected = signer if args.protect and source.trusted is None else None
        authorities = {authority: self._authority(authority) for authority in source.authorities}
        key, certificate = authorities[signer]
        server_key, server = server_certificate(
            self, name, args.names, source, Signer(certificate.cert_pem, key.private_key_pem)
        )
        self.pair = in_bundle(server.cert_pem, server_key)
        self.until = end_of_first(server.cert_pem)
        self.before_nginx = [self]
        self.made = [certificate for _, certificate in authorities.values()]
        also_trusted = known.apply(lambda given: given.trusted or "")
        certificates = {authority: certificate.cert_pem for authority, (_, certificate) in authorities.items()}
        # By name, so that the clients' files stay as they are when another one of them signs.
        self.ca_certificate = pulumi.Output.concat(*(certificates[name] for name in sorted(certificates)), also_trusted)
        made = pulumi.Output.all(**certificates).apply(_made)
        self.register_outputs({"ca_certificate": self.ca_certificate, "authorities": made})

    def _authority(self, authority: str) -> tuple[tls.PrivateKey, tls.SelfSignedCert]:
        name = f"{self._name}-authority-{authority}"
        opts = self.child(protect=authority == self._protected)
        key = tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve="P256", opts=opts)
        certificate = tls.SelfSignedCert(
            name,
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(common_name=self._common_name(authority)),
            is_ca_certificate=True,
            allowed_uses=["cert_signing", "crl_signing"],
            set_subject_key_id=True,
            set_authority_key_id=True,
            validity_period_hours=self._settings.authority_validity_days * HOURS,
            opts=opts,
        )
        return key, certificate

    def _common_name(self, authority: str) -> str:
        return f"{self._title} authority {authority}"


def _made(certificates: dict[str, str]) -> Described:
    """Return name -> fingerprint and end of the authorities that the stack has made."""
    return {name: facts(one) for name, text in certificates.items() for one in pem.certificates(text)}
