"""Keys of the stack in a TOML file of others."""

import functools
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from .host_file import Refused
from .marked_lines import Lines, marks_of, without

Tables = Mapping[tuple[str, ...], Mapping[str, Any]]
"""Path of a table, none for the top of the file -> its keys, with their values: text, booleans, and lists of text."""
SECRET = "Authorization"  # noqa: S105 # the name of a key
"""Whose value no message shows."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_KEY = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+)\s*=")


def parse(path: str, text: str) -> dict[str, Any]:
    """Return what a file says.

    Raises:
        Refused: It is no TOML; the message has the parser's line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{path} is not valid TOML: {error}. Fix it first; it was not changed") from error


def parsed(text: str) -> dict[str, Any]:
    """Return what a file says that is not to be changed; nothing where it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def table_in(said: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return a table in what a file says; an empty one where there is none."""
    for name in names:
        found = said.get(name)
        said = found if isinstance(found, Mapping) else {}
    return said


def written(tables: Tables) -> str:
    """Return tables as a text."""
    parts = []
    for table, keys in tables.items():
        lines = [_line(key, value) for key, value in keys.items()]
        parts.append("\n".join([_header(table), *(f"  {line}" for line in lines)] if table else lines))
    return "\n\n".join(parts) + "\n"


def shown(tables: Tables) -> str:
    """Return tables as one writes them by hand, without what is secret."""
    return written(
        {path: {key: "…" if key == SECRET else value for key, value in keys.items()} for path, keys in tables.items()}
    ).rstrip()


def put(path: str, text: str, tables: Tables, mark: str) -> str:
    """Return a text with our tables and keys, and without others that we wrote before.

    A key that is an empty text counts as none, and a list that has ours in it as ours. A text that has all of them
    stays as it is, wherever others have written since.

    Raises:
        Refused: It has other values for them, or they can't be added as lines.
    """
    if _has_all(parse(path, text), tables) and _marked(text, mark) == _marked(text) & _names(tables):
        return text
    before = take(path, text, mark)
    said = parse(path, before)
    lines = Lines(before)
    for table, keys in tables.items():
        _put_table(path, lines, table, keys, said, mark)
    after = lines.text()
    if not _is_right(after, said, tables) or take(path, after, mark) != before:
        raise Refused(f"{path} has these tables in a form that can't be changed safely. Add there:\n{shown(tables)}")
    return after


def take(path: str, text: str, mark: str) -> str:
    """Return a text without our lines.

    Raises:
        Refused: What is left would not be valid.
    """
    parse(path, text)
    left = without(text, mark, _take_line)
    parse(path, left)
    return left


def ours(text: str, mark: str) -> list[tuple[tuple[str, ...], str]]:
    """Return table and name of each key in a line of ours."""
    return sorted((table, key) for table, key in _marked(text, mark) if key)


def _marked(text: str, mark: str = "") -> set[tuple[tuple[str, ...], str]]:
    """Return table and key of each line with a mark, without one: with that of any stack; no key of a header."""
    lines = Lines(text)
    table: tuple[str, ...] = ()
    found = set()
    for index, line in enumerate(lines.all):
        header = _table_of(lines, index)
        table = table if header is None else header
        marks = marks_of(line)
        if mark in marks or (marks and not mark):
            found.add((table, "" if header is not None else _key_of(line)))
    return found


def _names(tables: Tables) -> set[tuple[tuple[str, ...], str]]:
    return {(table, key) for table, keys in tables.items() for key in ("", *keys)}


def _has_all(said: Mapping[str, Any], tables: Tables) -> bool:
    return all(
        key in (found := _get(said, table)) and _counts(found[key], value)
        for table, keys in tables.items()
        for key, value in keys.items()
    )


def _counts(there: Any, value: Any) -> bool:
    """Tell whether a value is ours, or a list of others with ours in it."""
    is_more = isinstance(there, list) and isinstance(value, list) and all(one in there for one in value)
    return is_more or bool(there == value)


def _take_line(lines: Lines, index: int) -> None:
    if _table_of(lines, index) is None:
        lines.remove(index)
    elif not any(lines.has_content(one) for one in range(index + 1, _end(lines, index))):
        lines.remove(index)
        # The empty line before it came with it.
        if index and not lines.bare(index - 1):
            lines.remove(index - 1)


