"""What the component of the certificate says of itself, before and after: the same keys whatever the source."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from components.key_types import USUAL_KEY
from review.events import Preview, State, Step

_COMPONENT, _KIND = "private-registry:", "Certificate"
_OWN = "commonName"
"""What an authority says that the stack makes."""


def is_certificate(step: Step) -> bool:
    """Tell whether a step is of the component, of whatever source."""
    return step.type.startswith(_COMPONENT) and step.type.endswith(_KIND)


@dataclass(frozen=True)
class Side:
    """The certificate before or after an update."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    made: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Name -> what is known of an authority that the stack has made."""

    @property
    def source(self) -> str:
        """Where the certificate comes from."""
        return str(self.inputs.get("source") or "")

    @property
    def names(self) -> list[str]:
        """What it is for."""
        return self._texts("names")

    @property
    def signer(self) -> str:
        """Who signs it, as it is shown."""
        return self.shown(str(self.inputs.get("signer") or ""))

    @property
    def rotation(self) -> str:
        """What makes another key."""
        return str(self.inputs.get("rotation") or "")

    @property
    def key_type(self) -> str:
        """The kind of the server's key; the usual one is not told."""
        return str(self.inputs.get("keyType") or USUAL_KEY)

    @property
    def renews_itself(self) -> bool:
        """Whether it is renewed without an update."""
        return self._mapping("renewal").get("by") == "server"

    @property
    def served(self) -> Mapping[str, str]:
        """Fingerprint and end of a certificate that is given; nothing of one that the stack makes."""
        return self._mapping("served")

    @property
    def given(self) -> dict[str, Mapping[str, str]]:
        """Subject -> what is known of an authority that is given."""
        return {name: known for name, known in self._mapping("authorities").items() if _OWN not in known}

    @property
    def own(self) -> dict[str, str]:
        """Name -> common name of the stack's own authorities."""
        return {name: known[_OWN] for name, known in self._mapping("authorities").items() if _OWN in known}

    @property
    def is_public(self) -> bool:
        """Whether clients get no authority."""
        return not self._mapping("authorities")

    def ends(self, names: Iterable[str]) -> dict[str, datetime]:
        """Return when authorities end, as far as that is known, by their names as they are shown."""
        known = {**self.made, **self.given}
        found = {self.shown(name): end_of(known[name]) for name in names if name in known}
        return {name: end for name, end in found.items() if end}

    def fingerprints(self, names: Iterable[str]) -> set[str]:
        """Return the fingerprints of authorities, as far as they are known."""
        known = {**self.made, **self.given}
        return {known[name]["sha256"] for name in names if name in known}

    @property
    def anchors(self) -> set[str]:
        """The fingerprints of the authorities by which clients know the certificate."""
        return self.fingerprints(self._texts("anchors"))

    def shown(self, authority: str) -> str:
        """Return an authority's name as it is shown."""
        return f"CA {authority}" if authority in self.own else authority

    def _mapping(self, key: str) -> Mapping[str, Any]:
        value = self.inputs.get(key)
        return value if isinstance(value, dict) else {}

    def _texts(self, key: str) -> list[str]:
        value = self.inputs.get(key)
        return [str(one) for one in value] if isinstance(value, list) else []


@dataclass(frozen=True)
class Certified:
    """Both sides."""

    old: Side = Side()
    new: Side = Side()
    moves: bool = False
    """Whether another source takes its place."""
    teller: Step | None = None
    """The step that tells of it: where each server has its own, one tells of all."""

    @property
    def is_compared(self) -> bool:
        """Whether both sides say what they are; one that the version before has made does not."""
        return bool(self.old.inputs and self.new.inputs)

    @property
    def names(self) -> Mapping[str, str]:
        """Common name -> name of the stack's own authorities, of both sides."""
        return {common: name for side in (self.old, self.new) for name, common in side.own.items()}


def certified(preview: Preview) -> Certified:
    """Return what the component says; nothing where there is none."""
    steps = [step for step in preview.steps if is_certificate(step)]
    old = next((step for step in steps if step.op != "create"), None)
    new = next((step for step in steps if step.op != "delete"), None)
    return Certified(
        _side(old.old) if old else Side(),
        _side(new.new) if new else Side(),
        moves=old is not None and new is not None and old.type != new.type,
        teller=new or old,
    )


def end_of(known: Mapping[str, str]) -> datetime | None:
    """Return when a certificate ends."""
    return datetime.fromisoformat(known["until"]) if "until" in known else None


def _side(state: State) -> Side:
    made = state.outputs.get("authorities")
    return Side(state.inputs, made if isinstance(made, dict) else {})
