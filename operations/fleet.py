"""All clients of a registry in a stack's state: what their two resources say."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from components.component import TYPES

TRUST, VERIFICATION = f"{TYPES}ClientsTrust", f"{TYPES}ClientsVerification"
"""Their types."""

Resource = Mapping[str, Any]


def left_over(trust: Resource, resources: Iterable[Resource]) -> Sequence[Mapping[str, Any]]:
    """Return what clients need no more and still have: entries of what their trust has dropped."""
    mark = _mark(trust)
    removed = {
        name
        for one in resources
        if one["type"] == VERIFICATION and _mark(one) == mark
        for name in _outputs(one).get("removed") or []
    }
    return [entry for entry in _outputs(trust).get("dropped") or [] if entry["name"] not in removed]


def _mark(resource: Resource) -> Any:
    return resource["inputs"]["registry"]["mark"]


def _outputs(resource: Resource) -> Mapping[str, Any]:
    return resource.get("outputs") or {}
