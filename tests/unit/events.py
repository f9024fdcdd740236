"""Events of a preview, as the engine writes them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from review.events import Preview, parse

Event = dict[str, Any]
Inputs = Mapping[str, Any] | None
TIME = 1795565384
COMPONENT = "private-registry:index:"
COMMAND = "command:local:Command"


def urn(type_: str, name: str, parent: str = "") -> str:
    """Return the URN of a resource below another one."""
    types = "$".join([*parent.split("::")[2:3], type_])
    return f"urn:pulumi:test::private-registry::{types}::{name}"


REGISTRY = urn(f"{COMPONENT}PrivateRegistry", "registry")


def below(*types: str, of: str = REGISTRY) -> str:
    """Return the URN of the last of some components below each other, each named after those above it."""
    for type_ in types:
        of = urn(f"{COMPONENT}{type_}", f"{of.rpartition('::')[2]}-{type_.lower()}", of)
    return of


def event(
    op: str,
    type_: str,
    name: str,
    old: Inputs = None,
    new: Inputs = None,
    diffs: Iterable[str] = (),
    *,
    parent: str = REGISTRY,
    **more: Any,
) -> Event:
    """Return the event of a step; ``more`` is what the state has besides: outputs, or whether a delete retains it."""
    sides = {
        side: None if inputs is None else {"inputs": inputs, "parent": parent, **more}
        for side, inputs in (("old", old), ("new", new))
    }
    metadata = {"op": op, "type": type_, "urn": urn(type_, name, parent), "diffs": list(diffs), **sides}
    return {"timestamp": TIME, "resourcePreEvent": {"metadata": metadata}}


def preview(*events: Event) -> Preview:
    """Return a preview that came to its end."""
    end = {"summaryEvent": {"result": "succeeded", "resourceChanges": {}}}
    return parse(map(json.dumps, [*events, end]))
