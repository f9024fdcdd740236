"""From a stack's exported state to what has to be on which host. Nothing here asks a host."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from components.leftovers import OWNER
from lab import engine
from lab.places import PROJECT
from lab.run import LabError
from lab.stack import environment_of
from rendering.script import with_payload

Connection = Mapping[str, Any]
"""How a command of the stack reaches its host, as the state has it."""
Resource = Mapping[str, Any]

_LOCAL, _REMOTE = "command:local:Command", "command:remote:Command"
_CONTAINER = "docker:index/container:Container"
_ON_THE_SERVER = "::registry-registry-config"
"""Ends the URN of the command by which the server is known: it is there before any container."""
_SECRET_MARK = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the key that marks a secret in every state
_MODES = Path(__file__).parent / "modes.sh"


@dataclass(frozen=True)
class Bundle:
    """Files that one command of the stack placed on a host."""

    shell: tuple[str, ...]
    """The words that start a shell there, as root."""
    place: tuple[str, ...]
    """The words that tell the script which files go where."""
    script: str = field(repr=False)

    def check(self) -> str:
        """Return the command that prints what is not as it was left."""
        return shlex.join([*self.shell, "check", *self.place])

    def repairs(self) -> list[tuple[str, str]]:
        """Return the commands that write what the state says, each with its standard input."""
        # The state's authorities were proven when they were written, and the registry may be down now.
        words = [*self.shell, "update", *(word for word in self.place if not word.startswith("registry="))]
        update = shlex.join(words)
        if any(word.startswith("release=") for word in words):
            # A live release is never written again: its content is made live under another name first.
            aside = [f"{word}-repair" if word.startswith("release=") else word for word in words]
            return [(shlex.join(aside), self.script), (update, self.script)]
        # A file with the right content is never written again: its mode is mended by itself.
        return [(update, with_payload(_MODES, {})), (update, self.script)]


@dataclass(frozen=True)
class Container:
    """A container that the state knows."""

    name: str
    id: str


@dataclass(frozen=True)
class Containers:
    """All that Docker should have of the stack."""

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
    containers: Containers | None = None


def export(stack: str) -> list[Resource]:
    """Return the resources of a stack's state, secrets in the clear.

    Raises:
        LabError: The state could not be read. The message holds nothing of the state.
    """
    command = [engine.pulumi(), "stack", "export", "--show-secrets", "--stack", stack, "--cwd", str(PROJECT)]
    env = {**os.environ, **environment_of(stack)}
    done = subprocess.run([*command, "--non-interactive"], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"the state of stack {stack} could not be read: {done.stderr.strip()}")
    return list(json.loads(done.stdout)["deployment"].get("resources", []))


def hosts_of(resources: Iterable[Resource]) -> list[Host]:
    """Return the hosts that a state knows, with what has to be there."""
    resources = [resource for resource in resources if not _is_going(resource)]
    hosts: dict[str, Host] = {}
    for resource in resources:
        bundle = _bundle(resource)
        if bundle is None:
            continue
        connection = _revealed(resource["inputs"].get("connection"))
        key = json.dumps(connection, sort_keys=True)
        host = hosts.get(key) or Host(connection["host"] if connection else "this machine", connection)
        on_server = resource["urn"].endswith(_ON_THE_SERVER)
        containers = _containers(bundle.shell, resources) if on_server else host.containers
        hosts[key] = replace(host, bundles=(*host.bundles, bundle), containers=containers)
    return list(hosts.values())


def _is_going(resource: Resource) -> bool:
    """Tell whether a resource waits for its end, or for its successor after its end."""
    return bool(resource.get("delete") or resource.get("pendingReplacement"))


def _bundle(resource: Resource) -> Bundle | None:
    """Return the bundle of a command, or None for any other resource: those commands begin with a verb."""
    if resource["type"] not in (_LOCAL, _REMOTE):
        return None
    words = tuple(shlex.split(_revealed(resource["inputs"].get("create")) or ""))
    start = words.index("--") + 1 if "--" in words else len(words)
    if words[start : start + 1] != ("create",):
        return None
    return Bundle(words[:start], words[start + 1 :], _revealed(resource["inputs"]["stdin"]))


def _containers(shell: tuple[str, ...], resources: Iterable[Resource]) -> Containers | None:
    known, owner = [], ""
    for resource in resources:
        labels = {label["label"]: label["value"] for label in _revealed(resource.get("inputs", {}).get("labels")) or []}
        owner = labels.get(OWNER, owner)
        if resource["type"] == _CONTAINER:
            known.append(Container(_revealed(resource["outputs"])["name"], resource["id"]))
    return Containers(shell, owner, tuple(known)) if owner else None


def _revealed(value: Any) -> Any:
    """Return a value of the state without the marks of what is secret."""
    if isinstance(value, dict):
        if _SECRET_MARK in value:
            return _revealed(json.loads(value["plaintext"]))
        return {key: _revealed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_revealed(entry) for entry in value]
    return value
