"""What happens on the clients, as their components say it.

The command below a component tells what the engine does; what that is about stands in the component's inputs. A state
that the version before has left says nothing of itself: then the words say no more than the engine knows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from review.certificates import has_gap, trust_changes
from review.events import Preview, State, Step
from review.impact import Impact

TRUST, VERIFICATION = ":ClientTrust", ":Verification"
_FILES = ":HostFiles"
_DOCKER, _HOSTS = "docker", "hosts"
"""Kinds of the commands below a client's trust: of a state that names none, and that of the hosts entry alone."""
_UNDONE = "trust gained, and lost again at the end; instead remove it from the list, update, and add it again"
_PROOF = "login, push and pull"


@dataclass(frozen=True)
class _Trusting:
    """What a runtime of a client has to trust by."""

    reference: str = ""
    files: Mapping[str, Any] = field(default_factory=dict)
    """Path -> mode and digest."""
    link: str = ""
    entry: str = ""
    """ADDRESS NAME, or nothing."""

    def __str__(self) -> str:
        """Return what is placed."""
        link = [f"{self.link}, a link"] if self.link else []
        entry = [f"hosts entry {self.entry}"] if self.entry else []
        return ", ".join([*self.files, *link, *entry]) or "its files"


def trust(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say whether a client gains, keeps or loses trust, and which files change on it."""
    component = preview.above(step, TRUST)
    if component is None:
        return
    kind = _kind(step, preview)
    host, old, new = host_of(component), _trusting(component.old, kind), _trusting(component.new, kind)
    by = f" by {kind}" if len({*_runtimes(component.old), *_runtimes(component.new)}) > 1 else ""
    if kind == _HOSTS:
        before, after = (_entry(state) for state in (component.old, component.new))
        yield _entry_change(host, before, after)
    elif step.op == "create":
        # The engine deletes last: a command of another type for the same host takes away what this one placed.
        undone = any(change.op == "delete" and _kind(change, preview) == kind for change in preview.below(component))
        yield Impact(host, f"placed: {new}", _UNDONE if undone else f"trust{by} gained", disruptive=undone)
    elif step.op == "delete":
        yield Impact(host, f"removed: {old}", f"trust{by} lost", disruptive=True)
    elif step.op == "replace" and new.files and component.new.inputs.get("aliases"):
        # Then what is new is there before the old goes.
        yield _other_names(component, f"placed: {new}", [path for path in old.files if path not in new.files])
    elif step.op == "replace":
        effect = f"trust{_known_as(old)} lost, then{_known_as(new)} gained"
        yield Impact(host, f"removed: {old}; then placed: {new}", effect, disruptive=True)
    elif component.old.inputs:
        yield from _update(step, component, preview)
    else:
        yield Impact(host, f"written again: {new}", "the state does not contain what it trusted before this update")


def verification(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which clients prove themselves again: once, also where several runtimes do."""
    component = preview.above(step, VERIFICATION)
    if component is None or step is not next(one for one in preview.below(component) if one.op == step.op):
        return
    host = host_of(component)
    if step.op != "delete":
        yield Impact(host, _proven(step, component), "verified" if step.op == "create" else "verified again")
    elif not _is_taken_off(host, preview):
        yield Impact(host, _proven(step, component), "no longer verified")


def component(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what a component says of itself, where no command below it does anything."""
    if any(preview.below(step)):
        return
    changes = {
        "create": ("on the list", "nothing is placed there"),
        "update": ("its entry in the state", "nothing on it changes"),
        "delete": ("off the list", "nothing was placed there"),
    }
    if found := changes.get(step.op):
        yield Impact(host_of(step), *found)


def host_of(component: Step) -> str:
    """Return a component's host, or the component's name where a state of the version before does not say it."""
    return component.new.text("host") or component.old.text("host") or component.name


def authority_changes(component: Step, preview: Preview) -> tuple[list[str], list[str]]:
    """Return the authorities that a client gains and loses."""
    before, after = (state.inputs.get("authorities") or {} for state in (component.old, component.new))
    if not (isinstance(before, dict) and isinstance(after, dict)):
        # An authority that the update makes is not known yet: what becomes of the stack's own ones has to do.
        return trust_changes(preview)
    gained = sorted(str(after[digest]) for digest in after.keys() - before.keys())
    return gained, sorted(str(before[digest]) for digest in before.keys() - after.keys())


def _update(step: Step, component: Step, preview: Preview) -> Iterator[Impact]:
    kind = _kind(step, preview)
    host, old, new = host_of(component), _trusting(component.old, kind), _trusting(component.new, kind)
    come, go = (sorted(a.files.keys() - b.files.keys()) for a, b in ((new, old), (old, new)))
    if come or go:
        yield _other_names(component, f"placed: {', '.join(come)}" if come else "", go)
    changed = sorted(path for path in old.files.keys() & new.files.keys() if old.files[path] != new.files[path])
    if changed:
        gained, lost = authority_changes(component, preview)
        parts = [f"trust gained in {', '.join(gained)}"] if gained else []
        losing = "refused: this client would lose trust in" if has_gap(preview) else "trust lost in"
        parts += [f"{losing} {', '.join(lost)}"] if lost else []
        effect = "; ".join(parts) or "trust in the same CAs"
        yield Impact(host, ", ".join(changed), effect, disruptive=bool(lost))
    if old.entry != new.entry:
        yield _entry_change(host, old.entry, new.entry)
    elif new.link and new.link != old.link:
        yield Impact(host, f"placed: {new.link}, a link", "trust gained for this name too")
    elif come or go:
        return
    elif not changed and {"stdin", "create"} <= step.diffs:
        # The component says what the update before was to place, also where that failed.
        yield Impact(host, f"written again: {new}", "trust as configured before")
    elif not changed and "stdin" in step.diffs:
        yield Impact(host, "written again with the same content", "trust kept")
    elif not changed:
        yield Impact(host, "only how it is reached", "trust kept")


def _other_names(component: Step, placed: str, gone: list[str]) -> Impact:
    """Say by which names a client knows the registry from now on, and by which no more."""
    old, new = _names(component.old), _names(component.new)
    come, go = (", ".join(name for name in a if name not in b) for a, b in ((new, old), (old, new)))
    effects = [f"trust gained as {come}"] if come else []
    effects += [f"trust lost as {go}"] if go else []
    removed = f"removed: {', '.join(gone)}" if gone else ""
    change = "; then ".join(filter(None, [placed, removed]))
    return Impact(host_of(component), change, "; ".join(effects) or "trust kept", disruptive=bool(go))


def _names(state: State) -> list[str]:
    return [name for name in (state.text("reference"), *state.texts("aliases")) if name]


def _entry_change(host: str, old: str, new: str) -> Impact:
    change = f"{old or 'none'} → {new or 'none'}" if old != new else f"{new}, on another line"
    return Impact(host, f"hosts entry: {change}", "the registry's name resolves to it")


def _is_taken_off(host: str, preview: Preview) -> bool:
    trusts = (change for change in preview.changes if change.type.endswith(TRUST))
    return any(change.op == "delete" and host_of(change) == host for change in trusts)


def _kind(step: Step, preview: Preview) -> str:
    """Return what a command below a client's trust is for: the name of a runtime, or the hosts entry alone."""
    files = preview.above(step, _FILES)
    return (files.new.text("kind") or files.old.text("kind") if files else None) or _DOCKER


def _trusting(state: State, kind: str) -> _Trusting:
    said = _runtimes(state).get(kind, {})
    files = said.get("files") or {}
    # Docker's files take the hosts entry along.
    return _Trusting(
        state.text("reference") or "",
        files if isinstance(files, dict) else {},
        said.get("link") or "",
        _entry(state) if kind == _DOCKER and said else "",
    )


def _runtimes(state: State) -> Mapping[str, Any]:
    """Return runtime -> files and link; a state of before has those of its only one."""
    before = {_DOCKER: state.inputs} if "files" in state.inputs else {}
    found = state.inputs.get("runtimes")
    return found if isinstance(found, dict) else before


def _entry(state: State) -> str:
    entry = state.inputs.get("hostsEntry")
    return f"{entry['address']} {entry['name']}" if isinstance(entry, dict) and entry else ""


def _proven(step: Step, component: Step) -> str:
    """Return what the runtimes prove that come, go, or prove themselves again."""
    old, new = (state.inputs.get("verifies") for state in (component.old, component.new))
    known, others = (old, new) if step.op == "delete" else (new, old)
    if not isinstance(known, dict):
        return _PROOF
    beside = others if isinstance(others, dict) and step.op in ("create", "delete") else {}
    steps = [step for runtime, steps in known.items() if runtime not in beside for step in steps]
    return ", ".join(dict.fromkeys(steps)) or _PROOF


def _known_as(known: _Trusting) -> str:
    return f" as {known.reference}" if known.reference else ""
