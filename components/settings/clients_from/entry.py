"""What sources of clients have in common: entries that know where they stand, and mistakes that say it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

_SHOWN = 12

ELSEWHERE = "elsewhere"
"""The type of a mistake whose message names the file and the line."""

WHERE = "where"
"""Key of a mistake's context: file and line."""


class Mistake(NamedTuple):
    """What a file says of a client and cannot be followed."""

    reason: str
    place: str = ""
    """File and line."""
    client: str = ""
    """As the file calls it."""


class Doubt(NamedTuple):
    """A mistake only where a key matters: if the client is to log in with it."""

    key: str
    mistake: Mistake


class Entry(dict[str, Any]):
    """The keys of one client, as a file has them."""

    line = 0
    lines: Mapping[str, int] = {}
    """Of each key."""
    where = ""
    """File and line, for people."""
    name = ""
    """What the file calls the client, where a message is to say it."""
    places: Mapping[str, str] = {}
    """Key -> file and line, where that is another one."""
    doubts: Sequence[Doubt] = ()

    def place_of(self, path: Sequence[int | str]) -> str:
        """Return where a key stands, or what it is in."""
        return self.places.get(str(path[0]), self.where) if path else self.where


class Jump(dict[str, Any]):
    """Keys of a bastion that lack the login: a source names only the host, the user and the port."""


class Encrypted:
    """A value that Ansible's vault holds, which only Ansible can read."""


def some(names: Iterable[str]) -> str:
    """Return the first names of a list, for a message."""
    given = list(names)
    more = f", … ({len(given)})" if len(given) > _SHOWN else ""
    return f"{', '.join(given[:_SHOWN])}{more}" if given else "none"


def refused(mistakes: Iterable[Mistake]) -> ValidationError:
    """Return the error with all mistakes of a source, each with its file and line in it.

    A line that stands for many clients, as a variable of a group does, is named once.
    """
    clients: dict[tuple[str, str], list[str]] = {}
    for reason, place, client in mistakes:
        clients.setdefault((place, reason), []).extend([client] if client else [])
    reasons = [_told(*said, names) for said, names in clients.items()]
    # The reason is a value of the template, since it may contain braces.
    errors = [PydanticCustomError(ELSEWHERE, "{reason}", {"reason": reason}) for reason in reasons]
    return ValidationError.from_exception_data("clients", [InitErrorDetails(type=one, input=None) for one in errors])


def _told(place: str, reason: str, clients: list[str]) -> str:
    of = f" ({some(clients)})" if clients else ""
    return f"{place}{of}: {reason}" if place or of else reason


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _WithLines(_Loader):  # type: ignore[misc, valid-type]
    """Reads YAML, and keeps the line of each mapping and of its keys."""


def _mapping(loader: Any, node: yaml.MappingNode) -> Any:
    entry = Entry()
    entry.line = node.start_mark.line + 1
    entry.lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    yield entry
    entry.update(loader.construct_mapping(node))


def _tagged(loader: Any, tag: str, node: yaml.Node) -> Any:
    if tag == "unsafe" and isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if tag.startswith("vault"):
        return Encrypted()
    raise yaml.YAMLError(f"unknown tag !{tag}")


_WithLines.add_constructor("tag:yaml.org,2002:map", _mapping)
_WithLines.add_multi_constructor("!", _tagged)


def with_lines(text: str, name: str) -> Any:
    """Return what stands in a YAML text, with an ``Entry`` for each mapping.

    Raises:
        ValueError: It is no YAML; says where, and shows nothing of it.
    """
    try:
        # A safe loader: what it makes are plain values.
        return yaml.load(text, _WithLines)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{name}{line} is not valid YAML") from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        raise ValueError(f"{name} is not valid YAML") from None
