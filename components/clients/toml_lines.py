"""Keys of ours in a TOML file of others: put as lines of their own, found again by a mark, and removed to the byte.

A parser reads the file before and after: unless the one is the other with our keys and nothing else, nothing is done.
Parsers that write, as tomlkit, do not give back the blank lines and the line ends that were there.
"""

import copy
import functools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .host_file import Refused

_LINE = re.compile(r"[^\n]*\n|[^\n]+")

Table = tuple[str, ...]
"""The names that lead to a table; none for the top of a file."""


@dataclass(frozen=True)
class Key:
    """A key of ours: a list with one text."""

    table: Table
    name: str
    text: str

    def header(self) -> str:
        """Return the line above it."""
        first, *rest = self.table
        return f"[{'.'.join((first, *map(json.dumps, rest)))}]"

    def line(self) -> str:
        """Return the line itself."""
        return f"{self.name} = [{json.dumps(self.text)}]"

    def by_hand(self) -> str:
        """Return what a person adds to a file."""
        return f"{self.header()}\n{self.line()}"


class TomlLines:
    """One file's text, and the mark by which lines of ours are known: a comment at their end.

    The first word of a mark is that of all stacks. Who leaves a table last removes it, whichever of them made it.
    """

    def __init__(self, path: str, mark: str) -> None:
        self._path, self._mark, self._any_mark = path, f" # {mark}", f" # {mark.partition(' ')[0]} "

    def put(self, text: str, keys: Sequence[Key]) -> str:
        """Return the text with these keys, and without others of ours.

        Raises:
            Refused: It has another value for one of them, or is no TOML.
        """
        wanted = {(key.table, key.name): key.text for key in keys}
        for table, name in reversed(self._ours(text)):
            if wanted.get((table, name)) not in (value(self.parse(text), (*table, name)) or []):
                text = self._without(text, table, name)
        for key in keys:
            text = self._with(text, key)
        return self._without_headers(text)

    def take(self, text: str) -> str:
        """Return the text without keys of ours; what others added to a table of ours stays.

        Raises:
            Refused: It is no TOML any more, or a line of ours is no longer where it can be removed.
        """
        for table, name in reversed(self._ours(text)):
            text = self._without(text, table, name)
        return self._without_marks(self._without_headers(text))

    def parse(self, text: str) -> dict[str, Any]:
        """Return what a text says.

        Raises:
            Refused: It is no TOML.
        """
        try:
            return _loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Refused(f"{self._path} is not valid TOML: {error}. Fix it by hand; it was not changed") from None

    def _with(self, text: str, key: Key) -> str:
        before = self.parse(text)
        there = value(before, (*key.table, key.name))
        if isinstance(there, list) and key.text in there:
            return text
        if there is not None:
            raise Refused(
                f"{self._path} has {key.name} = {json.dumps(there, default=str)} in {key.header()}, which this stack "
                f"did not write: add {json.dumps(key.text)} to that list by hand, or remove the line"
            )
        expected = _with_value(before, key)
        for result in (*self._inserted(text, key), self._appended(text, key)):
            if parsed(result) == expected:
                return result
        raise Refused(f"{self._path} has {key.header()} in a form that cannot be extended: add {key.line()} by hand")

    def _inserted(self, text: str, key: Key) -> Iterator[str]:
        """Return the text with the line below each line that looks like the header of its table."""
        lines, end = lines_of(text), _line_end(text)
        for at, line in enumerate(lines, 1):
            if table_of(line) == key.table:
                ours = f"{_indent(lines[at : at + 1])}{key.line()}{self._mark}"
                ours = f"{ours}{end}" if line.endswith("\n") else f"{end}{ours}"
                yield "".join((*lines[:at], ours, *lines[at:]))

    def _appended(self, text: str, key: Key) -> str:
        """Return the text with a table of ours at its end: what is before it stays, with or without a line end."""
        end = _line_end(text)
        return f"{text}{end if text else ''}{key.header()}{self._mark}{end}{key.line()}{self._mark}{end}"

    def _ours(self, text: str) -> list[tuple[Table, str]]:
        """Return table and name of each key of ours, in order."""
        return [(table, _name(line)) for table, line in _in_tables(text) if self._is_ours(line) and _name(line)]

    def _is_ours(self, line: str) -> bool:
        return line.rstrip().endswith(self._mark)

    def _without(self, text: str, table: Table, name: str) -> str:
        """Return the text without a key of ours; one with two texts has one of others."""
        lines, before = lines_of(text), self.parse(text)
        at = [self._is_ours(line) and (one, _name(line)) == (table, name) for one, line in _in_tables(text)].index(True)
        result = _cut_line(lines, at)
        there = value(before, (*table, name)) or []
        if parsed(result) != _without_value(before, table, name) or len(there) != 1:
            raise Refused(f"{self._path}: lines of this stack were changed. Remove by hand: {lines[at].strip()}")
        return result

    def _without_headers(self, text: str) -> str:
        """Return the text without tables of ours that have nothing in them."""
        lines, document = lines_of(text), self.parse(text)
        for at in reversed(range(len(lines))):
            table = table_of(lines[at])
            is_empty = not any(map(_name, lines[at + 1 : at + 2]))
            if table and self._any_mark in lines[at] and is_empty:
                result = _cut_block(lines, at)
                if _pruned(parsed(result) or {}, table) == _pruned(document, table):
                    return self._without_headers(result)
        return text

    def _without_marks(self, text: str) -> str:
        """Return the text without our mark at headers below which only keys of others are left."""
        shared = {table for table, line in _in_tables(text) if self._any_mark in line and _name(line)}
        lines = ((table_of(line), line) for line in lines_of(text))
        return "".join(
            line.replace(self._mark, "") if table and table not in shared and self._is_ours(line) else line
            for table, line in lines
        )


