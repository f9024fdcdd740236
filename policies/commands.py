"""Reads what a command on a host runs: its lines, their words, and the files in its standard input."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

TYPES = ("command:local:Command", "command:remote:Command")
LINES = ("create", "update", "delete")

_START = "sh -s -- "
# As components/host_files/script.py writes it.
_FILE = re.compile(r"^([\w.-]+)\) cat <<'END-OF-PAYLOAD'\n(.*?)^END-OF-PAYLOAD$", re.MULTILINE | re.DOTALL)


def words(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Find the ``key=value`` words of a command's lines, and each other word as a key without a value."""
    for line in LINES:
        text = inputs.get(line)
        if isinstance(text, str):
            for word in _split(text.partition(_START)[2]):
                key, _, value = word.partition("=")
                yield key, value


def starts_otherwise(inputs: Mapping[str, Any]) -> bool:
    """Tell whether a line of the command runs anything but a script from standard input."""
    lines = (inputs.get(line) for line in LINES)
    return any(isinstance(line, str) and not line.startswith((_START, f"sudo -n {_START}")) for line in lines)


def files(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> content of the files that the standard input carries."""
    script = inputs.get("stdin")
    return dict(_FILE.findall(script)) if isinstance(script, str) else {}


def texts(value: Any) -> Iterator[str]:
    """Find all texts in a value, also among the keys of mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(key)
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        # What a shell would not read is still to be judged.
        return text.split()
