"""A host that is gone for good: taken out of a stack's state, since nothing can be removed from it any more.

``python -m operations.forget HOST`` for a client, and ``python -m operations.forget --server NAME`` for one of several
servers.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from operations.command_line import CommandLine, OperationError, Parser, add_stack, run
from operations.fleet import TRUST, VERIFICATION, left_over
from operations.servers import Server, going_with, servers_of

_COMPONENTS = (":ClientTrust", ":Verification")
"""How the types of the components ended that were there for one client each, before version 0.3."""
_BEFORE = re.compile(r"registry-(trust|verification)-")
"""Started their names before they said their host."""
_BY_CLIENT = ("hosts", "placed", "missing", "proven")
"""What the resources of all clients have by client, in their inputs or outputs."""


def forget(client: str, command_line: CommandLine) -> str:
    """Take a client out of a stack's state; return a sentence that says so, and what to do next.

    Raises:
        OperationError: The stack knows no such client, or its state could not be read or written.
    """
    stack, exported = command_line.stack, _exported(command_line)
    deployment = exported["deployment"]
    if client not in clients(deployment):
        known = ", ".join(clients(deployment)) or "none"
        raise OperationError(f"stack {stack} has no client {client}; it has {known}")
    _import(command_line, {**exported, "deployment": without(deployment, client)})
    return (
        f"Client {client} was removed from the state of stack {stack}. Files on the host are not changed. "
        "Remove it from private-registry:clients too."
    )


def forget_server(server: str, command_line: CommandLine) -> str:
    """Take a server out of a stack's state; return a sentence that says so, and what to do next.

    Raises:
        OperationError: The stack knows no such server, or has no other one, or its state could not be read or written.
    """
    stack, exported = command_line.stack, _exported(command_line)
    try:
        found = leaving(servers_of(_resources(exported["deployment"])), server)
    except ValueError as error:
        raise OperationError(f"stack {stack} {error}") from None
    _import(command_line, {**exported, "deployment": without_servers(exported["deployment"], found)})
    return (
        f"Server {server} was removed from the state of stack {stack}. Nothing on the machine is changed. Remove it "
        "from private-registry:servers too, and take its address out of the DNS, load balancers and hosts entries. "
        "If the machine is a client too, forget it as a client as well."
    )


def leaving(servers: Sequence[Server], name: str) -> list[Server]:
    """Return the servers that a name means: one of each registry that has it on the machine.

    Raises:
        ValueError: There is none, the name means others too, or a registry would have no server any more.
    """
    found = [one for one in servers if one.name == name] or [one for one in servers if name in one.also]
    if not found:
        known = ", ".join(dict.fromkeys(one.name for one in servers)) or "none"
        raise ValueError(f"has no server {name}; it has {known}")
    registries = Counter(one.registry for one in found)
    if len({one.host for one in found}) > 1 or max(registries.values()) > 1:
        means = ", ".join(f"{one.name} at {one.host}" for one in found)
        raise ValueError(f"has several servers {name}: {means}; use what only one of them has, its name or its address")
    if any(len([one for one in servers if one.registry == registry]) == 1 for registry in registries):
        raise ValueError(
            f"has no other server than {name}; without one there is nothing to keep: to remove the registry, "
            "see docs/decommission.md"
        )
    return found


def without_servers(deployment: dict[str, Any], servers: Iterable[Server]) -> dict[str, Any]:
    """Return a state without servers and what refers to them.

    What all servers share stays: the seed, the users, the certificate that the stack makes, and the clients.
    """
    resources, pending = _resources(deployment), deployment.get("pending_operations") or []
    known = [*resources, *(one["resource"] for one in pending)]
    gone = {urn for server in servers for urn in going_with(server, known)}
    kept = {**deployment, "resources": [_detached(one, gone) for one in resources if one["urn"] not in gone]}
    if pending:
        kept["pending_operations"] = [one for one in pending if one["resource"]["urn"] not in gone]
    return kept


def _exported(command_line: CommandLine) -> dict[str, Any]:
    failure = f"the state of stack {command_line.stack} could not be read"
    return dict(json.loads(command_line.run("stack", "export", failure=failure)))


def _import(command_line: CommandLine, state: dict[str, Any]) -> None:
    failure = f"the state of stack {command_line.stack} could not be written"
    command_line.run("stack", "import", failure=failure, stdin=json.dumps(state))


def _resources(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    return deployment.get("resources") or []


def clients(deployment: dict[str, Any]) -> list[str]:
    """Return the clients that a state knows, also one of which only is known what is to be removed from it."""
    resources = deployment.get("resources", [])
    known = {host for host, _ in _components(deployment)}
    for resource in resources:
        if resource["type"] in (TRUST, VERIFICATION):
            known |= {host for part in _parts(resource) for key in _BY_CLIENT for host in part.get(key) or {}}
        if resource["type"] == TRUST:
            known |= {entry["host"] for entry in left_over(resource, resources)}
    return sorted(known)


def without(deployment: dict[str, Any], client: str) -> dict[str, Any]:
    """Return a state without a client, its own resources and what refers to them.

    ``pulumi state delete`` can't do it: nginx's certificate depends on every client's trust.
    """
    gone = {urn for host, urn in _components(deployment) if host == client}
    # In a state nothing stands before what it is below.
    for resource in deployment.get("resources", []):
        if resource.get("parent") in gone:
            gone.add(resource["urn"])
    kept = [_detached(resource, gone) for resource in deployment.get("resources", []) if resource["urn"] not in gone]
    names = {entry["name"] for one in kept for entry in _dropped(one) if entry["host"] == client}
    return {**deployment, "resources": [_unknowing(resource, client, names) for resource in kept]}


def _components(deployment: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return host and URN of each component that is there for one client."""
    for resource in deployment.get("resources", []):
        if resource["type"].endswith(_COMPONENTS):
            # A host that is gone may have missed the update in which its components would have said it.
            said = resource.get("inputs", {}).get("host")
            yield said or _BEFORE.sub("", resource["urn"].split("::", 3)[3], count=1), resource["urn"]


