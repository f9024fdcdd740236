"""A client host that is gone for good: taken out of a stack's state, since nothing can be removed from it any more.

``python -m operations.forget HOST``.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from operations.command_line import CommandLine, OperationError, Parser, add_stack, run
from operations.fleet import TRUST, VERIFICATION, left_over

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
    stack = command_line.stack
    exported = json.loads(command_line.run("stack", "export", failure=f"the state of stack {stack} could not be read"))
    deployment = exported["deployment"]
    if client not in clients(deployment):
        known = ", ".join(clients(deployment)) or "none"
        raise OperationError(f"stack {stack} has no client {client}; it has {known}")
    written = json.dumps({**exported, "deployment": without(deployment, client)})
    command_line.run("stack", "import", failure=f"the state of stack {stack} could not be written", stdin=written)
    return (
        f"Client {client} was removed from the state of stack {stack}. Files on the host are not changed. "
        "Remove it from private-registry:clients too."
    )


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
    """Forget a client and return the exit status."""
    parser = Parser(
        prog="python -m operations.forget", description="Remove a client that no longer exists from the state."
    )
    parser.add_argument("client", help="its host, as in private-registry:clients")
    add_stack(parser)
    return run(parser, lambda options: _report(options.client, CommandLine(options.stack)))


def _report(client: str, command_line: CommandLine) -> int:
    print(forget(client, command_line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
