"""From certificates and keys as people bring them to parsed objects, and from these to the text that is written."""

import base64
import binascii
import re
import warnings
from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

_BEGIN = "-----BEGIN "
_BLOCK = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>.*?)-----END (?P=label)-----", re.DOTALL)
_CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_DER = b"\x30"
_ODD_EXTENSIONS = (x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def text_of(content: bytes, label: str = "") -> str:
    """Return a file's text: UTF-8, or UTF-16 with its mark, without the mark.

    Args:
        content: Of the file.
        label: Where the file may hold DER in place of text, what its PEM block is named.

    Raises:
        UnicodeDecodeError: It is no text.
    """
    if label and content.startswith(_DER):
        return f"{_BEGIN}{label}-----\n{base64.encodebytes(content).decode()}-----END {label}-----\n"
    if label and _BEGIN.encode() in content:
        # What stands beside the blocks may be in any encoding.
        return content.decode("utf-8", errors="replace")
    return content.decode(next((code for mark, code in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8"))


def certificates(text: str) -> list[x509.Certificate]:
    """Parse one or more certificates; each is returned once, and whatever stands between them does not count.

    Raises:
        ValueError: There is none, one can't be read, or a private key stands among them.
    """
    blocks = list(_blocks(text))
    if "PRIVATE KEY" in text:
        raise ValueError(
            "contains a private key, which would be sent to the clients; remove it, and replace that key: it may "
            "be known to others"
        )
    found = [
        _certificate(body, label, position)
        for position, (label, body) in enumerate(
            ((label, body) for label, body in blocks if label in _CERTIFICATE_LABELS), start=1
        )
    ]
    if not found:
        raise ValueError(
            "must be one or more certificates in PEM form, -----BEGIN CERTIFICATE-----; "
            "to convert a PKCS #7 file: 'openssl pkcs7 -print_certs -in FILE'"
        )
    return list(dict.fromkeys(found))


def certificates_text(found: Sequence[x509.Certificate]) -> str:
    """Return certificates as they are written."""
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in found)


def common_name(certificate: x509.Certificate) -> str:
    """Return the name by which people know an authority: the common name, or the whole subject where it has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def private_key(text: str) -> PrivateKeyTypes:
    """Parse a private key; certificates and parameters beside it do not count.

    Raises:
        ValueError: There is none or more than one, or it is encrypted.
    """
    keys = [(label, body) for label, body in _blocks(text) if label.endswith("PRIVATE KEY")]
    if len(keys) > 1:
        raise ValueError(f"contains {len(keys)} private keys; keep only the key of the chain's first certificate")
    if not keys:
        raise ValueError("must be a private key in PEM form, -----BEGIN PRIVATE KEY-----")
    [(label, body)] = keys
    if "ENCRYPTED" in label + body:
        raise ValueError(_ENCRYPTED)
    return _opened(label, body)


def private_key_text(key: PrivateKeyTypes) -> str:
    """Return a private key as it is written."""
    form, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


_ENCRYPTED = "must not be encrypted; to remove the passphrase: 'openssl pkey -in FILE'"


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield label and body of each block, wherever its lines begin and however long they are."""
    text = text.replace("\\r", "").replace("\\n", "\n")
    found = [(match["label"], match["body"]) for match in _BLOCK.finditer(text)]
    if len(found) != text.count(_BEGIN):
        raise ValueError("has a -----BEGIN …----- without its -----END …-----; a part of it is missing")
    yield from found


def _certificate(body: str, label: str, position: int) -> x509.Certificate:
    try:
        der = _decoded(body)
        # What OpenSSL adds behind a certificate to say what it is trusted for.
        # A serial number below 1 is warned of, and Docker refuses most of those.
        with warnings.catch_warnings(action="error"):
            certificate = x509.load_der_x509_certificate(_first(der) if label.startswith("TRUSTED") else der)
            _read_whole(certificate)
    except (ValueError, TypeError, Warning, UnsupportedAlgorithm, *_ODD_EXTENSIONS):
        raise ValueError(
            f"certificate {position} in it can't be read; to see what OpenSSL reads: 'openssl x509 -in FILE -text'"
        ) from None
    return certificate


def _read_whole(certificate: x509.Certificate) -> None:
    """Read what is only read when it is asked for: what is wrong there is no certificate for other programs."""
    for part in ("version", "subject", "issuer", "not_valid_before_utc", "not_valid_after_utc", "extensions"):
        getattr(certificate, part)
    certificate.public_key()


def _opened(label: str, body: str) -> PrivateKeyTypes:
    try:
        der = _decoded(body)
        if label == "OPENSSH PRIVATE KEY":
            pem = f"{_BEGIN}{label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"
            return serialization.load_ssh_private_key(pem.encode(), password=None)
        # PKCS 8, PKCS 1 or SEC 1, whatever the label says: a DER file has none.
        return serialization.load_der_private_key(der, password=None)
    except TypeError:
        raise ValueError(_ENCRYPTED) from None
    except Exception:
        # The library's own words may quote the input.
        raise ValueError("can't be read as a private key; to test it: 'openssl pkey -in FILE -check'") from None


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        raise ValueError("is not base64") from None


def _first(der: bytes) -> bytes:
    """Return the first of the DER values that follow one another."""
    length, header = der[1], 2
    if length > 0x80:
        header += length - 0x80
        length = int.from_bytes(der[2:header], "big")
    return der[: header + length]