def _detached(resource: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    detached = dict(resource)
    if "dependencies" in resource:
        detached["dependencies"] = [urn for urn in resource["dependencies"] if urn not in gone]
    if "propertyDependencies" in resource:
        detached["propertyDependencies"] = {
            key: [urn for urn in urns or [] if urn not in gone]
            for key, urns in resource["propertyDependencies"].items()
        }
    if resource.get("deletedWith") in gone:
        del detached["deletedWith"]
    return detached


def _unknowing(resource: dict[str, Any], client: str, names: set[str]) -> dict[str, Any]:
    """Return a resource of all clients without one of them; ``names`` are those of what was to be removed from it."""
    if resource["type"] not in (TRUST, VERIFICATION):
        return resource
    # By them the engine would update it again; the provider knows by itself what is left to do on the other clients.
    found = {key: value for key, value in resource.items() if key != "initErrors"}
    for part in ("inputs", "outputs"):
        said = dict(resource.get(part) or {})
        for key in _BY_CLIENT:
            if said.get(key):
                said[key] = {host: value for host, value in said[key].items() if host != client}
        if "dropped" in said:
            said["dropped"] = [entry for entry in _dropped(resource) if entry["host"] != client]
        if "removed" in said:
            # Else it would count as removed when the client comes back and leaves again.
            said["removed"] = [name for name in said["removed"] if name not in names]
        found[part] = said
    return found


def _parts(resource: dict[str, Any]) -> list[dict[str, Any]]:
    return [resource.get("inputs") or {}, resource.get("outputs") or {}]


def _dropped(resource: dict[str, Any]) -> list[dict[str, Any]]:
    return (resource.get("outputs") or {}).get("dropped") or []


def main() -> int:
    """Forget a client or a server and return the exit status."""
    parser = Parser(
        prog="python -m operations.forget", description="Remove a host that no longer exists from the state."
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("client", nargs="?", help="the host of a client, as in private-registry:clients")
    which.add_argument("--server", help="the name or the address of a server, as in private-registry:servers")
    add_stack(parser)
    return run(parser, lambda options: _report(options.client, options.server, CommandLine(options.stack)))


def _report(client: str | None, server: str | None, command_line: CommandLine) -> int:
    print(forget_server(server, command_line) if server else forget(client or "", command_line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
