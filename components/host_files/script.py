"""A shell script together with the content it places, as one text for the standard input of ``sh -s``."""

import re
from collections.abc import Mapping
from pathlib import Path

_END = "END-OF-PAYLOAD"
# dash loses the first byte of a character of several bytes that follows the first letters of the end mark.
_LOST_BY_DASH = re.compile(r"^E[A-Z-]*[^\x00-\x7f]", re.MULTILINE)
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")


def with_payload(script: Path, payload: Mapping[str, str]) -> str:
    """Return the script after a function ``payload NAME`` that prints one of the given texts.

    The whole is parsed before its last line calls anything: an input that breaks off does nothing.

    Args:
        script: A script file; comments and indentation are left out, since every host's state keeps the text.
        payload: File name -> text that ends with a line break.

    Raises:
        ValueError: A name has other characters than letters, digits, '.', '_', '-', or a text can't be carried.
    """
    cases = [_case(name, text) for name, text in payload.items()]
    payload_function = ["payload() { case $1 in", *cases, "esac; }"] if cases else []
    return "\n".join([*payload_function, _compact(script.read_text(encoding="utf-8"))])


def _case(name: str, text: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name for a file of a payload")
    if not text.endswith("\n") or "\0" in text or _END in text.splitlines() or _LOST_BY_DASH.search(text):
        raise ValueError(f"the content of {name} must be text, end with a line break and have no line like {_END}")
    return f"{name}) cat <<'{_END}'\n{text}{_END}\n;;"


def _compact(script: str) -> str:
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"
