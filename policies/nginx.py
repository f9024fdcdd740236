"""Reads nginx's configuration as far as the rules need it.

See https://nginx.org/en/docs/beginners_guide.html#conf_structure.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# A comment, a quoted text, a sign of the structure, or a bare word, in which `#` and quotes may stand after the start.
_SIGN = re.compile(r"""\#[^\n]* | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [{};] | [^\s{};]+""", re.VERBOSE | re.DOTALL)


@dataclass(frozen=True)
class Directive:
    """One directive, with those of its block."""

    words: tuple[str, ...]
    """Its name and its parameters, without quotes."""
    block: "tuple[Directive, ...]" = ()

    def values(self, name: str) -> list[tuple[str, ...]]:
        """Return the parameters of each directive of a name that stands right in the block."""
        return [found.words[1:] for found in self.block if found.words[0] == name]


def parsed(text: str) -> tuple[Directive, ...]:
    """Return the directives of a configuration; what nginx would refuse is read as far as it goes."""
    return tuple(_block(_signs(text)))


def walk(directives: Iterable[Directive], name: str) -> Iterator[Directive]:
    """Find the directives of a name, also in blocks."""
    for directive in directives:
        if directive.words[0] == name:
            yield directive
        yield from walk(directive.block, name)


def _signs(text: str) -> Iterator[str]:
    return (sign for sign in _SIGN.findall(text) if not sign.startswith("#"))


def _block(signs: Iterator[str]) -> Iterator[Directive]:
    words: list[str] = []
    for sign in signs:
        if sign == "}":
            return
        if sign not in ("{", ";"):
            words.append(sign.strip("\"'"))
            continue
        block = tuple(_block(signs)) if sign == "{" else ()
        if words:
            yield Directive(tuple(words), block)
        words = []
