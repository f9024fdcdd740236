"""What the settings say of themselves, in their docstrings: for the reference, and for the types of a program.

A field's docstring has its meaning, and after ``Change:`` the effect of a change: one or more of ``EFFECTS``, and a
sentence. A section's docstring says what it is, and has the parts ``Rules:`` and ``Example:``.
"""

import inspect
import re
import textwrap
from typing import NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

EFFECTS = {
    "nothing": "No container starts again, and no file on the clients changes.",
    "next request": "nginx reads the new users file at the next request. No container starts again.",
    "clients": "Files on the clients change. The server is not touched.",
    "reload": "nginx loads new files. No request fails.",
    "restart": "A container behind nginx starts again. No request fails.",
    "interruption": "nginx stops and starts again. For about 2 seconds, up to 12, no client is served.",
    "loss": "Data, access or trust is lost. The text says what, and what to do instead.",
}
"""What a change of a setting can do -> what that means; the worst one last."""

_CHANGE = "\n\nChange: "
_PART = re.compile(r"^(Rules|Example):$", re.MULTILINE)


class Effect(NamedTuple):
    """What a change of a setting does."""

    kinds: tuple[str, ...]
    """Some of ``EFFECTS``."""
    text: str
    """What is to be known of it; or nothing."""


class Documented(NamedTuple):
    """What a section says of itself."""

    text: str
    rules: str
    """What excludes what, as a list in Markdown; or nothing."""
    example: str
    """A part of a stack's file; or nothing."""


def meaning_of(field: FieldInfo) -> str:
    """Return what a setting is, on one line."""
    return " ".join(str(field.description).partition(_CHANGE)[0].split())


def effect_of(field: FieldInfo) -> Effect | None:
    """Return what a change of a setting does; None where its docstring does not say it."""
    said = " ".join(str(field.description).partition(_CHANGE)[2].split())
    kinds, _, text = said.removesuffix(".").partition(": ")
    return Effect(tuple(kinds.split(", ")), f"{text}." if text else "") if said else None


def documented(section: type[BaseModel]) -> Documented:
    """Return what a section says of itself."""
    text, *parts = _PART.split(inspect.getdoc(section) or "")
    found = {name: textwrap.dedent(part).strip("\n") for name, part in zip(parts[::2], parts[1::2], strict=True)}
    return Documented(text.strip(), found.get("Rules", ""), found.get("Example", ""))