def _put_table(
    path: str, lines: Lines, table: tuple[str, ...], keys: Mapping[str, Any], said: Mapping[str, Any], mark: str
) -> None:
    if not table:
        _put_keys(path, lines, -1, (table, keys), said, mark)
        return
    start = next((index for index in range(len(lines.all)) if _table_of(lines, index) == table), None)
    if start is None:
        new = [f"  {_line(key, value)}" for key, value in keys.items()]
        lines.insert(len(lines.all), [*([""] if lines.all else []), _header(table), *new], mark)
        return
    lines.share(start, mark)
    _put_keys(path, lines, start, (table, keys), said, mark)


def _put_keys(
    path: str,
    lines: Lines,
    start: int,
    wanted: tuple[tuple[str, ...], Mapping[str, Any]],
    said: Mapping[str, Any],
    mark: str,
) -> None:
    """Put keys below a header; those of the top of a file below the comments that it begins with."""
    table, keys = wanted
    known = _get(said, table)
    top = next((index for index in range(len(lines.all)) if lines.has_content(index)), len(lines.all))
    for key, value in reversed(list(keys.items())):
        if key not in known:
            lines.insert(start + 1 if table else top, [f"{_indent(lines, start)}{_line(key, value)}"], mark)
        else:
            _put_over(path, lines, start, (table, key), (known[key], value), mark)


def _put_over(
    path: str, lines: Lines, start: int, name: tuple[tuple[str, ...], str], values: tuple[Any, Any], mark: str
) -> None:
    (table, key), (there, value) = name, values
    index = next((one for one in range(start + 1, _end(lines, start)) if _key_of(lines.all[one]) == key), None)
    if _counts(there, value):
        if index is not None:
            lines.share(index, mark)
    elif there == "" and index is not None:
        lines.replace(index, f"{_indent(lines, start)}{_line(key, value)}", mark)
    else:
        what = f"another {key}" if key == SECRET else _line(key, there)
        place = f"in {_header(table)}" if table else "at its top"
        more = f"add {_value(value)[1:-1]} to that list" if isinstance(there, list) else "change it"
        raise Refused(
            f"{path} has {what} {place}, which this stack did not write. Remove that line, or {more} "
            f"there:\n{shown({table: {key: value}})}"
        )


def _is_right(text: str, before: Mapping[str, Any], tables: Tables) -> bool:
    try:
        after = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    wanted = json.loads(json.dumps(before, default=str))
    for table, keys in tables.items():
        found = _get(wanted, table, dict)
        found.update({key: value for key, value in keys.items() if not _counts(found.get(key), value)})
    return bool(json.loads(json.dumps(after, default=str)) == wanted)


def _get(said: Any, table: tuple[str, ...], missing: Callable[[], Any] | None = None) -> dict[str, Any]:
    """Return a table; with ``missing`` it is made where there is none."""
    for name in table:
        if not isinstance(said, dict):
            break
        said = said.setdefault(name, missing()) if missing else said.get(name, {})
    return said if isinstance(said, dict) else {}


def _table_of(lines: Lines, index: int) -> tuple[str, ...] | None:
    """Return the path of the table that begins in a line; an empty one for an array of tables."""
    line = lines.bare(index)
    if not line.startswith("[") or not _is_whole("".join(f"{one}\n" for one in lines.all[:index])):
        return None
    try:
        said: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path = []
    while isinstance(said, dict) and said:
        [(name, said)] = said.items()
        path.append(name)
    return tuple(path) if isinstance(said, dict) else ()


@functools.lru_cache(maxsize=1024)
def _is_whole(text: str) -> bool:
    """Tell whether no text or list over several lines is still open at the end."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _end(lines: Lines, start: int) -> int:
    """Return the line in which the next table begins."""
    following = range(start + 1, len(lines.all))
    return next((index for index in following if _table_of(lines, index) is not None), len(lines.all))


def _key_of(line: str) -> str:
    found = _KEY.match(line)
    return found[1].strip("\"'") if found else ""


def _indent(lines: Lines, start: int) -> str:
    """Return how far the keys of a table are indented."""
    if start < 0:
        return ""
    following = (lines.all[index] for index in range(start + 1, _end(lines, start)) if lines.has_content(index))
    line = next(following, f"  {lines.all[start]}")
    return line[: len(line) - len(line.lstrip())]


def _header(table: tuple[str, ...]) -> str:
    return f"[{'.'.join(name if _BARE.fullmatch(name) else _value(name) for name in table)}]"


def _line(key: str, value: Any) -> str:
    return f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    """Return a value as TOML has it: JSON's text, booleans and lists are the same there."""
    return json.dumps(value, ensure_ascii=False, default=str)
