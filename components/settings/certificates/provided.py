"""Somebody brings the server certificate along."""

from typing import Literal

from ..fields import Chain
from .source import ChainAndKey


class Provided(ChainAndKey):
    """You provide the server certificate and its key, and renew them.

    Rules:
        - A chain and a key are required.
        - Either `authority` (or its file) or `public: true`.
        - `authorities`, `authorityValidityDays`, `validityDays` and `renewalDays` are allowed here, and have no effect.

    Example:
        private-registry:certificate:
          source: provided
          chainFile: keys/chain.pem
          keyFile: keys/server.key
          authorityFile: keys/ca.pem
    """

    idle = frozenset({"authorities", "authorityValidityDays", "validityDays", "renewalDays"})

    source: Literal["provided"] = "provided"
    chain: Chain | None = None
    """The server certificate, followed by the intermediate CA certificates, PEM.

    Change: reload: nginx uses it when all clients trust it.
    """
