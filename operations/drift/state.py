"""From a stack's exported state to what has to be on which host. Nothing here asks a host."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from components.containers.orphans import OWNER
from components.hosts import arguments, shell
from components.scripts.script import with_payload
from operations.command_line import CommandLine

Connection = Mapping[str, Any]
"""How a command of the stack reaches its host, as the state has it."""
Resource = Mapping[str, Any]

_LOCAL, _REMOTE = "command:local:Command", "command:remote:Command"
_CONTAINER = "docker:index/container:Container"
_FILES = (":HostFiles", ":ReleasedFiles")
"""How the types of the components end whose commands place files."""
_ON_THE_SERVER = ":Registry"
"""How the type of the component ends below which the server is known: its files are there before any container."""
_REGISTRY = ":PrivateRegistry"
_SECRET_MARK = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the key that marks a secret in every state
_MODES = Path(__file__).parent / "modes.sh"


@dataclass(frozen=True)
class Bundle:
    """Files that one command of the stack placed on a host, as its component says it."""

    sudo: bool
    """Whether the script gets to be root by that."""
    place: Mapping[str, str]
    """What the script has to know besides the files."""
    files: Mapping[str, Mapping[str, str]]
    """Name -> mode and digest."""
    script: str = field(repr=False)

    def line(self, verb: str, **changes: str) -> str:
        """Return the command that starts the script, with changes of what it has to know."""
        return shell(self.sudo) + arguments(verb, {**self.place, **changes}, self.files)

    def check(self) -> str:
        """Return the command that prints what is not as it was left."""
        return self.line("check")

    def repairs(self) -> list[tuple[str, str]]:
        """Return the commands that write what the state says, each with its standard input."""
        # The state's authorities were proven when they were written, and the registry may be down now.
        update = self.line("update", registry="")
        if release := self.place.get("release"):
            # A live release is never written again: its content is made live under another name first.
            aside = self.line("update", registry="", release=f"{release}-repair")
            return [(aside, self.script), (update, self.script)]
        if "directory" not in self.place:
            return [(update, self.script)]
        # A file with the right content is never written again: its mode is repaired by itself.
        where = {key: self.place[key] for key in ("directory", "aliases") if key in self.place}
        modes = shell(self.sudo) + arguments("modes", where, self.files)
        return [(modes, with_payload(_MODES, {})), (update, self.script)]


@dataclass(frozen=True)
class Container:
    """A container that the state knows."""

    name: str
    id: str


@dataclass(frozen=True)
class Containers:
    """All that Docker should have of one registry."""

    shell: tuple[str, ...]
    """The words that start a shell on the server."""
    owner: str
    """The label value of what Docker keeps for this state."""
    known: tuple[Container, ...]


@dataclass(frozen=True)
class Host:
    """What has to be on one host, and how to ask it."""

    name: str
    connection: Connection | None = field(repr=False)
    """None for this machine."""
    bundles: tuple[Bundle, ...] = ()
    containers: Mapping[str, Containers] = field(default_factory=dict)
    """The URN of a registry that runs there -> its containers: several may."""
    is_behind: bool = False
    """Whether the last update has not got there, or the version before made it: then it is not known what to ask."""


def export(command_line: CommandLine) -> list[Resource]:
    """Return the resources of a stack's state, secrets in the clear.

    Raises:
        OperationError: The state could not be read. The message holds nothing of the state.
    """
    failure = f"the state of stack {command_line.stack} could not be read"
    exported = command_line.run("stack", "export", "--show-secrets", failure=failure)
    return list(json.loads(exported)["deployment"].get("resources", []))


def hosts_of(resources: Iterable[Resource]) -> list[Host]:
    """Return the hosts that a state knows, with what has to be there."""
    resources = [resource for resource in resources if not _is_going(resource)]
    known = {resource["urn"]: resource for resource in resources}
    hosts: dict[str, Host] = {}
    for resource in resources:
        component = _above(resource, _FILES, known)
        if resource["type"] not in (_LOCAL, _REMOTE) or component is None:
            continue
        connection = _revealed(resource["inputs"].get("connection"))
        key = json.dumps(connection, sort_keys=True)
        host = hosts.get(key) or Host(connection["host"] if connection else "this machine", connection)
        bundle = _bundle(resource, component)
        if bundle is None:
            hosts[key] = replace(host, is_behind=True)
            continue
        containers = dict(host.containers)
        registry = _above(component, (_REGISTRY,), known)
        if registry is not None and _above(component, (_ON_THE_SERVER,), known):
            parts = [one for one in resources if _above(one, (_REGISTRY,), known) is registry]
            containers |= {registry["urn"]: found} if (found := _containers(bundle, parts)) else {}
        hosts[key] = replace(host, bundles=(*host.bundles, bundle), containers=containers)
    return list(hosts.values())


def _is_going(resource: Resource) -> bool:
    """Tell whether a resource waits for its end, or for its successor after its end."""
    return bool(resource.get("delete") or resource.get("pendingReplacement"))


def _above(resource: Resource, ends: tuple[str, ...], known: Mapping[str, Resource]) -> Resource | None:
    """Return the next component above a resource whose type ends so."""
    found = known.get(resource.get("parent") or "")
    while found is not None and not found["type"].endswith(ends):
        found = known.get(found.get("parent") or "")
    return found


def _bundle(command: Resource, component: Resource) -> Bundle | None:
    """Return the files of a command; None where the component does not say just what the command has done."""
    said = _revealed(component.get("inputs") or {})
    if "place" not in said:
        return None
    bundle = Bundle(said["sudo"], said["place"], said["files"], _revealed(command["inputs"]["stdin"]))
    return bundle if bundle.line("create") == _revealed(command["inputs"]["create"]) else None


def _containers(bundle: Bundle, resources: Iterable[Resource]) -> Containers | None:
    known, owner = [], ""
    for resource in resources:
        labels = {label["label"]: label["value"] for label in _revealed(resource.get("inputs", {}).get("labels")) or []}
        owner = labels.get(OWNER, owner)
        if resource["type"] == _CONTAINER:
            known.append(Container(_revealed(resource["outputs"])["name"], resource["id"]))
    return Containers(tuple(shell(bundle.sudo).split()), owner, tuple(known)) if owner else None


def _revealed(value: Any) -> Any:
    """Return a value of the state without the marks of what is secret."""
    if isinstance(value, dict):
        if _SECRET_MARK in value:
            return _revealed(json.loads(value["plaintext"]))
        return {key: _revealed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_revealed(entry) for entry in value]
    return value
