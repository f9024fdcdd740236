"""The servers of the registries in a stack's state, and what of it is on which of them.

Each server has Docker's provider of its own. The control machine has the one that the engine starts by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.component import TYPES

Resource = Mapping[str, Any]

REGISTRY = f"{TYPES}PrivateRegistry"
_STORING, _PROOF = f"{TYPES}Registry", f"{TYPES}ServerProof"
_DOCKER = "docker:"
_USUAL = "default"
"""Starts the name of a provider that nobody declared; another version of the plugin has another name."""


def docker_of(resource: Resource) -> str | None:
    """Return the URN of the provider of a resource of Docker's, nothing for the control machine; None of all else."""
    if not resource["type"].startswith(_DOCKER):
        return None
    provider = str(resource.get("provider") or "").rpartition("::")[0]
    return "" if provider.rpartition("::")[2].startswith(_USUAL) else provider


@dataclass(frozen=True)
class Server:
    """A server that a state knows."""

    registry: str
    """The URN of the registry that it serves."""
    name: str
    """What people call it."""
    host: str
    """The machine, as commands reach it."""
    also: tuple[str, ...]
    """The addresses by which it is known besides."""
    components: frozenset[str]
    """The URNs of the components on it."""
    docker: str | None
    """The URN of its provider, as of ``docker_of``; None where nothing is known of its Docker."""


def servers_of(resources: Sequence[Resource]) -> list[Server]:
    """Return the servers of a state, of several registries where it has several."""
    known = {resource["urn"]: resource for resource in resources}
    places = _places(resources, known)
    found = []
    for storing in sorted(resources, key=lambda one: float(_said(one).get("turn") or 0)):
        if storing["type"] != _STORING or known.get(storing.get("parent") or "", {}).get("type") != REGISTRY:
            continue
        docker, said = places.get(storing["urn"]), _said(storing)
        beside = (one for one in resources if one.get("parent") == storing["parent"])
        components = {one["urn"] for one in beside if _is_beside(one, said, docker, places)} | {storing["urn"]}
        host = str((storing.get("inputs") or {}).get("host") or "")
        name = str(said.get("name") or host)
        also = [str(one) for one in (said.get("address"), host) if one and one != name]
        found.append(Server(storing["parent"], name, host, tuple(dict.fromkeys(also)), frozenset(components), docker))
    return found


def going_with(server: Server, resources: Sequence[Resource]) -> set[str]:
    """Return the URNs of all that is on a server, or is there for it alone."""
    gone = set(server.components)
    for resource in resources:
        # In a state nothing stands before what it is below, or what it is reached by.
        if resource.get("parent") in gone or (server.docker and _is_reached_by(resource, server.docker)):
            gone.add(resource["urn"])
        is_its_proof = resource["type"] == _PROOF and resource.get("parent") == server.registry
        if is_its_proof and (resource.get("inputs") or {}).get("server") == server.name:
            gone.add(resource["urn"])
    return gone


def _is_reached_by(resource: Resource, docker: str) -> bool:
    return resource["urn"] == docker or docker_of(resource) == docker


def _places(resources: Iterable[Resource], known: Mapping[str, Resource]) -> dict[str, str]:
    """Return the URN of a component right below a registry -> the provider of what Docker has of it."""
    found: dict[str, str] = {}
    for resource in resources:
        docker = docker_of(resource)
        above = known.get(resource.get("parent") or "")
        while docker is not None and above is not None:
            if known.get(above.get("parent") or "", {}).get("type") == REGISTRY:
                found[above["urn"]] = docker
            above = known.get(above.get("parent") or "")
    return found


def _is_beside(one: Resource, said: Mapping[str, Any], docker: str | None, places: Mapping[str, str]) -> bool:
    """Tell whether a component is on the same server: by what it says itself, or by the Docker that has its parts."""
    if one["urn"] in places and docker is not None:
        return places[one["urn"]] == docker
    return bool(said) and _said(one).get("name") == said["name"]


def _said(resource: Resource) -> Mapping[str, Any]:
    said = (resource.get("inputs") or {}).get("server")
    return said if isinstance(said, dict) else {}
