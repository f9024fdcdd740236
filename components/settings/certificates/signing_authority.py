"""An authority of your own, whose key the stack is given, signs the server certificate."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ...registry_reference import is_ip_address
from .. import chain as judge
from .. import pem
from ..fields import Certificates, Chain
from ..section import either
from ..verifier import subject
from .source import ChainAndKey, Signed

_Signing = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class SigningAuthority(Signed, ChainAndKey):
    """Your own CA signs: the stack has its key, creates the server certificate, and renews it.

    Rules:
        - A chain and a key are required.
        - `public: true` excludes `authority`. Without both, the chain must end with its root.
        - `renewalDays` must be below `validityDays`. No CA of the chain must end earlier than the certificate.
        - `authorities` and `authorityValidityDays` are allowed here, and have no effect.

    Example:
        private-registry:certificate:
          source: signing-authority
          chainFile: keys/intermediate.pem
          keyFile: keys/intermediate.key
          authorityFile: keys/ca.pem
    """

    idle = frozenset({"authorities", "authorityValidityDays"})
    also_trusted = ", or the root at the end of its chain"

    source: Literal["signing-authority"] = "signing-authority"
    authority: Certificates | None = None
    """The CA certificates that clients must trust, PEM. Without it, the root at the end of the chain.

    Change: clients: clients refuse to remove the CA of the certificate in use.
    """
    chain: Chain | None = None
    """The certificate of the CA that signs, often an intermediate CA, followed by those of its issuers, PEM.

    Change: reload: a new server certificate.
    """

    @property
    def trusted(self) -> str | None:
        """What clients have to trust: what is given for them, else the root that the chain ends with."""
        given = either(self.authority, self.authority_file)
        roots = [one for one in self._links[-1:] if _is_root(one)]
        return given or (pem.certificates_text(roots) if roots and not self.public else None)

    @property
    def intermediates(self) -> str:
        """What nginx sends after the server certificate: the chain without its root, which clients have."""
        return pem.certificates_text([one for one in self._links if not _is_root(one)])

    @property
    def signer(self) -> str:
        """The certificate of the authority that signs, PEM."""
        return pem.certificates_text(self._links[:1])

    @property
    def _links(self) -> list[x509.Certificate]:
        return pem.certificates(self.given_chain)

    def mistakes(self, domain: str, aliases: Sequence[str] = ()) -> Iterable[str]:
        """Return why clients would refuse what the authority signs: a certificate is signed on trial, and judged."""
        key = pem.private_key(self.given_key.get_secret_value())
        signer = self._links[0]
        if signer.public_key() != key.public_key():
            return [_foreign_key(self._links, key)]
        if not isinstance(key, _Signing):
            return [f"{subject(signer)} has a key type that can't sign here; use ECDSA or RSA"]
        trial_key = ec.generate_private_key(ec.SECP256R1())
        trial = _signed([domain, *aliases], signer, key, trial_key)
        served = pem.certificates_text([trial, *self._links])
        found = judge.mistakes(domain, served, pem.private_key_text(trial_key), self.trusted, aliases)
        # Of a root that stands in the chain and is given too each is said once.
        return dict.fromkeys([*_outlived(self._links, self.validity_days), *found])


def _is_root(certificate: x509.Certificate) -> bool:
    # One that only has its issuer's name leads from an old key of an authority to a new one.
    return judge.issued(certificate, certificate)


def _foreign_key(links: Sequence[x509.Certificate], key: PrivateKeyTypes) -> str:
    owner = next((one for one in links if one.public_key() == key.public_key()), None)
    more = f"it is the key of {subject(owner)}, which must come first" if owner else "it must be the key of that CA"
    return f"the key does not belong to the chain's first certificate, {subject(links[0])}; {more}"


def _outlived(links: Sequence[x509.Certificate], days: int) -> Iterator[str]:
    """Yield which authority a certificate would outlive; one that has ended already is told of elsewhere."""
    now = datetime.now(UTC)
    for one in links:
        left = one.not_valid_after_utc - now
        if timedelta() < left < timedelta(days=days):
            yield (
                f"{subject(one)} ends on {one.not_valid_after_utc:%Y-%m-%d}, before a certificate of {days} days "
                f"would; set validityDays below {left.days}, or use chain and key of a CA that is valid longer"
            )


def _signed(
    names: Sequence[str], signer: x509.Certificate, key: _Signing, server_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Sign a server certificate as the engine's plugin does it."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the server certificate")]))
        .issuer_name(signer.subject)
        .public_key(server_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(list(map(_general, names))), critical=False)
        .sign(key, _hash(key))
    )


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if is_ip_address(name) else x509.DNSName(name)


def _hash(key: _Signing) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    bits = key.curve.key_size if isinstance(key, ec.EllipticCurvePrivateKey) else 0
    return hashes.SHA512() if bits > 384 else hashes.SHA384() if bits > 256 else hashes.SHA256()
