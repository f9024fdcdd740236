"""Where the registry keeps the images: a bucket says which one it is, a volume is told of in ``review.server``."""

from collections.abc import Iterator

from review.events import Preview, State, Step
from review.impact import Impact
from review.server import name

_ELSEWHERE = ("endpoint", "region", "bucket", "prefix")
"""The inputs of which another value means other objects."""
_TRIED = "tried before a registry goes live with it"


def bucket(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what becomes of the images when they go to a bucket, to another one, or leave it."""
    stack, old, new = "the stack", _place(step.old), _place(step.new)
    if step.op == "create" and _was_there(preview):
        yield Impact(stack, f"images: from the volume to the {new}", _from("volume"), disruptive=True)
    elif step.op == "create":
        yield Impact(stack, f"images: in the {new}", _TRIED)
    elif step.op == "delete" and _goes(preview):
        yield Impact(stack, f"images: in the {old}", "the bucket stays as it is, with all the images pushed")
    elif step.op == "delete":
        yield Impact(stack, f"images: from the {old} to the volume", _from("bucket"), disruptive=True)
    elif any(step.old.text(key) != step.new.text(key) for key in _ELSEWHERE):
        yield Impact(stack, f"images: from the {old} to the {new}", _from("old place"), disruptive=True)
    else:
        yield Impact(stack, f"images: other keys for the {new}", _TRIED)


def cache(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say how many layers of a bucket nginx may keep."""
    host, size = name(preview), "layers that nginx keeps on the server's disk"
    old, new = (f"at most {state.number('gib')} GiB" for state in (step.old, step.new))
    if step.op == "create":
        yield Impact(host, f"{size}: {new}", "the first pull of a layer comes from the bucket")
    elif step.op == "delete":
        yield Impact(host, f"{size}: deleted", "copies alone: the bucket has them")
    elif old != new:
        yield Impact(host, f"{size}: {old} → {new}", "those that nobody pulled for long go first")


def _from(place: str) -> str:
    return f"images that lie in the {place} alone can't be pulled any more: copy them first (docs/storage.md)"


def _place(state: State) -> str:
    where = "/".join(filter(None, (state.text("bucket") or "(not known yet)", state.text("prefix"))))
    endpoint = state.text("endpoint")
    return f"bucket {where}{f' at {endpoint}' if endpoint else ''}"


def _was_there(preview: Preview) -> bool:
    """Tell whether a registry has kept images in the volume until now."""
    volume = preview.find(":Volume", "Registry")
    return volume is not None and volume.op != "create"


def _goes(preview: Preview) -> bool:
    """Tell whether the registry is taken away too."""
    container = preview.find(":Container", "Registry")
    return container is not None and container.op == "delete"
