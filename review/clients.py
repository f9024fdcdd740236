"""What happens on the clients."""

from collections.abc import Iterator

from review.certificates import has_gap, trust_changes
from review.command import Placement, changed_files, placement
from review.consequence import Consequence
from review.events import Preview, Step

TRUST = "registry-trust-"
_VERIFICATION = "registry-verification-"
_UNDONE = "trust gained, and lost again at the end; instead take it off the list, update, and list it again"


def trust(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say whether a client gains, keeps or loses trust, and which files change on it."""
    host = step.name.removeprefix(TRUST)
    old, new = placement(step.old), placement(step.new)
    if step.op == "create":
        # The engine deletes last: a command of another type for the same host takes away what this one placed.
        undone = any(change.name == step.name and change.op == "delete" for change in preview.changes)
        yield Consequence(host, f"placed: {_listed(new)}", _UNDONE if undone else "trust gained", alarm=undone)
    elif step.op == "delete":
        yield Consequence(host, f"removed: {_listed(old)}", "trust lost", alarm=True)
    elif step.op == "replace":
        effect = f"trust as {_reference(old)} lost, then as {_reference(new)} gained"
        yield Consequence(host, f"removed: {_listed(old)}; then placed: {_listed(new)}", effect, alarm=True)
    else:
        yield from _update(host, step, preview)


def verification(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say which clients prove themselves again."""
    host = step.name.removeprefix(_VERIFICATION)
    if step.op != "delete":
        yield Consequence(host, "login, push and pull", "proved" if step.op == "create" else "proved again")
    elif not any(change.name == f"{TRUST}{host}" for change in preview.changes):
        yield Consequence(host, "login, push and pull", "no longer proved")


def _update(host: str, step: Step, preview: Preview) -> Iterator[Consequence]:
    old, new = placement(step.old), placement(step.new)
    files = changed_files(step)
    if files:
        gained, lost = trust_changes(step, preview)
        parts = [f"trust gained in {', '.join(gained)}"] if gained else []
        losing = "refused, as this would lose trust in" if has_gap(preview) else "trust lost in"
        parts += [f"{losing} {', '.join(lost)}"] if lost else []
        change, effect = f"{', '.join(files)} in {old.directory}", "; ".join(parts) or "trust in the same authorities"
        yield Consequence(host, change, effect, alarm=bool(lost))
    if new.is_known and old.entry != new.entry:
        yield Consequence(host, f"hosts entry: {_entry(old)} → {_entry(new)}", "the registry is found there")
    elif not files:
        written = "written again with the same content" if "stdin" in step.diffs else "nothing but the way to it"
        yield Consequence(host, written, "trust kept")


def _listed(placed: Placement) -> str:
    entry = [f"hosts entry {_entry(placed)}"] if placed.entry else []
    return ", ".join([*placed.paths, *entry]) or "nothing"


def _entry(placed: Placement) -> str:
    address, _, name = placed.entry.partition("/")
    return f"{address} {name}" if name else "none"


def _reference(placed: Placement) -> str:
    """Return what image names start with: Docker's folder is called so."""
    return placed.directory.rpartition("/")[2]
