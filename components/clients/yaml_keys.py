"""Keys of the stack in a YAML file of others."""

import io
import json
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError

from .host_file import Refused
from .marked_lines import Lines, without

Tree = Mapping[str, Any]
"""Key -> value: a tree below it, text, or a list of text."""
SECRET = "password"  # noqa: S105 # the name of a key
"""Whose value no message shows."""


def parse(path: str, text: str) -> CommentedMap:
    """Return what a file says, with the places of its keys.

    Raises:
        Refused: It is no YAML, or no map of keys; the message has the parser's line.
    """
    try:
        said = _loaded(text)
    except MarkedYAMLError as error:
        place = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        # The parser says the values of a key that is there twice, and they may be secrets.
        problem = str(error.problem).partition(" with value ")[0]
        raise Refused(f"{path} is not valid YAML{place}: {problem}. Fix it first; it was not changed") from None
    except YAMLError as error:
        raise Refused(f"{path} is not valid YAML: {error}. Fix it first; it was not changed") from error
    if said is not None and not isinstance(said, CommentedMap):
        raise Refused(f"{path} is not a map of keys with values. Fix it first; it was not changed")
    return CommentedMap() if said is None else said


@lru_cache(maxsize=128)
def _loaded(text: str) -> Any:
    """Return what a text says, which nothing changes: hosts of a fleet have the same, and the parser is slow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReusedAnchorWarning)
        return YAML(typ="rt").load(io.StringIO(text))


def shown(tree: Tree) -> str:
    """Return a tree as one writes it by hand, without what is secret."""
    return "\n".join(_lines_of({key: _without_secrets(key, value) for key, value in tree.items()}))


def _without_secrets(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_secrets(name, one) for name, one in value.items()}
    return "…" if key == SECRET else value


def _lines_of(tree: Tree, indent: int = 0) -> list[str]:
    lines = []
    for key, value in tree.items():
        name = f"{' ' * indent}{key if key.isidentifier() else json.dumps(key)}:"
        if isinstance(value, Mapping):
            lines += [name, *_lines_of(value, indent + 2)]
        else:
            lines.append(f"{name} {json.dumps(value, ensure_ascii=False)}")
    return lines


def put(path: str, text: str, tree: Tree, mark: str) -> str:
    """Return a text with our tree in it, and without what we wrote before.

    Raises:
        Refused: It has other values for our keys, or they can't be added as lines.
    """
    before = take(path, text, mark)
    said = parse(path, before)
    lines = Lines(before)
    try:
        _apply(lines, _changes(path, lines, said, tree), mark)
    except _NoPlaceError as error:
        raise _unsafe(path, tree) from error
    after = lines.text()
    if not _is_right(after, said, tree) or take(path, after, mark) != before:
        raise _unsafe(path, tree)
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


class _NoPlaceError(Exception):
    """A map is written in a form that takes no lines."""


class _Change(NamedTuple):
    """Lines that come in, or none where a line that another stack wrote gets our mark too."""

    line: int
    new: list[str]
    replaces: bool = False
    """Whether the first of them comes in the place of the line that is there."""


def _changes(path: str, lines: Lines, said: CommentedMap, tree: Tree) -> list[_Change]:
    missing = {key: value for key, value in tree.items() if key not in said}
    indent = _column(said) if said else 0
    found = [_Change(len(lines.all), _lines_of(missing, indent))] if missing else []
    return found + _inside(path, said, tree, ())


def _inside(path: str, said: CommentedMap, tree: Tree, above: tuple[str, ...]) -> list[_Change]:
    return [one for key, value in tree.items() if key in said for one in _below(path, said, value, (*above, key))]


def _below(path: str, parent: CommentedMap, value: Any, keys: tuple[str, ...]) -> list[_Change]:
    """Return what a key that is there needs, to have a value of ours."""
    there, (line, column) = parent[keys[-1]], _place(parent, keys[-1])
    found = [_Change(line, [])]
    if not isinstance(value, Mapping):
        if there != value:
            raise _other(path, keys, there, value)
        return found
    if there is None:
        return [*found, _Change(line + 1, _lines_of(value, column + 2))]
    if not isinstance(there, CommentedMap):
        raise _NoPlaceError
    if not there:
        return [_Change(line, _lines_of({keys[-1]: value}, column), replaces=True)]
    missing = {name: one for name, one in value.items() if name not in there}
    if missing:
        if there.fa.flow_style():
            raise _NoPlaceError
        found.append(_Change(line + 1, _lines_of(missing, _column(there))))
    return found + _inside(path, there, value, keys)


def _apply(lines: Lines, changes: list[_Change], mark: str) -> None:
    """Change lines from the last to the first, so that the places of others stay what they were."""
    for change in changes:
        if not change.new:
            lines.share(change.line, mark)
    # Of those at one place the outermost comes first, and so ends below the others.
    for change in sorted(changes, key=lambda one: one.line, reverse=True):
        if change.replaces:
            lines.replace(change.line, change.new[0], mark)
            lines.insert(change.line + 1, change.new[1:], mark)
        else:
            lines.insert(change.line, change.new, mark)


def _other(path: str, keys: tuple[str, ...], there: Any, value: Any) -> Refused:
    what = "another value" if keys[-1] == SECRET else repr(there)
    return Refused(
        f"{path} has {what} for {' / '.join(keys)}, which this stack did not write. Remove that line, or change it "
        f"to:\n{shown({keys[-1]: value})}"
    )


def _take_line(lines: Lines, index: int) -> None:
    if not _has_more(lines, index):
        lines.remove(index)


def _has_more(lines: Lines, index: int) -> bool:
    """Tell whether something is left below a key."""
    following = (one for one in range(index + 1, len(lines.all)) if lines.has_content(one))
    first = next(following, None)
    return first is not None and _indent(lines.all[first]) > _indent(lines.all[index])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _column(said: CommentedMap) -> int:
    return _place(said, next(iter(said)))[1]


def _place(said: CommentedMap, key: str) -> tuple[int, int]:
    """Return line and column of a key; one that comes by an alias has none."""
    try:
        line, column = said.lc.key(key)
    except (KeyError, TypeError) as error:
        raise _NoPlaceError from error
    return int(line), int(column)


def _is_right(text: str, before: Any, tree: Tree) -> bool:
    try:
        after = _loaded(text)
    except YAMLError:
        return False
    return bool((after or {}) == _merged(before, tree))


def _merged(said: Any, tree: Tree) -> dict[str, Any]:
    merged = dict(said or {})
    for key, value in tree.items():
        merged[key] = _merged(merged.get(key), value) if isinstance(value, Mapping) else value
    return merged


def _unsafe(path: str, tree: Tree) -> Refused:
    return Refused(f"{path} has these keys in a form that can't be changed safely. Add there:\n{shown(tree)}")
