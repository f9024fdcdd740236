"""The blocks of a page, and the output that a page shows compared with what a command prints.

What differs from run to run is replaced on both sides: digests, ids, hosts, sizes, times and durations. In what a page
shows, `…` stands for any text of a line, and a line with nothing but `…` for any lines.
"""

import re
from dataclasses import dataclass, replace

_FENCE = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OTHER_HEADING = re.compile(r"^#+ (?!What you will see$)", re.MULTILINE)
_ANY = "…"
_VARIABLE = [
    (re.compile(r"sha256:[0-9a-f]*…?"), "DIGEST"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?: ?UTC|Z|[+-]\d\d:\d\d)?)?"), "TIME"),
    (re.compile(r"[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \d{4}"), "TIME"),
    (re.compile(r"\b(?:\d+(?:\.\d+)?(?:ms|[hms]))+\b|\b\d+ (?:day|hour|minute|second)s?\b"), "DURATION"),
    (re.compile(r"\b\d+(?:\.\d+)?[KMGT]\b"), "SIZE"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b[\w-]+\.example\.com\b"), "HOST"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,}\b|(?<=-registry-)[0-9a-f]{7}\b"), "ID"),
]


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    kind: str
    """The first word of the fence: `sh`, `yaml`, `diff`, `text`, `console`."""
    where: str
    """The second one: a host, or a file."""
    text: str
    shown: str | None = None
    """Of commands: the output that the page shows."""


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page; the first `text` after commands in a section is their output."""
    found: list[Block] = []
    end = 0
    for fence in _FENCE.finditer(page):
        block = Block(fence[1], fence[2] or "", fence[3])
        is_output = block.kind == "text" and found and found[-1].kind == "sh" and found[-1].shown is None
        if is_output and not _OTHER_HEADING.search(page, end, fence.start()):
            found[-1] = replace(found[-1], shown=block.text)
        else:
            found.append(block)
        end = fence.end()
    return found


def fits(shown: str, printed: str) -> bool:
    """Return whether commands print what a page shows of them."""
    pattern = "".join(map(_pattern, _lines(shown)))
    return bool(re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))))


def _lines(text: str) -> list[str]:
    """Return the lines that are not empty, without what differs from run to run, and with one space between words."""
    for variable, word in _VARIABLE:
        text = variable.sub(word, text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _pattern(line: str) -> str:
    if line == _ANY:
        return r"(?:.*\n)*"
    return ".*".join(re.escape(part.strip()) for part in line.split(_ANY)) + "\n"
