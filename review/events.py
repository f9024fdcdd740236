"""The engine's events of one preview, one JSON object a line, as steps.

``PULUMI_DEBUG_COMMANDS=true pulumi preview --event-log FILE`` writes them. The first one holds the stack's settings,
with the passwords that are in the clear there: it is never read here, and the file is nobody else's business.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a text that only the update will know."""
_SECRET = "[secret]"  # noqa: S105 - what the engine writes instead of one
_REPLACING = ("create-replacement", "replace", "delete-replaced")
_LOOKING = ("refresh", "read", "read-replacement")
_DELETING = ("delete", "delete-replaced")
_COMPONENT = "private-registry:"
"""Starts the type of a component."""
_REGISTRY, _PROXY = ":PrivateRegistry", ":Proxy"
_SHARED = "Certificate"
"""Ends the types of the components that say by what clients know each server, on whichever of them they run."""
_SEVERAL = 2
_LAST_WORDS = "preview failed"
"""What the engine says at the end of each preview that failed, whatever it was."""
_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class State:
    """A resource before or after a step."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    retained: bool = False
    """Whether a delete leaves the real thing alone."""

    def text(self, key: str) -> str | None:
        """Return an input that is a text; None where it is missing, secret, or not known yet."""
        return _text(self.inputs.get(key))

    def output(self, key: str) -> str | None:
        """Return an output in the same way."""
        return _text(self.outputs.get(key))

    def number(self, key: str) -> int | None:
        """Return an input that is a whole number."""
        value = self.inputs.get(key)
        return int(value) if isinstance(value, int | float) else None

    def texts(self, key: str) -> list[str]:
        """Return the known texts of an input that is a list."""
        value = self.inputs.get(key)
        return [text for text in map(_text, value) if text is not None] if isinstance(value, list) else []


@dataclass(frozen=True)
class Step:
    """What a preview does to one resource."""

    op: str
    """create, update, replace, delete, same; or another of the engine's words, as it is."""
    type: str
    name: str
    old: State = State()
    new: State = State()
    diffs: frozenset[str] = frozenset()
    """The inputs that differ."""
    urn: str = ""
    parent: str = ""
    """The URN of what it is below, or nothing."""

    @property
    def components(self) -> tuple[str, ...]:
        """The components that it is below, by their types, the nearest last: ``("PrivateRegistry", "Proxy")``."""
        # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
        types = "".join(self.urn.split("::")[2:3]).split("$")[:-1]
        return tuple(one.rpartition(":")[2] for one in types if one.startswith(_COMPONENT))

    @property
    def is_component(self) -> bool:
        """Whether it only holds others together, or is a plugin that the engine started by itself."""
        is_plugin = self.type.startswith("pulumi:providers:") and self.name.startswith("default")
        says_nothing = self.type.startswith(_COMPONENT) and not (self.old.inputs or self.new.inputs)
        return is_plugin or says_nothing or self.type.startswith("pulumi:pulumi:")


@dataclass(frozen=True)
class Violation:
    """What a policy pack refuses."""

    rule: str
    message: str
    """Names the resource and the fix."""


