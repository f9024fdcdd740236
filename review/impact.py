"""One row of the table."""

from collections.abc import Sequence
from dataclasses import dataclass

DONE = {"create": "created", "update": "changed", "replace": "created again", "delete": "removed"}
"""What the engine does -> how it is said of a thing that has no words of its own."""
_SERVER = "server "
_NAMED = 3
"""How many are named of a group."""


@dataclass(frozen=True)
class Impact:
    """What changes on a host, and what follows."""

    host: str
    change: str
    effect: str
    disruptive: bool = False
    """Whether something is lost or interrupted, so that it has to be read first."""


def named(names: Sequence[str], kind: str = "clients") -> str:
    """Return one name, or how many there are and the first few."""
    if len(names) == 1:
        return names[0]
    more = ", …" if len(names) > _NAMED else ""
    return f"{len(names)} {kind}: {', '.join(names[:_NAMED])}{more}"


def of_server(name: str) -> str:
    """Return what one of several servers is called; no address of a host has a blank."""
    return f"{_SERVER}{name}"


def on_hosts(hosts: Sequence[str]) -> str:
    """Return where all of a row happens: on servers, or on clients."""
    if all(host.startswith(_SERVER) for host in hosts) and len(hosts) > 1:
        return named([host.removeprefix(_SERVER) for host in hosts], "servers")
    return named(hosts)


def of_registry(name: str, text: str) -> str:
    """Return what is said of one registry of several; one that is alone has no name."""
    return f"{name}: {text}" if name else text
