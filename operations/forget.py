"""A client host that is gone for good: taken out of a stack's state, since nothing can be removed from it any more.

``python -m operations.forget HOST``.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from operations.command_line import CommandLine, OperationError, add_stack

_COMPONENTS = (":ClientTrust", ":Verification")
"""How the types end of the components that are there for one client each."""
_BEFORE = re.compile(r"registry-(trust|verification)-")
"""Started their names before they said their host."""


def forget(client: str, command_line: CommandLine) -> str:
    """Take a client out of a stack's state; return a sentence that says so, and what to do next.

    Raises:
        OperationError: The stack knows no such client, or its state could not be read or written.
    """
    stack = command_line.stack
    exported = json.loads(command_line.run("stack", "export", failure=f"the state of stack {stack} could not be read"))
    kept, forgotten = without(exported["deployment"], client)
    if not forgotten:
        known = ", ".join(clients(exported["deployment"])) or "none"
        raise OperationError(f"stack {stack} has no client {client}; it has {known}")
    written = json.dumps({**exported, "deployment": kept})
    command_line.run("stack", "import", failure=f"the state of stack {stack} could not be written", stdin=written)
    return (
        f"Client {client} was removed from the state of stack {stack} ({len(forgotten)} resources). Files on the host "
        "are not changed. Remove it from private-registry:clients too."
    )


def clients(deployment: dict[str, Any]) -> list[str]:
    """Return the clients that a state knows."""
    return sorted({host for host, _ in _components(deployment)})


def without(deployment: dict[str, Any], client: str) -> tuple[dict[str, Any], set[str]]:
    """Return a state without a client's resources and what refers to them, and the URNs that are gone.

    ``pulumi state delete`` can't do it: nginx's certificate depends on every client's trust.
    """
    gone = {urn for host, urn in _components(deployment) if host == client}
    # In a state nothing stands before what it is below.
    for resource in deployment.get("resources", []):
        if resource.get("parent") in gone:
            gone.add(resource["urn"])
    resources = [
        _detached(resource, gone) for resource in deployment.get("resources", []) if resource["urn"] not in gone
    ]
    return {**deployment, "resources": resources}, gone


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


def main() -> int:
    """Forget a client and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m operations.forget", description="Remove a client that no longer exists from the state."
    )
    parser.add_argument("client", help="its host, as in private-registry:clients")
    add_stack(parser)
    options = parser.parse_args()
    try:
        print(forget(options.client, CommandLine(options.stack)))
    except OperationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
