"""Whole lines of the stack in text files of others: each ends with a mark, so what is ours can be told and removed.

No line of others is written again, so not a byte of them changes, whatever a parser and its writer would make of them.
Parsers find the place, and judge the result.
"""

import re
from collections.abc import Callable, Sequence

_MARKS = re.compile(r"\s+# (private-registry \S+(?:, private-registry \S+)*)(\r?)$")
_WAS = "# private-registry was: "
"""What stands before a line of others that ours replaces."""


class Lines:
    """The lines of a text, without their line breaks; a line of ours gets the break that the first line has."""

    def __init__(self, text: str) -> None:
        self._ends_with_break = text.endswith("\n") or not text
        self._return = "\r" if text.partition("\n")[0].endswith("\r") else ""
        self.all = text.removesuffix("\n").split("\n") if text else []
        if not self._ends_with_break:
            self.all[-1] += self._return

    def text(self) -> str:
        """Return the lines as a text, whose last line ends as it did."""
        if not self.all:
            return ""
        text = "\n".join(self.all)
        return f"{text}\n" if self._ends_with_break else text.removesuffix(self._return)

    def insert(self, index: int, lines: Sequence[str], mark: str) -> None:
        """Insert lines of ours; empty ones get no mark."""
        # What was replaced by the line before stays right below that.
        index += index < len(self.all) and self.all[index].startswith(_WAS)
        self.all[index:index] = [self._ours(line, mark) for line in lines]

    def replace(self, index: int, line: str, mark: str) -> None:
        """Put a line of ours in the place of another one, which stays below it as a comment."""
        self.all[index : index + 1] = [self._ours(line, mark), f"{_WAS}{self.all[index]}"]

    def remove(self, index: int) -> None:
        """Remove a line of ours, and let the one that it replaced come back."""
        del self.all[index]
        if index < len(self.all) and self.all[index].startswith(_WAS):
            self.all[index] = self.all[index].removeprefix(_WAS)

    def share(self, index: int, mark: str) -> None:
        """Add a mark to a line that another stack wrote; a line of others gets none."""
        if marks := marks_of(self.all[index]):
            self._mark(index, sorted({*marks, mark}))

    def unmark(self, index: int, mark: str) -> bool:
        """Remove our mark from a line; return whether that was the only one."""
        left = [one for one in marks_of(self.all[index]) if one != mark]
        self._mark(index, left)
        return not left

    def bare(self, index: int) -> str:
        """Return a line without marks, comments that are nothing else, and spaces around it."""
        return _MARKS.sub("", self.all[index]).strip()

    def has_content(self, index: int) -> bool:
        """Tell whether a line is more than a comment."""
        return bool(self.bare(index)) and not self.bare(index).startswith("#")

    def _mark(self, index: int, marks: Sequence[str]) -> None:
        line = _MARKS.sub(r"\2", self.all[index])
        end = "\r" if line.endswith("\r") else ""
        self.all[index] = f"{line.removesuffix(end)} # {', '.join(marks)}{end}" if marks else line

    def _ours(self, line: str, mark: str) -> str:
        return f"{line} # {mark}{self._return}" if line else self._return


def without(text: str, mark: str, remove: Callable[[Lines, int], None]) -> str:
    """Return a text without a mark; what has no other one then is removed, from the last line to the first."""
    lines = Lines(text)
    for index in reversed([index for index, line in enumerate(lines.all) if mark in marks_of(line)]):
        if lines.unmark(index, mark):
            remove(lines, index)
    return lines.text()


def marks_of(line: str) -> list[str]:
    """Return the marks at the end of a line."""
    found = _MARKS.search(line)
    return found[1].split(", ") if found else []


def is_marked(text: str, mark: str = "") -> bool:
    """Tell whether a text has lines with a mark; without one: with that of any stack."""
    return any(mark in (*marks_of(line), *([""] if marks_of(line) else [])) for line in text.split("\n"))
