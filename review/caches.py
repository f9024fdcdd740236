"""Pull-through caches: which upstream each has, and what becomes of what is cached."""

from collections.abc import Iterator

from review.events import Preview, State, Step
from review.impact import Impact
from review.server import CONTAINER_EFFECTS, name

_TYPE = ":PullThroughCache"
_EFFECTS = {
    "replace": "stopped and started again: for some seconds nothing can be pulled through it; it keeps what it has",
    "delete": "stopped; clients that pull through it get nothing more from it",
}
_SETTINGS = {
    "url": "address of the upstream",
    "username": "user at the upstream",
    "maximumSize": "maximum size",
}
"""What a component says -> what that is called. What it says of the container is in the container's own row."""


def cache(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which registry is cached, and what is set anew for that."""
    if step.op == "create":
        size = f"at most {step.new.number('maximumSize')} GiB on the server's disk"
        yield Impact(name(preview), f"{_cache_of(step.new)}: {step.new.text('url')}, {size}", f"pulled {_as(step.new)}")
    elif step.op == "update":
        for key, words in _SETTINGS.items():
            old, new = (str(state.inputs.get(key)).removesuffix(".0") for state in (step.old, step.new))
            if old != new:
                yield Impact(name(preview), f"{_cache_of(step.new)}: {words} {old} → {new}", "it keeps what it has")
        if step.old.text("login") != step.new.text("login") and step.old.text("username") == step.new.text("username"):
            yield Impact(name(preview), f"{_cache_of(step.new)}: another password", "used from its start on")


def container(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what becomes of a cache's container."""
    effect = {**CONTAINER_EFFECTS, **_EFFECTS}[step.op]
    yield Impact(name(preview), f"{_of(step, preview)}: container", effect, disruptive=step.op == "delete")


def volume(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what becomes of what is cached."""
    if step.op in ("delete", "replace"):
        yield Impact(
            name(preview),
            f"{_of(step, preview)}: volume {step.old.text('name')} deleted",
            "only copies: no image is lost",
        )


def _of(step: Step, preview: Preview) -> str:
    component = preview.above(step, _TYPE)
    return "cache" if component is None else _cache_of(component.new if component.new.inputs else component.old)


def _cache_of(state: State) -> str:
    return f"cache of {state.text('upstream')}"


def _as(state: State) -> str:
    username = state.text("username")
    return f"as {username}" if username else "without a login"