@dataclass(frozen=True)
class Preview:
    """One run of the engine."""

    steps: tuple[Step, ...]
    errors: tuple[str, ...]
    violations: tuple[Violation, ...]
    is_complete: bool
    """Whether all that it would change is known; also of one that a policy pack refuses."""
    unchanged: int
    """How many resources stay as they are."""
    time: datetime
    server: str = ""
    """The one of several servers that it is about, by its name; nothing where it is about all, or there is but one."""
    others_serve: bool = False
    """Whether clients get to another server meanwhile."""

    @cached_property
    def registries(self) -> Mapping[str, "Preview"]:
        """Each registry of the program by its name, as a preview of it alone; no name where there is but one.

        What belongs to none of several is the preview without a name.
        """
        parts: dict[str, list[Step]] = {}
        for step in self.steps:
            root = self._registry_of(step)
            parts.setdefault(root.name if root else "", []).append(step)
        if len(parts.keys() - {""}) < _SEVERAL:
            return {"": self}
        return {name: replace(self, steps=tuple(steps)) for name, steps in sorted(parts.items())}

    def _registry_of(self, step: Step) -> Step | None:
        return step if step.type.endswith(_REGISTRY) else self.above(step, _REGISTRY)

    def beside(self, step: Step) -> "Preview":
        """Return the preview of the server that a step is on, with all that servers share; of all, if it is on none.

        So what is found beside a container is not that of another server.
        """
        name = self.server_of(step).get("name")
        return self._servers[name] if name else self

    @cached_property
    def _servers(self) -> Mapping[str, "Preview"]:
        of = {step.urn: self.server_of(step).get("name") for step in self.steps}
        serving = {of[step.urn] for step in self.every(_PROXY) if step.op != "create"}
        return {
            name: replace(
                self,
                steps=tuple(step for step in self.steps if of[step.urn] in (None, name) or _is_shared(step)),
                server=name,
                others_serve=bool(serving - {name}),
            )
            for name in filter(None, {*of.values()})
        }

    @cached_property
    def turns(self) -> Mapping[str, float]:
        """Each of several servers by its name -> when its turn is."""
        said = filter(None, map(self.server_of, self.every(_PROXY)))
        return {one["name"]: float(one["turn"]) for one in said}

    def server_of(self, step: Step) -> Mapping[str, Any]:
        """Return what is said of one of several servers, which a step is on: ``name``, ``address`` and ``turn``."""
        found: Step | None = step
        while found is not None:
            for state in (found.new, found.old):
                if isinstance(said := state.inputs.get("server"), dict):
                    return said
            found = self._by_urn.get(found.parent)
        return {}

    @property
    def changes(self) -> list[Step]:
        """The steps that do something to a real resource, or to a component that says what it is."""
        return [step for step in self.steps if step.op != "same" and not step.is_component]

    def above(self, step: Step, type_: str) -> Step | None:
        """Return the next component above a step whose type ends so."""
        found = self._by_urn.get(step.parent)
        while found is not None and not found.type.endswith(type_):
            found = self._by_urn.get(found.parent)
        return found

    def below(self, component: Step) -> Iterator[Step]:
        """Return the changes of real resources below a component."""
        for step in self._children.get(component.urn, ()):
            if step.type.startswith(_COMPONENT):
                yield from self.below(step)
            elif step.op != "same":
                yield step

    @cached_property
    def _by_urn(self) -> Mapping[str, Step]:
        # What is deleted may have a successor of the same URN, which says more.
        return {step.urn: step for step in sorted(self.steps, key=lambda step: step.op not in _DELETING)}

    @cached_property
    def _children(self) -> Mapping[str, list[Step]]:
        children: dict[str, list[Step]] = {}
        for step in self.steps:
            children.setdefault(step.parent, []).append(step)
        return children

    def find(self, type_: str, component: str = "") -> Step | None:
        """Return the first step whose type ends so, and which is right below a component of that type."""
        return next((step for step in self.every(type_) if component in ("", *step.components[-1:])), None)

    def every(self, type_: str) -> Sequence[Step]:
        """Return the steps of resources whose type ends so, from a colon on."""
        return self._by_type.get(type_, ())

    @cached_property
    def _by_type(self) -> Mapping[str, Sequence[Step]]:
        found: dict[str, list[Step]] = {}
        for step in self.steps:
            found.setdefault(f":{step.type.rpartition(':')[2]}", []).append(step)
        return found


def _is_shared(step: Step) -> bool:
    return step.type.endswith(_SHARED)


def parse(lines: Iterable[str]) -> Preview:
    """Read the events of one preview; of one that was killed, those that it wrote."""
    events = list(_events(lines))
    summary: Mapping[str, Any] = next((event["summaryEvent"] for event in events if "summaryEvent" in event), {})
    errors, violations = tuple(_errors(events)), tuple(_violations(events))
    failed = summary.get("result") == "failed" and not violations
    return Preview(
        steps=tuple(_steps(events)),
        errors=errors,
        violations=violations,
        is_complete=bool(summary) and not failed and not errors,
        unchanged=int((summary.get("resourceChanges") or {}).get("same", 0)),
        time=datetime.fromtimestamp(max((event.get("timestamp", 0) for event in events), default=0), UTC),
    )


def _events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            # The last line of an engine that was killed.
            continue
        if isinstance(event, dict):
            yield event


def _errors(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for event in events:
        diagnostic = event.get("diagnosticEvent") or {}
        message = _COLOUR.sub("", diagnostic.get("message", "")).strip()
        if diagnostic.get("severity") == "error" and message != _LAST_WORDS:
            yield message


def _violations(events: Iterable[Mapping[str, Any]]) -> Iterator[Violation]:
    for event in events:
        violation = event.get("policyEvent") or {}
        if violation.get("enforcementLevel") == "mandatory":
            # The first line says what the rule is for.
            message = _COLOUR.sub("", violation.get("message", "")).strip().partition("\n")
            yield Violation(violation.get("policyName", ""), message[2] or message[0])


def _steps(events: Iterable[Mapping[str, Any]]) -> Iterator[Step]:
    """Return the steps in order; the three that replace a resource are one."""
    parts: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for event in events:
        metadata = (event.get("resourcePreEvent") or {}).get("metadata")
        if metadata and metadata["op"] not in _LOOKING:
            family = "replace" if metadata["op"] in _REPLACING else metadata["op"]
            parts.setdefault((metadata["urn"], family), []).append(metadata)
    for (urn, family), found in parts.items():
        # One that is deleted and has no successor here is the rest of an earlier update.
        op = "delete-replaced" if {part["op"] for part in found} == {"delete-replaced"} else family
        yield Step(
            op=op,
            type=found[0]["type"],
            name=urn.split("::", 3)[3],
            old=_state(found, "old"),
            new=_state(found, "new"),
            diffs=frozenset(diff for part in found for diff in part.get("diffs") or ()),
            urn=urn,
            parent=next((side["parent"] for side in _sides(found) if side.get("parent")), ""),
        )


def _state(parts: Iterable[Mapping[str, Any]], side: str) -> State:
    state: Mapping[str, Any] = next((part[side] for part in parts if part.get(side)), {})
    return State(state.get("inputs") or {}, state.get("outputs") or {}, bool(state.get("retainOnDelete")))


def _sides(parts: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (part[side] for part in parts for side in ("new", "old") if part.get(side))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and _UNKNOWN not in value and value != _SECRET else None
