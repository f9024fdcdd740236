"""From configuration text to settings, or to one message with all the mistakes."""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from .clients_from.entry import ELSEWHERE, WHERE
from .fields import PROJECT, NamedKey
from .model import Settings

NAMESPACE = "private-registry"

_MULTILINE_SECRETS = {"privateKey", "key"}
_SECRETS = (SecretStr, NamedKey)
"""Types of what is never shown."""
_MULTILINE = {"chain", "authority"}
_PEM_KEYS = _MULTILINE | {f"{key}File" for key in _MULTILINE}


_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OF_KEY = "[key]"
"""What pydantic puts after the name of an entry that is wrong itself."""
_STRUCTURES = ("tuple_type", "model_type", "model_attributes_type")


class InvalidSettings(ValueError):
    """The configuration has mistakes; the message lists all of them and shows no secret."""


def load(get: Callable[[str], str | None], keys: Mapping[str, str], project: Path, stack: str) -> Settings:
    """Read and validate the settings of a stack.

    Args:
        get: Returns the text of a key without its namespace, or None where it is not set.
        keys: Every key that is set, with its namespace; finds the ones that nobody knows.
        project: The folder that file names are relative to.
        stack: The stack's name, for the message.

    Raises:
        InvalidSettings: One or more mistakes.
    """
    fields = {_key(field): field for field in Settings.model_fields.values()}
    set_keys = {key for namespace, _, key in (full.partition(":") for full in keys) if namespace == NAMESPACE}
    values: dict[str, Any] = dict.fromkeys(set_keys - set(fields))
    for key, field in fields.items():
        # Pulumi.yaml has to give a key that may be left out a default, if only an empty one.
        if (text := get(key)) and text != "{}":
            values[key] = _value(field, text)
    try:
        return Settings.model_validate(values, context={PROJECT: str(project)}, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidSettings(_message(error, stack)) from None


def given(args: Mapping[str, Any], name: str) -> Settings:
    """Validate the settings that a program gives; keys may be written as in a stack's file too.

    Args:
        args: The settings; what may come from another resource may be an Output.
        name: The registry's, for the message.

    Raises:
        InvalidSettings: One or more mistakes.
    """
    try:
        return Settings.model_validate(args)
    except ValidationError as error:
        details = list(_told(error.errors(include_url=False)))
    lines = [f"The registry '{name}' has {_count(details)}; no part of it was created or changed."]
    for detail in details:
        place = _place(detail)
        shown = "" if place.is_secret else _shown_value(detail)
        lines += ["", f"  {_path(place.location) or name}{shown}", f"      {_reason(detail, place)}"]
    raise InvalidSettings("\n".join(lines))


def _count(details: Sequence[ErrorDetails]) -> str:
    return "1 mistake" if len(details) == 1 else f"{len(details)} mistakes"


def _key(field: FieldInfo) -> str:
    return str(field.alias)


def _value(field: FieldInfo, text: str) -> Any:
    """Return structures, numbers and booleans as such: Pulumi hands every value over as text."""
    if field.annotation is str or _key(field).endswith("File"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _message(error: ValidationError, stack: str) -> str:
    details = list(_told(error.errors(include_url=False)))
    lines = [f"The configuration of stack '{stack}' has {_count(details)}; nothing was created or changed."]
    for detail in details:
        lines += ["", *_mistake(detail, stack)]
    return "\n".join(lines)


class _Place(NamedTuple):
    """Where a mistake is."""

    location: tuple[int | str, ...]
    """As the stack's file has it."""
    section: type[BaseModel]
    """The section that the last key is in."""
    kind: str
    """Which of several kinds of a section it is, as ``source: provided``; empty where there is one kind."""
    beside: Mapping[str, type[BaseModel]]
    """All kinds that it may be of."""
    is_secret: bool
    """Whether a setting there, or one that it stands in, may hold a secret."""


def _place(detail: ErrorDetails) -> _Place:
    """Return where a mistake is: pydantic puts the kind of a section after its key."""
    location: list[int | str] = []
    section, kind, is_secret = Settings, "", False
    below: Any = Settings
    beside: Mapping[str, type[BaseModel]] = {}
    discriminator, is_key = "", False
    for part in detail["loc"]:
        if part == _OF_KEY:
            continue
        if isinstance(below, Mapping):
            kind, beside, below = f"{discriminator}: {part}", below, below[str(part)]
            continue
        location.append(part)
        if is_key:
            # The name of an entry, and not of a setting.
            is_key = False
        elif isinstance(part, str):
            section = below
            field = next((field for field in section.model_fields.values() if _key(field) == part), None)
            below = (kinds_of(field) or section_of(field)) if field else None
            discriminator = str(field.discriminator) if field else ""
            is_key = field is not None and section_of(field) is not None and is_mapping(field)
            is_secret = is_secret or (field is not None and _holds(field, *_SECRETS))
    return _Place(tuple(location), section, kind, beside, is_secret)


def _holds(field: FieldInfo, *kinds: type) -> bool:
    return any(kind in kinds for kind in types_in(field.annotation))


def types_in(annotation: Any) -> Iterator[Any]:
    """Yield a type and those that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from types_in(part)


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """Return what a setting, or each entry of a list, may be, where that is listed; else nothing."""
    return next((get_args(kind) for kind in types_in(field.annotation) if get_origin(kind) is Literal), ())


def _told(details: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Yield the mistakes without those that follow from others: a list is not too short whose entries are wrong."""
    for detail in details:
        length = len(detail["loc"])
        below = any(other["loc"][:length] == detail["loc"] and len(other["loc"]) > length for other in details)
        if not (below and detail["type"] == "too_short"):
            yield detail


def _mistake(detail: ErrorDetails, stack: str) -> list[str]:
    place = _place(detail)
    path = _path(place.location)
    shown = f"{NAMESPACE}:{path}" if path else NAMESPACE
    value = "" if place.is_secret else _shown_value(detail)
    return [
        f"  {shown}{value}",
        f"      {_reason(detail, place)}",
        f"      {_fix(place, path, detail, stack)}",
    ]


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        if isinstance(part, int) or not _PLAIN_KEY.fullmatch(part):
            path += f"[{json.dumps(part)}]"
        else:
            path += f".{part}" if path else part
    return path


def _shown_value(detail: ErrorDetails) -> str:
    # A text where a structure belongs may hold anything, a whole key for example.
    if detail["type"] in ("missing", "extra_forbidden", *_STRUCTURES) or detail["loc"][-1:] == (_OF_KEY,):
        return ""
    if (_PEM_KEYS | {"dockerHost", "url"}).intersection(map(str, detail["loc"])) or not isinstance(
        detail["input"], (str, int, float, bool)
    ):
        return ""
    return f" = {json.dumps(detail['input'], ensure_ascii=False)}"


def _reason(detail: ErrorDetails, place: _Place) -> str:
    where = detail.get("ctx", {}).get(WHERE)
    return f"{where}: {_reason_alone(detail, place)}" if where else _reason_alone(detail, place)


def _reason_alone(detail: ErrorDetails, place: _Place) -> str:
    if detail["type"] == "missing":
        return "is missing and has no default"
    if detail["type"] == "union_tag_invalid":
        # Pydantic puts the key in quotes.
        key = str(detail["ctx"]["discriminator"]).strip("'")
        return f"{key} must be one of {detail['ctx']['expected_tags']}"
    if detail["type"] == "extra_forbidden":
        return _unknown(str(place.location[-1]), place)
    return detail["msg"].removeprefix("Value error, ")


def _unknown(key: str, place: _Place) -> str:
    others = [name for name, kind in place.beside.items() if key in _keys(kind)]
    if others:
        return f"{key} cannot be used with {place.kind}, only with {' or '.join(others)}; remove one of them"
    allowed = _keys(place.section)
    [guess] = get_close_matches(key, allowed, n=1) or [""]
    return f"is not known here{f'; did you mean {guess}?' if guess else ''}; allowed are {', '.join(allowed)}"


def _keys(section: type[BaseModel]) -> list[str]:
    return sorted(_key(field) for field in section.model_fields.values())


def kinds_of(field: FieldInfo) -> Mapping[str, type[BaseModel]]:
    """Return name -> section, where a setting holds one of several kinds of it; else nothing."""
    if field.discriminator is None:
        return {}
    return {str(kind.model_fields[str(field.discriminator)].default): kind for kind in get_args(field.annotation)}


def is_mapping(field: FieldInfo) -> bool:
    """Tell whether a setting holds entries by names that are free."""
    return any(get_origin(kind) is dict for kind in types_in(field.annotation))


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a setting holds, one, a list or a mapping of them, or None for a plain value."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _fix(place: _Place, path: str, detail: ErrorDetails, stack: str) -> str:
    """Return what to do, so that it works as it is printed: with VALUE and FILE in their places."""
    location = place.location
    in_file = len(location) > 1 and str(location[0]) in ("clientsFile", "imagesFile")
    if in_file or detail["type"] == ELSEWHERE:
        return f"fix it in the file of {NAMESPACE}:{location[0]}"
    if detail["type"] == "extra_forbidden" or detail["loc"][-1:] == (_OF_KEY,):
        return f"pulumi config rm --path {_quoted(path)}"
    # A value in its place would take away all that the section holds.
    whole = detail["type"] in _STRUCTURES or isinstance(detail["input"], (Mapping, BaseModel))
    if not path or (whole and detail["type"] != "missing"):
        return f"change it in Pulumi.{stack}.yaml; to see what is set: 'pulumi config'"
    key = str(location[-1])
    # Without a value it is asked for: on the command line it would stay in the shell's history.
    secret = "--secret " if place.is_secret and not key.endswith("File") else ""
    # Without a type a number would be stored where a text is meant, and a text in place of one.
    kind = _type_of(place)
    typed = "" if secret else f"--type {kind} "
    value = " < FILE" if key in _MULTILINE | _MULTILINE_SECRETS else "" if secret else " VALUE"
    # A list that is too short gets its first entry.
    entry = "[0]" if detail["type"] == "too_short" else ""
    # What stands in quotes there keeps them, and stays a text.
    anew = len(location) > 1 and kind != "string" and isinstance(detail["input"], str)
    removal = f"pulumi config rm --path {_quoted(path)} && " if anew else ""
    return f"{removal}pulumi config set {secret}{typed}--path {_quoted(path + entry)}{value}"


def _quoted(path: str) -> str:
    key = f"{NAMESPACE}:{path}"
    return f"'{key}'" if "'" not in key else shlex.quote(key)


def _type_of(place: _Place) -> str:
    """Return what the command line calls the type of a setting."""
    key = [part for part in place.location if isinstance(part, str)][-1]
    field = next(field for field in place.section.model_fields.values() if _key(field) == key)
    return next((kind.__name__ for kind in (int, bool) if _holds(field, kind)), "string")
