"""What the last update left, as far as the engine tells a program."""

from collections.abc import Mapping
from typing import Any

import pulumi

_READ_STATE = "pulumi:pulumi:readStackResourceOutputs"
"""The engine's own function by which a program learns it."""


async def outputs() -> Mapping[str, Mapping[str, Any]] | None:
    """Return URN -> outputs of all that is in the state; None if it can't be told."""
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        found = await pulumi.runtime.invoke_async(_READ_STATE, {"stackName": stack})
        return {urn: one["outputs"] for urn, one in found["outputs"].items()}
    except Exception:
        # A first update has none.
        return None
