"""Values as the engine sends them, and as they are used here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format, struct_pb2

_MARK = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - what the mark says of a secret value
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a value that nobody knows before the update."""


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in the state and never shows."""

    value: Any


def received(values: struct_pb2.Struct) -> dict[str, Any]:
    """Return values without the marks of what is secret. What is not known yet is ``None``."""
    found: dict[str, Any] = _plain(json_format.MessageToDict(values))
    return found


def sent(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return values for the engine, with what is ``Secret`` marked."""
    return json_format.ParseDict(_marked(values), struct_pb2.Struct())


def revealed(value: Any) -> Any:
    """Return a value of a state that was exported with its secrets, without the marks of what is secret."""
    if isinstance(value, dict):
        if value.get(_MARK) == _SECRET:
            return revealed(json.loads(value["plaintext"]))
        return {key: revealed(one) for key, one in value.items()}
    return [revealed(one) for one in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return (
            _plain(value["value"]) if value.get(_MARK) == _SECRET else {key: _plain(one) for key, one in value.items()}
        )
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if value == _UNKNOWN else value


def _marked(value: Any) -> Any:
    if isinstance(value, Secret):
        return {_MARK: _SECRET, "value": _marked(value.value)}
    if isinstance(value, Mapping):
        return {key: _marked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(one) for one in value]
    return value
