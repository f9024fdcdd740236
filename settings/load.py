"""From configuration text to settings, or to one message with all the mistakes."""

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from settings.fields import PROJECT
from settings.model import Settings

NAMESPACE = "private-registry"

_SECRETS = {"password", "privateKey", "privateKeyPassword", "key"}
_SECRET_KEYS = _SECRETS | {f"{key}File" for key in _SECRETS}
_PEM_KEYS = {"chain", "authority", "chainFile", "authorityFile"}


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
        return Settings.model_validate(values, context={PROJECT: str(project)})
    except ValidationError as error:
        raise InvalidSettings(_message(error, stack)) from None


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
    details = error.errors(include_url=False)
    count = "1 mistake" if len(details) == 1 else f"{len(details)} mistakes"
    lines = [f"The configuration of stack '{stack}' has {count}; nothing was created or changed."]
    for detail in details:
        lines += ["", *_mistake(detail)]
    return "\n".join(lines)


def _mistake(detail: ErrorDetails) -> list[str]:
    location = detail["loc"]
    path = _path(location)
    shown = f"{NAMESPACE}:{path}" if path else NAMESPACE
    value = _shown_value(detail)
    return [
        f"  {shown}{value}",
        f"      {_reason(detail)}",
        f"      {_mend(location, path, detail['type'])}",
    ]


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _shown_value(detail: ErrorDetails) -> str:
    # A text where a structure belongs may hold anything, a whole key for example.
    if detail["type"] in ("missing", "extra_forbidden", "tuple_type", "model_type", "model_attributes_type"):
        return ""
    if (_SECRET_KEYS | _PEM_KEYS | {"dockerHost"}).intersection(map(str, detail["loc"])) or not isinstance(
        detail["input"], (str, int, float, bool)
    ):
        return ""
    return f" = {json.dumps(detail['input'], ensure_ascii=False)}"


def _reason(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing and has no default"
    if detail["type"] == "extra_forbidden":
        return _unknown(str(detail["loc"][-1]), _allowed(detail["loc"]))
    return detail["msg"].removeprefix("Value error, ")


def _unknown(key: str, allowed: list[str]) -> str:
    [guess] = get_close_matches(key, allowed, n=1) or [""]
    return f"is not known here{f'; did you mean {guess}?' if guess else ''}; allowed are {', '.join(allowed)}"


def _allowed(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Settings
    for part in location[:-1]:
        if isinstance(part, str):
            field = next(field for field in model.model_fields.values() if _key(field) == part)
            model = section_of(field)
    return sorted(_key(field) for field in model.model_fields.values())


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a setting holds, one or a list of them, or None for a plain value."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _mend(location: tuple[int | str, ...], path: str, kind: str) -> str:
    if location and str(location[0]) in ("clientsFile", "imagesFile") and len(location) > 1:
        return f"mend it in the file that {NAMESPACE}:{location[0]} names"
    if kind == "extra_forbidden":
        return f"pulumi config rm --path '{NAMESPACE}:{path}'"
    if not path:
        return "pulumi config shows what is set"
    if str(location[-1]) in _SECRETS:
        # Without a value it is asked for: on the command line it would stay in the shell's history.
        return f"pulumi config set --secret --path '{NAMESPACE}:{path}'"
    return f"pulumi config set --path '{NAMESPACE}:{path}' VALUE"
