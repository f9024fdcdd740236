"""The review of a preview, for a terminal and as Markdown."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from components.troubleshooting import problem_of
from review.certificates import authorities_left, days_left
from review.events import Preview
from review.files import file_differences
from review.impact import Impact, of_registry, on_hosts
from review.impacts import belonging, impacts

_HEADINGS = ("host", "what changes", "effect")
_NOTHING = "Nothing changes: the stack is as configured."
_FAILED = "The preview failed. Nothing was changed. What the update would change is not known."
_UNFORESEEN = "Fix what the message names, and run the preview again. Search docs/troubleshooting.md for the message."
_HOST_WIDTH = 24
_REFUSED = "The policies of this project refuse this change. No update will run."
_MEND = "Fix what is named above. docs/policies.md explains each rule."
_MARK = "! "
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Row:
    """Consequences that are the same on several hosts."""

    cells: tuple[str, str, str]
    disruptive: bool


def text(preview: Preview, width: int = 120) -> str:
    """Return the review for a terminal that is so wide."""
    refusal = [_REFUSED, "", *(f"  {one}" for one in _violations(preview)), "", _MEND, ""] if preview.violations else []
    if not preview.is_complete:
        errors = (textwrap.indent(error, "  ") for error in _errors(preview))
        return "\n".join([*refusal, "\n\n".join([_FAILED, *errors, _advice(preview)])])
    rows = _rows(impacts(preview))
    table = ["Effects of this change", "", *_text_table(rows, width)] if rows else [_NOTHING]
    return "\n".join([*refusal, *table, *_text_files(preview), "", *_closing(preview, rows)])


def markdown(preview: Preview) -> str:
    """Return the review as Markdown."""
    listed = (f"- {_escaped(one)}" for one in _violations(preview))
    refusal = [f"**{_REFUSED}**", "", *listed, "", _MEND, ""] if preview.violations else []
    if not preview.is_complete:
        blocks = (line for error in _errors(preview) for line in ["", *_fenced("", error.splitlines())])
        return "\n".join([*refusal, f"**{_FAILED}**", *blocks, "", _advice(preview)])
    rows = _rows(impacts(preview))
    table = ["### Effects of this change", "", *_markdown_table(rows)] if rows else [_NOTHING]
    files = [
        line
        for file in file_differences(preview)
        for line in ["", f"`{file.file}`", "", *_fenced("diff", map(plain, file.lines))]
    ]
    closing = (line for sentence in _closing(preview, rows) for line in ("", sentence))
    return "\n".join([*refusal, *table, *files, *closing])


def _rows(found: Iterable[Impact]) -> list[Row]:
    groups: dict[tuple[str, str, bool], dict[str, None]] = {}
    for one in found:
        groups.setdefault((one.change, one.effect, one.disruptive), {})[one.host] = None
    return [
        Row((on_hosts(list(hosts)), change, effect), disruptive)
        for (change, effect, disruptive), hosts in groups.items()
    ]


def _closing(preview: Preview, rows: Sequence[Row]) -> Iterator[str]:
    for name, part in preview.registries.items():
        if left := days_left(part):
            yield of_registry(name, left)
        for one in authorities_left(part):
            yield of_registry(name, one)
    if rows:
        more = belonging(preview)
        told = f" Other changes that belong to the rows above: {more}." if more else ""
        yield f"Unchanged resources: {preview.unchanged}.{told}"


def _errors(preview: Preview) -> tuple[str, ...]:
    return tuple(map(plain, preview.errors)) or ("Pulumi ended without a reason. See its output.",)


def _violations(preview: Preview) -> Iterator[str]:
    return (f"{violation.rule}: {violation.message}" for violation in preview.violations)


def _advice(preview: Preview) -> str:
    problems = filter(None, map(problem_of, preview.errors))
    return next((problem.advice() for problem in problems), _UNFORESEEN)


def _text_table(rows: Sequence[Row], width: int) -> Iterator[str]:
    host = min(_HOST_WIDTH, max(len(cell) for cell in [_HEADINGS[0], *(row.cells[0] for row in rows)]))
    rest = max(width - host - 6, 40)
    widths = (host, rest // 2, rest - rest // 2)
    yield (
        "  " + "  ".join(heading.upper().ljust(size) for heading, size in zip(_HEADINGS, widths, strict=True)).rstrip()
    )
    for row in rows:
        columns = [_wrapped(cell, size) for cell, size in zip(row.cells, widths, strict=True)]
        for number in range(max(map(len, columns))):
            parts = [column[number] if number < len(column) else "" for column in columns]
            line = "  ".join(part.ljust(size) for part, size in zip(parts, widths, strict=True))
            yield (f"{_MARK if row.disruptive and number == 0 else '  '}{line}").rstrip()


def _wrapped(cell: str, width: int) -> list[str]:
    return textwrap.wrap(plain(cell), width, break_on_hyphens=False) or [""]


def _text_files(preview: Preview) -> Iterator[str]:
    for file in file_differences(preview):
        yield ""
        yield file.file
        yield from (f"  {plain(line)}" for line in file.lines)


def _markdown_table(rows: Iterable[Row]) -> Iterator[str]:
    yield f"| {' | '.join(_HEADINGS)} |"
    yield "|---|---|---|"
    for row in rows:
        cells = map(_escaped, row.cells)
        yield f"| {' | '.join(f'**{cell}**' if row.disruptive else cell for cell in cells)} |"


def _escaped(cell: str) -> str:
    """Return a cell in which nothing is read as Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", " ".join(plain(cell).split()))


def _fenced(language: str, lines: Iterable[str]) -> Iterator[str]:
    body = list(lines)
    longest = max((len(run) for line in body for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return iter([f"{fence}{language}", *body, fence])


def plain(line: str) -> str:
    """Return a text without what a terminal would act on."""
    return _CONTROL.sub("", line)
