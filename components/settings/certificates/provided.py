"""Somebody brings the server certificate along."""

from collections.abc import Iterable
from typing import Literal

from ..chain import mistakes
from ..fields import Chain
from .source import Given


class Provided(Given):
    """You bring the server certificate and its key along, and renew them."""

    idle = frozenset({"authorities", "authorityValidityDays", "validityDays", "renewalDays"})

    source: Literal["provided"] = "provided"
    chain: Chain | None = None
    """The server certificate, then each issuer after the one it issued, PEM."""

    def mistakes(self, domain: str) -> Iterable[str]:
        """Return why clients would refuse the certificate."""
        return mistakes(domain, self.given_chain, self.given_key.get_secret_value(), self.trusted)
