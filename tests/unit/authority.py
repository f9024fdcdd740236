"""Certificates for tests, good and bad: an authority with an intermediate one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, passphrase: bytes | None = None) -> str:
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            encryption = serialization.BestAvailableEncryption(passphrase)
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        ).decode()


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a key of a length, the same each time: drawing one takes long."""
    return rsa.generate_private_key(65537, bits)


def as_openssh(key: Key, passphrase: bytes) -> str:
    """Return a key as OpenSSH writes it, with a passphrase; by one round, as more take long at each reading."""
    form = serialization.PrivateFormat.OpenSSH
    encryption = form.encryption_builder().kdf_rounds(1).build(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


@cache
def dsa_key() -> dsa.DSAPrivateKey:
    """Return a key of a kind that clients refuse, the same each time; a short one, since drawing one takes long."""
    return dsa.generate_private_key(1024)


def issue(
    name: str,
    issuer: Pair | None = None,
    names: Sequence[str] = (),
    authority: bool = False,
    starts: int = -1,
    ends: int = 100,
    key: Key | None = None,
    client_only: bool = False,
    sign: bool = True,
    *,
    path_length: int | None = None,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    without: Sequence[type[x509.ExtensionType]] = (),
    issuer_name: x509.Name | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
    rsa_padding: padding.PSS | None = None,
) -> Pair:
    """Issue a certificate; without an issuer by itself.

    Args:
        name: The common name.
        issuer: Who signs.
        names: The alternative names.
        authority: Whether it may issue.
        starts: In days from now.
        ends: The same.
        key: Its key, else a new one.
        client_only: Whether it is for clients alone.
        sign: Whether an authority's key usage lets it sign.
        path_length: Of an authority's basic constraints.
        more: Extensions, each with whether it is critical.
        without: Kinds of extensions that it has not.
        issuer_name: In place of the issuer's.
        algorithm: Of the signature, where its key leaves a choice; else SHA-256.
        rsa_padding: Of an RSA signature, in place of PKCS #1.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name or (issuer.certificate.subject if issuer else subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=starts))
        .not_valid_after(now + timedelta(days=ends))
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=authority, path_length=path_length), True),
        *more,
    ]
    if authority:
        extensions.append((key_usage(sign), True))
    else:
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client_only else ExtendedKeyUsageOID.SERVER_AUTH
        extensions.append((x509.ExtendedKeyUsage([purpose]), False))
    if names:
        extensions.append((x509.SubjectAlternativeName([_general(name) for name in names]), False))
    for extension, critical in extensions:
        if not isinstance(extension, tuple(without)):
            builder = builder.add_extension(extension, critical=critical)
    signer = issuer.key if issuer else key
    edwards = isinstance(signer, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    signature = None if edwards else algorithm or hashes.SHA256()
    return Pair(builder.sign(signer, signature, rsa_padding=rsa_padding), key)  # type: ignore[arg-type]


def key_usage(sign: bool, serve: bool = True) -> x509.KeyUsage:
    """Return what a key may be used for: to sign certificates, to be a server's."""
    return x509.KeyUsage(
        digital_signature=serve,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
