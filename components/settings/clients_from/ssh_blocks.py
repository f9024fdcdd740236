"""The blocks of an ssh_config: which names there are, and which lines can matter for one of them."""

import glob
import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, Self

WILD = "*?!"
_LINE = re.compile(r"\s*(?P<keyword>[A-Za-z]+)(?:\s*=\s*|\s+)(?P<rest>.*)")
_INCLUDED_FROM = "~/.ssh"


class _Block(NamedTuple):
    start: int
    """Its first line, counted from 0."""
    names: frozenset[str]
    patterns: tuple[str, ...]

    def can_matter(self, name: str) -> bool:
        return name in self.names or any(fnmatchcase(name, pattern) for pattern in self.patterns)


class Blocks(NamedTuple):
    """An ssh_config by its blocks."""

    lines: list[str]
    blocks: tuple[_Block, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the blocks of a text."""
        lines, blocks = text.splitlines(), [_Block(0, frozenset(), ("*",))]
        for number, line in enumerate(lines):
            keyword, rest = _words(line)
            if keyword == "match":
                blocks.append(_Block(number, frozenset(), ("*",)))
            elif keyword == "host":
                patterns = rest.replace('"', " ").replace(",", " ").split()
                wild = tuple(one for one in patterns if set(one) & set(WILD) and not one.startswith("!"))
                blocks.append(_Block(number, frozenset(patterns), wild))
        return cls(lines, tuple(blocks))

    def for_host(self, name: str) -> str:
        """Return the text without what is for other hosts alone; each line has its number.

        The whole of it takes a second for thirty hosts, and a fleet has a thousand.
        """
        kept = [""] * len(self.lines)
        for block, after in zip(self.blocks, [*self.blocks[1:], None], strict=True):
            if block.can_matter(name):
                end = after.start if after else len(self.lines)
                kept[block.start : end] = self.lines[block.start : end]
        return "\n".join(kept).rstrip() + "\n"


def named(text: str, shown: str) -> Iterator[tuple[str, str]]:
    """Yield the names after ``Host``, also of files that are included, and where each stands.

    Raises:
        ValueError: A file that is included can't be read.
    """
    for number, line in enumerate(text.splitlines(), 1):
        keyword, rest = _words(line)
        if keyword == "host":
            for name in rest.replace('"', " ").replace(",", " ").split():
                if not set(name) & set(WILD):
                    yield name, f"{shown}:{number}"
        elif keyword == "include":
            for file in _included(rest):
                yield from named(_text(file), str(file))


def _words(line: str) -> tuple[str, str]:
    found = _LINE.match(line)
    return (found["keyword"].lower(), found["rest"]) if found else ("", "")


def _included(patterns: str) -> Iterator[Path]:
    for pattern in shlex.split(patterns):
        whole = Path(_INCLUDED_FROM).expanduser() / Path(pattern).expanduser()
        yield from (Path(name) for name in sorted(glob.glob(str(whole))))  # noqa: PTH207


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't read {path}: {type(error).__name__}") from None
