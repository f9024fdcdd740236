"""What the registry is that hosts are to trust: its names, what it serves, and by which CA certificates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import crypto

from components.settings import pem

_NO_CHECK_TIME = 0x200000
"""When something ends is another question (https://docs.openssl.org/3.5/man3/X509_VERIFY_PARAM_set_flags/)."""


@dataclass(frozen=True)
class Registry:
    """A registry, as hosts are to know it."""

    reference: str
    """HOST[:PORT], what names of images start with."""
    full_reference: str
    """The same with the port in any case."""
    host: str
    """Its name alone."""
    port: int
    host_names: str
    """The names of a hosts entry, with blanks between."""
    mark: str = ""
    """What its lines in the files of others end with."""
    aliases: tuple[str, ...] = ()
    """What names of images may start with too, with and without a port."""
    is_deployed: bool = True
    """Whether the stack was updated once: before that no host is expected to trust."""
    served: Sequence[x509.Certificate] = ()
    """What it serves, its own certificate first; nothing where this machine does not get there."""
    trusted: Sequence[x509.Certificate] = ()
    """What the last update gave to clients."""
    is_public: bool = False
    """Whether programs trust who signs it without a CA certificate of the stack's."""
    has_own_ca: bool = True
    """Whether no other registry is signed by its CA."""

    @property
    def references(self) -> frozenset[str]:
        """All that names of images may start with."""
        return frozenset((self.reference, self.full_reference, *self.aliases))

    def is_trusted_by(self, anchors: Sequence[x509.Certificate]) -> bool | None:
        """Tell whether these CA certificates are enough; None where it is not known what they have to sign."""
        if self.served:
            return _signs(tuple(anchors), tuple(self.served))
        if self.trusted:
            known = set(map(fingerprint, self.trusted))
            return any(fingerprint(one) in known for one in anchors)
        return None

    def knows(self, anchors: Sequence[x509.Certificate]) -> bool:
        """Tell whether a CA certificate of this registry is among some."""
        return bool(anchors) and self.is_trusted_by(anchors) is True


def fingerprint(one: x509.Certificate) -> bytes:
    """Return what tells a certificate from all others."""
    return one.fingerprint(SHA256())


@lru_cache
def anchors_in(text: str) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a text; nothing where one of them can't be read, as programs have it."""
    try:
        return tuple(pem.certificates(text))
    except ValueError:
        return ()


# Cached, since the hosts of a fleet have the same few files.
@lru_cache
def _signs(anchors: tuple[x509.Certificate, ...], chain: tuple[x509.Certificate, ...]) -> bool:
    store = crypto.X509Store()
    # As Go and curl have it: what is in the file counts as it is, whoever has signed that.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN | _NO_CHECK_TIME)
    for one in anchors:
        store.add_cert(crypto.X509.from_cryptography(one))
    leaf, *between = map(crypto.X509.from_cryptography, chain)
    try:
        crypto.X509StoreContext(store, leaf, between).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True
