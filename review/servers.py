"""Several servers of one registry: which changes first, and what a client proves before the next one does."""

from collections.abc import Iterator

from review.events import Preview, Step
from review.impact import Impact, of_server

PROOF = ":ServerProof"
_ALL = "the stack"
_SEVERAL = 2


def order(preview: Preview) -> Iterator[Impact]:
    """Say once which server changes first, where more than one does."""
    names = _changing(preview)
    if len(names) < _SEVERAL:
        return
    is_proven = any(step.op != "delete" for step in preview.every(PROOF))
    before = "a client has proven the one before it" if is_proven else "the one before it is healthy"
    effect = f"each waits until {before}; if one fails, those after it stay as they are"
    yield Impact(_ALL, f"servers change in turn: {', then '.join(names)}", effect)


def _changing(preview: Preview) -> list[str]:
    """Return the names of the servers that change and stay, in their order."""
    names = {
        str(said["name"])
        for step in preview.changes
        # What leaves goes in the end, and has no turn.
        if (said := preview.server_of(step)) and step.op != "delete" and _happens(step)
    }
    return sorted(names, key=lambda name: preview.turns.get(name, 0))


def turn(step: Step, preview: Preview) -> float:
    """Return when it is the turn of the server that a step is on, or is about; 0 where there is no such."""
    said = preview.server_of(step) or {"name": _proven(step) if step.type.endswith(PROOF) else None}
    return preview.turns.get(said["name"], 0)


def _happens(step: Step) -> bool:
    """Tell whether something is done on the server, and not only said of it."""
    return not step.type.startswith("private-registry:")


def _proven(step: Step) -> str | None:
    return (step.new if step.op != "delete" else step.old).text("server")


def proof(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say that a client proves a server."""
    name = of_server(_proven(step) or "not known yet")
    if step.op == "delete":
        yield Impact(name, f"no client proves {name} by itself any more", "it is not listed, or is the only one")
    else:
        effect = "login, push and pull through this server alone; if that fails, no other one changes"
        yield Impact(name, f"a client proves {name}", effect)
