"""Randomness that is kept in the state, so that a second run derives the same values and shows no change."""

import hashlib
import hmac
from functools import partial
from typing import Protocol

import pulumi
import pulumi_tls as tls
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .component import Component


class Derive(Protocol):
    """Returns secret bytes that depend on the seed and the purpose alone (RFC 5869)."""

    def __call__(self, purpose: str, length: int = 32) -> bytes:
        """Return bytes for a purpose."""


class Seed(Component):
    """A private key that serves as the source of every other secret that the stack makes up."""

    def __init__(self, name: str, protect: bool = False, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        key = tls.PrivateKey(name, algorithm="ED25519", opts=self.child(protect=protect))
        self._material: pulumi.Output[str] = pulumi.Output.secret(key.private_key_pem)
        self.register_outputs({})

    @property
    def derivation(self) -> pulumi.Output[Derive]:
        """What derives from the seed, for whoever needs much of it at once."""
        return self._material.apply(lambda material: partial(_hkdf, material))

    def derive(self, purpose: str, length: int = 32) -> pulumi.Output[bytes]:
        """Return secret bytes that depend on the seed and the purpose alone (RFC 5869)."""
        return self._material.apply(lambda material: _hkdf(material, purpose, length))

    def derive_hex(self, purpose: str) -> pulumi.Output[str]:
        """Return 256 secret bits as 64 hexadecimal digits."""
        return self.derive(purpose).apply(lambda value: value.hex())

    def fingerprint(self, content: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return a short keyed digest: it tells contents apart, and helps nobody to guess a secret one."""
        digest = pulumi.Output.all(self.derive("fingerprint"), content).apply(lambda parts: keyed_digest(*parts))
        return pulumi.Output.unsecret(digest)


def _hkdf(material: str, purpose: str, length: int = 32) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose.encode()).derive(material.encode())


def keyed_digest(key: bytes, content: str) -> str:
    """Return 12 hexadecimal digits that tell contents apart, and help nobody who lacks the key."""
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()[:12]
