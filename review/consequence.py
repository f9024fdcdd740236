"""One row of the table."""

from collections.abc import Sequence
from dataclasses import dataclass

DONE = {"create": "made", "update": "changed", "replace": "made anew", "delete": "removed"}
"""What the engine does -> how it is said of a thing that has no words of its own."""
_NAMED = 3
"""How many hosts are named of a group."""


@dataclass(frozen=True)
class Consequence:
    """What changes on a host, and what follows."""

    host: str
    change: str
    effect: str
    alarm: bool = False
    """Whether something is lost or interrupted, so that it has to be read first."""


def named(hosts: Sequence[str]) -> str:
    """Return one host, or how many there are and the first few."""
    if len(hosts) == 1:
        return hosts[0]
    more = ", …" if len(hosts) > _NAMED else ""
    return f"{len(hosts)} clients: {', '.join(hosts[:_NAMED])}{more}"
