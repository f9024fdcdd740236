"""A shell script together with the content it places, as one text for the standard input of ``sh -s``, and its words.

What writes them stands beside what reads them again, of a resource in a preview.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from .packed import packed

START = "sh -s -- "
"""How a command starts a script that comes on standard input; its words follow."""

_PRELUDE = Path(__file__).parent / "prelude.sh"
_END = "END-OF-PAYLOAD"
# dash loses the first byte of a character of several bytes that follows the first letters of the end mark.
_LOST_BY_DASH = re.compile(r"^E[A-Z-]*[^\x00-\x7f]", re.MULTILINE)
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_CASE = re.compile(rf"^({_NAME.pattern})\) cat <<'{_END}'\n(.*?)^{_END}$", re.MULTILINE | re.DOTALL)


def with_payload(script: Path, payload: Mapping[str, str], parts: Sequence[Path] = ()) -> str:
    """Return the script after a function ``payload NAME`` that prints one of the given texts.

    The whole is parsed before its last line calls anything: an input that breaks off does nothing.

    Args:
        script: A script file.
        payload: File name -> text that ends with a line break.
        parts: Files with functions that the script calls.

    Raises:
        ValueError: A name has other characters than letters, digits, '.', '_', '-', or a text can't be carried.
    """
    cases = [_case(name, text) for name, text in payload.items()]
    payload_function = ["payload() { case $1 in", *cases, "esac; }"] if cases else []
    return "\n".join([*payload_function, packed(script_text(script, parts))])


def script_text(script: Path, parts: Sequence[Path] = ()) -> str:
    """Return a script with its parts, and with the prelude if it reads words by that.

    Comments and indentation are left out, since every host's state keeps the text.
    """
    text = _compact(script)
    prelude = [_PRELUDE] if "read_words" in text else []
    return "".join([*map(_compact, [*prelude, *parts]), text])


def read_payload(script: str) -> dict[str, str]:
    """Return name -> text of what a script from ``with_payload`` carries."""
    return dict(_CASE.findall(script))


def words(**values: str) -> str:
    """Return ``key=value`` words, quoted for a shell, without the empty ones."""
    return shlex.join(f"{key}={value}" for key, value in values.items() if value)


def read_words(line: str) -> list[tuple[str, str]]:
    """Return the keys and values of a command's words; a word without ``=`` is a key with an empty value."""
    text = line.partition(START)[2]
    try:
        found = shlex.split(text)
    except ValueError:
        # What a shell would not read is still to be judged.
        found = text.split()
    return [(key, value) for key, _, value in (word.partition("=") for word in found)]


def _case(name: str, text: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is not a name for a file of a payload: it has letters, digits, '.', '_' and '-' alone, "
            "and starts with a letter or a digit"
        )
    if not text.endswith("\n") or "\0" in text or _END in text.splitlines() or _LOST_BY_DASH.search(text):
        raise ValueError(f"the content of {name} must be text, end with a line break and have no line like {_END}")
    return f"{name}) cat <<'{_END}'\n{text}{_END}\n;;"


# Each host of a fleet gets the same ones.
@cache
def _compact(script: Path) -> str:
    lines = (line.strip() for line in script.read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"
