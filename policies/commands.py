"""Reads what a command on a host runs: its lines, their words, and the files in its standard input.

A rule judges what is sent, whatever a component says of it; which command that is, it knows by the component's type.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from components.scripts.packed import unpacked
from components.scripts.script import read_payload, read_words

TYPES = ("command:local:Command", "command:remote:Command")
LINES = ("create", "update", "delete")


def words(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Find the ``key=value`` words of a command's lines, and each other word as a key without a value."""
    for line in LINES:
        text = inputs.get(line)
        if isinstance(text, str):
            yield from read_words(text)


def files(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> content of the files that the standard input carries."""
    script = inputs.get("stdin")
    return read_payload(script) if isinstance(script, str) else {}


def texts(value: Any) -> Iterator[str]:
    """Find all texts in a value, also among the keys of mappings; a packed script as it was."""
    if isinstance(value, str):
        yield unpacked(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
