"""Reads nginx's configuration as far as the rules need it, by the parser of nginx's own makers."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import crossplane


class UnreadableError(Exception):
    """A file that should be nginx's configuration has no such structure; the message says which and where."""


@dataclass(frozen=True)
class Directive:
    """One directive, with those of its block."""

    words: tuple[str, ...]
    """Its name and its parameters, without quotes."""
    block: "tuple[Directive, ...]" = ()

    def values(self, name: str) -> list[tuple[str, ...]]:
        """Return the parameters of each directive of a name that stands right in the block."""
        return [found.words[1:] for found in self.block if found.words[0] == name]


def parsed(name: str, text: str) -> tuple[Directive, ...]:
    """Return the directives of a configuration, or of a part of one, that a file of this name holds.

    Raises:
        UnreadableError: A block or a directive does not end, or ends twice.
    """
    # The parser takes a path alone; this file has no name, so that nothing is left of it whatever happens.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.write(text)
        file.seek(0)
        # nginx itself judges the parameters, before a release goes live; what is included here is not on this machine.
        found = crossplane.parse(f"/dev/fd/{file.fileno()}", single=True, check_ctx=False, check_args=False)
    if found["errors"]:
        # The parser's own message may quote content; where a quote does not end, it knows no line.
        line = found["errors"][0]["line"]
        raise UnreadableError(f"{name} can't be read {f'from line {line} on' if line else 'to its end'}")
    return tuple(map(_directive, found["config"][0]["parsed"]))


def walk(directives: Iterable[Directive], name: str) -> Iterator[Directive]:
    """Find the directives of a name, also in blocks."""
    for directive in directives:
        if directive.words[0] == name:
            yield directive
        yield from walk(directive.block, name)


def _directive(read: Mapping[str, Any]) -> Directive:
    return Directive((read["directive"], *read["args"]), tuple(map(_directive, read.get("block", ()))))
