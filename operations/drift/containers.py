"""What Docker has of a stack, compared with what the state knows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from operations.drift.report import Finding, Remedy
from operations.drift.state import Container, Containers

_STOPPED = ("exited", "created", "paused")
_WELL = ("healthy", "none")


@dataclass(frozen=True)
class Seen:
    """A container that Docker has."""

    id: str
    name: str
    status: str
    health: str


def seen_in(output: str) -> list[Seen]:
    """Return the containers that ``containers.sh`` printed, each once."""
    return list(dict.fromkeys(_seen(line) for line in output.splitlines() if line))


def _seen(line: str) -> Seen:
    identity, name, status, state = line.split(maxsplit=3)
    # Not every container has a health check.
    health = json.loads(state).get("Health") or {"Status": "none"}
    return Seen(identity, name.removeprefix("/"), status, health["Status"])


def stopped(known: Sequence[Container], seen: Sequence[Seen]) -> list[str]:
    """Return the names of the state's containers that are there and only have to be started."""
    ids = {container.id for container in known}
    return [found.name for found in seen if found.id in ids and found.status in _STOPPED]


def container_findings(host: str, containers: Containers, seen: Sequence[Seen]) -> list[Finding]:
    """Return what is not as the stack left it."""
    # Where one is stopped, those that need it may be ill by that alone.
    well = _WELL if not stopped(containers.known, seen) else (*_WELL, "unhealthy")
    found = [_compared(host, container, seen, well) for container in containers.known]
    return [*filter(None, found), *_strangers(host, containers.known, seen)]


def _compared(host: str, container: Container, seen: Sequence[Seen], well: Sequence[str]) -> Finding | None:
    what = f"container {container.name}"
    own = next((found for found in seen if found.id == container.id), None)
    if own is None:
        if any(found.name == container.name for found in seen):
            return Finding(host, f"{what} was not created by this stack: remove it, and check again", Remedy.MANUAL)
        return Finding(host, f"{what} is gone", Remedy.REFRESH)
    if own.name != container.name:
        return Finding(host, f"{what} was renamed to {own.name}: rename it back", Remedy.MANUAL)
    if own.status in _STOPPED:
        return Finding(host, f"{what} is stopped ({own.status})")
    if own.status != "running" or own.health not in well:
        return Finding(
            host, f"{what} is {own.status}, {own.health}; for the reason: 'docker logs {container.name}'", Remedy.MANUAL
        )
    return None


def _strangers(host: str, known: Sequence[Container], seen: Sequence[Seen]) -> Iterator[Finding]:
    ids, names = {container.id for container in known}, {container.name for container in known}
    for found in seen:
        if found.id not in ids and found.name not in names:
            what = (
                f"container {found.name} has this stack's label but is not in its state: if it is not yours, remove it"
            )
            yield Finding(host, what, Remedy.MANUAL)
