"""How rendered files differ, where they hold no secret."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from review.certificates import trust_changes
from review.clients import TRUST
from review.command import changed_files, contents
from review.consequence import named
from review.events import Preview, Step

_CONFIG = "nginx.conf"
_CONTEXT = 2


@dataclass(frozen=True)
class FileDifference:
    """The lines that a file gains and loses."""

    file: str
    lines: tuple[str, ...]


def file_differences(preview: Preview) -> list[FileDifference]:
    """Return the differences of nginx.conf and of the lists of authorities."""
    return [*_configurations(preview), *_authorities(preview)]


def _configurations(preview: Preview) -> Iterator[FileDifference]:
    for step in preview.changes:
        if step.name == "registry-proxy-site" and step.op in ("update", "replace") and "stdin" in step.diffs:
            yield FileDifference(_CONFIG, tuple(_difference(step)))


def _difference(step: Step) -> Iterator[str]:
    old, new = contents(step.old), contents(step.new)
    if old is None or new is None:
        yield "known only during the update: it names the new registry container"
        return
    before, after = (_without_generation(files.get(_CONFIG, "")).splitlines() for files in (old, new))
    yield from difflib.unified_diff(before, after, "now", "then", n=_CONTEXT, lineterm="")


def _without_generation(config: str) -> str:
    """Return nginx.conf without the digest of itself, which differs whenever anything does."""
    found = re.search(r"^# Generation (\w+)$", config, re.M)
    return config.replace(found[1], "…") if found else config


def _authorities(preview: Preview) -> Iterator[FileDifference]:
    hosts: dict[tuple[str, ...], list[str]] = {}
    # The engine tells of them as they come.
    for step in sorted(preview.changes, key=lambda step: step.name):
        if step.name.startswith(TRUST) and step.op in ("update", "replace") and "ca.crt" in changed_files(step):
            gained, lost = trust_changes(step, preview)
            lines = (*(f"-{one}" for one in lost), *(f"+{one}" for one in gained))
            hosts.setdefault(lines, []).append(step.name.removeprefix(TRUST))
    for lines, found in hosts.items():
        if lines:
            yield FileDifference(f"ca.crt, its authorities ({named(found)})", lines)
