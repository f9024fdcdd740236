"""Where the registry keeps the images, as its component says it of whatever storage."""

from collections.abc import Iterator, Mapping
from typing import Any

from review.events import Preview, State, Step
from review.impact import Impact
from review.server import name

_STACK, _REGISTRY = "the stack", ":Registry"


def images(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say where the images lie, and what becomes of them when that is another place."""
    old, new = _place(step.old) or _unsaid(step, preview), _place(step.new)
    if old and new and old != new:
        lost = f"images that are only in the {old} can't be pulled any more: copy them first (docs/storage.md)"
        yield Impact(_STACK, f"images: from the {old} to the {new}", lost, disruptive=True)
    elif new and not old and _is_outside(step.new):
        yield Impact(_STACK, f"images: in the {new}", "images that are there already can be pulled too")
    elif step.op == "delete" and old and _is_outside(step.old):
        yield Impact(_STACK, f"images: in the {old}", "not changed, with all pushed images")


def keys(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say whether the registry gets to the same place by other keys."""
    registry = preview.above(step, _REGISTRY)
    old, place = (_place(registry.old), _place(registry.new)) if registry else (None, None)
    is_there = place is not None and old in (None, place)
    if step.op == "update" and step.old.text("keys") != step.new.text("keys") and is_there:
        yield Impact(_STACK, f"images: new access keys for the {place}", "tested before the registry uses them")


def cache(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say how many layers nginx may keep of a storage that it does not reach itself."""
    host, size = name(preview), "layers that nginx keeps on the server's disk"
    old, new = (f"at most {state.number('gib')} GiB" for state in (step.old, step.new))
    if step.op == "create":
        yield Impact(host, f"{size}: {new}", "the first pull of a layer is read from the bucket")
    elif step.op == "delete":
        yield Impact(host, f"{size}: deleted", "only copies: no image is lost")
    elif old != new:
        yield Impact(host, f"{size}: {old} → {new}", "the least recently pulled are removed first")


def _said(registry: State) -> Mapping[str, Any]:
    said = registry.inputs.get("storage")
    return said if isinstance(said, dict) else {}


def _place(registry: State) -> str | None:
    """Return where a registry keeps the images, or None where it does not say so."""
    said = State(_said(registry))
    return said.text("place") or (f"{said.text('type')} (not known yet)" if said.inputs else None)


def _is_outside(registry: State) -> bool:
    """Tell whether the images are no part of the stack: else the resource that holds them has a row."""
    return _said(registry).get("canBeDeleted") is False


def _unsaid(step: Step, preview: Preview) -> str | None:
    """Return where a registry has kept the images that says nothing: before it did, there was the volume alone."""
    volume = preview.find(":Volume", "Registry")
    return "volume" if step.op != "create" and volume is not None and volume.op != "create" else None
