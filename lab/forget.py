"""A client host that is gone for good: taken out of a stack's state, since nothing can be removed from it any more."""

import json
from typing import Any

from lab.engine import pulumi
from lab.places import PROJECT
from lab.run import LabError, run, say
from lab.stack import STACK, environment_of

_PREFIXES = ("registry-trust-", "registry-verification-")


def forget(client: str, stack: str = STACK) -> None:
    """Take a client out of a stack's state and say what to do next.

    Raises:
        LabError: The stack knows no such client, or its state could not be read or written.
    """
    env = environment_of(stack)
    command = [pulumi(), "stack", "--stack", stack, "--cwd", str(PROJECT), "--non-interactive"]
    exported = json.loads(run([*command, "export"], env=env))
    kept, forgotten = without(exported["deployment"], client)
    if not forgotten:
        raise LabError(f"stack {stack} has no client {client}; it has {', '.join(clients(exported['deployment']))}")
    run([*command, "import"], env=env, stdin=json.dumps({**exported, "deployment": kept}))
    say(f"Stack {stack} knows {client} no more ({len(forgotten)} resources). Take it off the list of clients too.")


def clients(deployment: dict[str, Any]) -> list[str]:
    """Return the clients that a state knows."""
    names = {_name(resource["urn"]) for resource in deployment.get("resources", [])}
    return sorted({name.removeprefix(prefix) for name in names for prefix in _PREFIXES if name.startswith(prefix)})


def without(deployment: dict[str, Any], client: str) -> tuple[dict[str, Any], set[str]]:
    """Return a state without a client's resources and what refers to them, and the URNs that are gone.

    ``pulumi state delete`` can't do it: nginx's certificate depends on every client's trust.
    """
    names = {f"{prefix}{client}" for prefix in _PREFIXES}
    gone = {resource["urn"] for resource in deployment.get("resources", []) if _name(resource["urn"]) in names}
    resources = [
        _detached(resource, gone) for resource in deployment.get("resources", []) if resource["urn"] not in gone
    ]
    return {**deployment, "resources": resources}, gone


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


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]
