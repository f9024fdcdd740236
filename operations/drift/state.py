"""From a stack's exported state to what has to be on which host. Nothing here asks a host."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from components.clients import placing
from components.clients.runtime import AUTHORITIES, MODE
from components.containers.orphans import OWNER
from components.hosts import arguments, shell
from components.hosts.session import Connection
from components.provider.fleet import caches_of, known_of, login_of, reach_of
from components.provider.values import revealed
from components.scripts.script import with_payload
from operations.command_line import CommandLine
from operations.fleet import TRUST, left_over
from operations.servers import docker_of

Resource = Mapping[str, Any]
Command = tuple[str, str]
"""A line, and its standard input."""

_LOCAL, _REMOTE = "command:local:Command", "command:remote:Command"
_CONTAINER = "docker:index/container:Container"
_RELEASES, _FILES_BEFORE = ":ReleasedFiles", ":HostFiles"
"""How the types of the components end whose commands place files: on the server, and before version 0.3 on clients."""
_ON_THE_SERVER = ":Registry"
"""How the type of the component ends below which the server is known: its files are there before any container."""
_REGISTRY = ":PrivateRegistry"
_MODES = Path(__file__).parent / "modes.sh"
_REACH = ("host", "port", "user", "hostKey", "privateKey", "privateKeyPassword", "password", "agentSocketPath")
"""What tells one way to reach a host from another one."""


@dataclass(frozen=True)
class Bundle:
    """Files that the stack placed on a host together."""

    check: Command = field(repr=False)
    """Prints what is not as it was left."""
    repairs: tuple[Command, ...] = field(repr=False)
    """Write what the state says, in order."""


@dataclass(frozen=True)
class Planned:
    """Files on a client that are worked out of what is there, and no script of their own writes."""

    sudo: bool
    name: str
    record: placing.Record = field(repr=False)
    texts: placing.Texts = field(repr=False)
    """What the record names."""


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
    planned: tuple[Planned, ...] = ()
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
    resources = [revealed(resource) for resource in resources if not _is_going(resource)]
    hosts: dict[str, Host] = {}
    for found in chain(_by_commands(resources), _by_trust(resources)):
        key = json.dumps(found.connection, sort_keys=True)
        hosts[key] = _both(hosts[key], found) if key in hosts else found
    return list(hosts.values())


def _both(one: Host, other: Host) -> Host:
    """Return a host with all that two of them have."""
    return replace(
        one,
        bundles=one.bundles + other.bundles,
        planned=one.planned + other.planned,
        containers={**one.containers, **other.containers},
        is_behind=one.is_behind or other.is_behind,
    )


def _host(connection: Connection | None, **what: Any) -> Host:
    reach = connection and _reach(connection)
    return Host(reach["host"] if reach else "this machine", reach, **what)


def _reach(connection: Connection) -> Connection:
    """Return a connection without what a command alone has to know."""
    found = {key: connection[key] for key in _REACH if connection.get(key) is not None}
    found["port"] = int(found.get("port") or 22)
    return {**found, "proxy": _reach(connection["proxy"])} if connection.get("proxy") else found


def _by_commands(resources: Sequence[Resource]) -> Iterator[Host]:
    """Find what each command has placed."""
    known = {resource["urn"]: resource for resource in resources}
    for resource in resources:
        component = _above(resource, (_RELEASES, _FILES_BEFORE), known)
        if resource["type"] not in (_LOCAL, _REMOTE) or component is None:
            continue
        connection = resource["inputs"].get("connection")
        bundle = _released(resource, component)
        if bundle is None:
            yield _host(connection, is_behind=True)
            continue
        containers = {}
        registry, on_server = (_above(component, ends, known) for ends in ((_REGISTRY,), (_ON_THE_SERVER,)))
        if registry is not None and on_server is not None:
            below = [one for one in resources if _above(one, (_REGISTRY,), known) is registry]
            # Each of several servers has its own Docker, and so its own provider.
            docker = {docker_of(one) for one in below if _above(one, (_ON_THE_SERVER,), known) is on_server} - {None}
            if found := _containers(component["inputs"]["sudo"], [one for one in below if docker_of(one) in docker]):
                containers[registry["urn"]] = found
        yield _host(connection, bundles=(bundle,), containers=containers)


def _by_trust(resources: Sequence[Resource]) -> Iterator[Host]:
    """Find what was placed on each client, and the clients that still have what they need no more."""
    for trust in resources:
        if trust["type"] == TRUST:
            left = left_over(trust, resources)
            for host in trust["inputs"]["hosts"]:
                # What such a bundle says is there once the rest is away.
                going = {entry["bundle"] for entry in left if entry["host"] == host}
                yield from _client(trust["inputs"], trust.get("outputs") or {}, host, going)
            for entry in left:
                yield _host(entry["reach"]["connection"], is_behind=True)


def _client(inputs: Mapping[str, Any], outputs: Mapping[str, Any], host: str, going: Set[str]) -> Iterator[Host]:
    """Find a client that has something, or should have; but for the bundles of which something has to go."""
    said, reach = inputs["hosts"][host], reach_of(inputs, host)
    entry, authorities = said.get("hostsEntry") or "", inputs.get("authorities") or ""
    login, caches = login_of(inputs, host), caches_of(inputs, host)
    want = placing.wanted(known_of(inputs), said["runtimes"], entry, authorities, login, caches)
    have = (outputs.get("placed") or {}).get(host, {})
    as_wanted = {
        bundle: record
        for bundle, record in have.items()
        if bundle in want and bundle not in going and placing.is_placed(record, want[bundle])
    }
    if want:
        texts = {**(outputs.get("texts") or {}), **(outputs.get("passwords") or {})}
        scripts = {bundle: record for bundle, record in as_wanted.items() if not placing.is_planned(bundle)}
        bundles = tuple(_placed(reach["sudo"], bundle, record, texts) for bundle, record in scripts.items())
        planned = tuple(
            Planned(reach["sudo"], bundle, record, texts)
            for bundle, record in as_wanted.items()
            if bundle not in scripts
        )
        is_behind = len(as_wanted) < len(want) or host in (outputs.get("missing") or {})
        yield _host(reach["connection"], bundles=bundles, planned=planned, is_behind=is_behind)


def _is_going(resource: Resource) -> bool:
    """Tell whether a resource waits for its end, or for its successor after its end."""
    return bool(resource.get("delete") or resource.get("pendingReplacement"))


def _above(resource: Resource, ends: tuple[str, ...], known: Mapping[str, Resource]) -> Resource | None:
    """Return the next component above a resource whose type ends so."""
    found = known.get(resource.get("parent") or "")
    while found is not None and not found["type"].endswith(ends):
        found = known.get(found.get("parent") or "")
    return found


def _released(command: Resource, component: Resource) -> Bundle | None:
    """Return the files of a command; None where the component does not say just what the command has done."""
    said = component.get("inputs") or {}
    if "place" not in said or component["type"].endswith(_FILES_BEFORE):
        return None
    start, place, files, script = shell(said["sudo"]), said["place"], said["files"], command["inputs"]["stdin"]
    if start + arguments("create", place, files) != command["inputs"]["create"]:
        return None
    # A live release is never written again: its content is made live under another name first.
    places = [{**place, "release": f"{place['release']}-repair"}, place]
    repairs = tuple((start + arguments("update", where, files), script) for where in places)
    return Bundle((start + arguments("check", place, files), script), repairs)


def _placed(sudo: bool, bundle: str, record: placing.Record, texts: Mapping[str, str]) -> Bundle:
    """Return the files of a client's record."""
    # The authorities were proven when they were placed, and the registry may be down now.
    place = {key: value for key, value in record["place"].items() if key != "registry"}
    check = placing.command(sudo, "check", bundle, record, texts)
    repair = placing.command(sudo, "update", bundle, {**record, "place": place}, texts)
    if "directory" not in place or not record["authorities"]:
        return Bundle(check, (repair,))
    # A file with the right content is never written again: its mode is repaired by itself.
    where = {key: place[key] for key in ("directory", "aliases") if key in place}
    modes = shell(sudo) + arguments("modes", where, {AUTHORITIES: {"mode": MODE, "digest": "-"}})
    return Bundle(check, ((modes, with_payload(_MODES, {})), repair))


def _containers(sudo: bool, resources: Iterable[Resource]) -> Containers | None:
    known, owner = [], ""
    for resource in resources:
        labels = {label["label"]: label["value"] for label in resource.get("inputs", {}).get("labels") or []}
        owner = labels.get(OWNER, owner)
        if resource["type"] == _CONTAINER:
            known.append(Container(resource["outputs"]["name"], resource["id"]))
    return Containers(tuple(shell(sudo).split()), owner, tuple(known)) if owner else None
