"""Members of objects in a JSON text of others: it changes where a member comes or goes, and nowhere else."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from .host_file import Refused

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def parse(path: str, text: str) -> Any:
    """Return what a file says; an empty object where there is nothing in it.

    Raises:
        Refused: It is no JSON, or has a key twice.
    """
    try:
        return json.loads(text or "{}", object_pairs_hook=_once)
    except ValueError as error:
        raise Refused(f"{path} is not valid JSON: {error}. Fix it by hand; it was not changed") from None


def with_member(text: str, path: Sequence[str], member: str, gap: str) -> str:
    """Return a text with a member at the end of an object, in a way that can be undone to the byte."""
    start = span(text, path)[0]
    return _with_last(text, start, [(begin, end) for _, begin, _, end in _members(text, start)], member, gap)


def without_member(text: str, path: Sequence[str], name: str) -> str:
    """Return a text without a member of an object."""
    start = span(text, path)[0]
    members = list(_members(text, start))
    number = [key for key, *_ in members].index(name)
    return _without_one(text, start, [(begin, end) for _, begin, _, end in members], number)


def with_element(text: str, path: Sequence[str], element: str) -> str:
    """Return a text with an element at the end of a list, as ``with_member``."""
    start = span(text, path)[0]
    return _with_last(text, start, list(_elements(text, start)), element, "")


def without_element(text: str, path: Sequence[str], number: int) -> str:
    """Return a text without an element of a list."""
    start = span(text, path)[0]
    return _without_one(text, start, list(_elements(text, start)), number)


def span(text: str, path: Sequence[str]) -> tuple[int, int]:
    """Return where a value begins and ends."""
    start, end = _past_space(text, 0), len(text)
    for name in path:
        [(start, end)] = [(begin, stop) for key, _, begin, stop in _members(text, start) if key == name]
    return start, end


def is_empty(text: str, path: Sequence[str]) -> bool:
    """Tell whether an object or a list has nothing in it but white space."""
    return text[_past_space(text, span(text, path)[0] + 1)] in "]}"


def is_bare(text: str, path: Sequence[str]) -> bool:
    """Tell whether an object or a list is written with nothing in it, not even white space."""
    return text[span(text, path)[0] + 1] in "]}"


def breaks(text: str) -> tuple[str, str, str]:
    """Return the white space before the first member, if that has a line of its own, and before those one level down.

    The first is the white space alone; the others have the line break before it.
    """
    found = re.match(r"\s*\{[ \t]*\r?\n([ \t]+)", text)
    indent, end = found[1] if found else "", "\r\n" if "\r\n" in text else "\n"
    above, below = (f"{end}{indent * depth}" if indent else " " for depth in (1, 2))
    return indent, above, below


def _with_last(text: str, start: int, there: Sequence[tuple[int, int]], new: str, gap: str) -> str:
    if not there:
        between = "" if text[start + 1] in "]}" else gap
        return f"{text[: start + 1]}{between}{new}{text[start + 1 :]}"
    begin, end = there[-1]
    before = text[:begin]
    return f"{text[:end]},{before[len(before.rstrip()) :]}{new}{text[end:]}"


def _without_one(text: str, start: int, there: Sequence[tuple[int, int]], number: int) -> str:
    begin, end = there[number]
    if number:
        begin = there[number - 1][1]
    elif len(there) > 1:
        end = there[1][0]
    else:
        begin = start + 1
    return f"{text[:begin]}{text[end:]}"


def _members(text: str, start: int) -> Iterator[tuple[str, int, int, int]]:
    """Return each member of an object: its name, and where that begins, where its value does, and where both end."""
    at = _past_space(text, start + 1)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        begin = _past_space(text, _past_space(text, end) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        yield key, at, begin, end
        at = _past_comma(text, end)


def _elements(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Return where each element of a list begins and ends."""
    at = _past_space(text, start + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield at, end
        at = _past_comma(text, end)


def _past_comma(text: str, at: int) -> int:
    at = _past_space(text, at)
    return _past_space(text, at + 1) if text[at] == "," else at


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
