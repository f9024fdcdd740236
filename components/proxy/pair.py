"""What nginx serves with: a source of the certificate gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from ..hosts import File
from ..ordering import Command


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The server certificate and its key: as files of the bundle, or in a folder beside it."""

    files: Mapping[str, File] = field(default_factory=dict)
    """``server.crt`` with the chain, and ``server.key``."""
    renewed: pulumi.Input[str] = ""
    """The folder, below the proxy's, in which something on the server renews them."""
    obtained: Sequence[Command] = ()
    """What has to succeed before they are there."""
