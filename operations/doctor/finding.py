"""What is to be said of a host."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters."""

    WRONG = "wrong"
    """It is in the way of a pull, or will be: the command ends with another status."""
    NOTE = "note"
    """Good to know."""


class Kind(StrEnum):
    """What it is about."""

    CONNECTION = "connection"
    CLOCK = "clock"
    RUNTIME = "runtime"
    TRUST = "trust"
    EXPIRY = "expiry"
    LEFTOVER = "leftover"
    INSECURE = "insecure"
    PITFALL = "pitfall"
    PROXY = "proxy"
    NAME = "name"


@dataclass(frozen=True)
class Finding:
    """Something about a host."""

    kind: Kind
    what: str
    """A sentence that says what is there, and what to do."""
    level: Level = Level.WRONG


def note(kind: Kind, what: str) -> Finding:
    """Return something that is good to know."""
    return Finding(kind, what, Level.NOTE)