def value(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return what is at a path of keys, or nothing."""
    found: Any = document
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def parsed(text: str) -> dict[str, Any] | None:
    """Return what a text says, or nothing where it is no TOML; it is not to be changed."""
    try:
        return _loads(text)
    except tomllib.TOMLDecodeError:
        return None


@functools.lru_cache(maxsize=64)
def _loads(text: str) -> dict[str, Any]:
    # Machines of a fleet have one text, which is asked for again and again.
    return tomllib.loads(text)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends."""
    return _LINE.findall(text)


@functools.lru_cache(maxsize=1024)
def table_of(line: str) -> Table:
    """Return the path of a table's header, or nothing where the line is none."""
    found: Any = parsed(line) if line.lstrip().startswith("[") else None
    path: Table = ()
    while isinstance(found, dict) and found:
        [(key, found)] = found.items()
        path = (*path, key)
    # What is in a list of tables has no path of its own.
    return (*path, "[]") if isinstance(found, list) else path


def _in_tables(text: str) -> Iterator[tuple[Table, str]]:
    """Return each line with the table that it is in."""
    table: Table = ()
    for line in lines_of(text):
        table = table_of(line) or table
        yield table, line


def _name(line: str) -> str:
    """Return the one key that a line sets, or nothing."""
    found = {} if line.lstrip().startswith("[") else parsed(line) or {}
    return next(iter(found), "")


def _cut_block(lines: Sequence[str], at: int) -> str:
    """Return a text without a header that was appended: the line end before it came with it."""
    before, after = "".join(lines[:at]), "".join(lines[at + 1 :])
    is_blank = at > 0 and not lines[at - 1].strip()
    return f"{_without_end(before) if is_blank or not after else before}{after}"


def _cut_line(lines: Sequence[str], at: int) -> str:
    before, after = "".join(lines[:at]), "".join(lines[at + 1 :])
    return f"{before if lines[at].endswith(chr(10)) else _without_end(before)}{after}"


def _without_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _line_end(text: str) -> str:
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def _indent(following: Sequence[str]) -> str:
    """Return the white space before a key that comes next, if one does."""
    return "".join(line[: len(line) - len(line.lstrip())] for line in following if _name(line))


def _with_value(document: dict[str, Any], key: Key) -> dict[str, Any]:
    changed = found = copy.deepcopy(document)
    for one in key.table:
        found = found.setdefault(one, {})
        if not isinstance(found, dict):
            return document  # no text with the key is that
    found[key.name] = [key.text]
    return changed


def _without_value(document: dict[str, Any], table: Table, name: str) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    holder = value(changed, table)
    if isinstance(holder, dict):
        holder.pop(name, None)
    return changed


def _pruned(document: dict[str, Any], table: Table) -> dict[str, Any]:
    """Return a document without an empty table, and without those above it that had nothing else."""
    pruned = copy.deepcopy(document)
    for end in range(len(table), 0, -1):
        if value(pruned, table[:end]) == {}:
            del value(pruned, table[: end - 1])[table[end - 1]]
    return pruned
