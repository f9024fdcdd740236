"""Somebody brings the server certificate along."""

from typing import Literal

from ..fields import Chain
from .source import ChainAndKey


class Provided(ChainAndKey):
    """You bring the server certificate and its key along, and renew them."""

    idle = frozenset({"authorities", "authorityValidityDays", "validityDays", "renewalDays"})

    source: Literal["provided"] = "provided"
    chain: Chain | None = None
    """The server certificate, then each issuer after the one it issued, PEM."""
