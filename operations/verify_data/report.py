"""What a check of the data has found, for people and for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from operations.verify_data.walk import Checked, Finding, Tag, Wrong

_HEADINGS = ("WRONG", "WHAT", "DIGEST", "NEEDED BY", "DETAIL")
_NAMED = 3
"""So many tags are named for a finding; JSON has all."""
_STAYING = (Wrong.CHANGED, Wrong.BROKEN, Wrong.UNREADABLE)
"""A push skips what the registry has, whatever its content is."""
_MEBI = 1 << 20


@dataclass(frozen=True)
class Report:
    """What is said of a check."""

    stack: str
    url: str
    checked: Checked

    @property
    def status(self) -> int:
        """The exit status."""
        return 2 if self.checked.findings else 0

    def text(self) -> str:
        """Return it for people: a table, what to do, and how much was read."""
        return "\n".join([*self._table(), *self._advice(), self._sum()])

    def json(self) -> str:
        """Return it as JSON."""
        one = self.checked
        return json.dumps(
            {
                "stack": self.stack,
                "url": self.url,
                "status": self.status,
                "repositories": one.repositories,
                "tags": one.tags,
                "manifests": one.manifests,
                "blobs": one.blobs,
                "bytes": one.size,
                "seconds": round(one.seconds, 3),
                "findings": [_facts(each) for each in one.findings],
            },
            indent=2,
        )

    def _table(self) -> Iterator[str]:
        if self.checked.findings:
            rows = [_HEADINGS, *map(_row, self.checked.findings)]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            yield from ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def _advice(self) -> Iterator[str]:
        if tags := self._needing(Wrong.MISSING):
            yield f"{_named(tags)}: push again from where the images still are, or restore: see docs/backup.md."
        if tags := self._needing(*_STAYING):
            yield (
                f"{_named(tags)}: what is stored has changed, and a push does not replace it. Restore the data, or "
                "remove it first: see docs/verify-data.md."
            )

    def _needing(self, *wrong: Wrong) -> Sequence[Tag]:
        return sorted({tag for one in self.checked.findings if one.wrong in wrong for tag in one.tags})

    def _sum(self) -> str:
        one = self.checked
        rate = one.size / _MEBI / one.seconds if one.seconds else 0
        wrong = f"{len(one.findings)} wrong" if one.findings else "all as they were pushed"
        return (
            f"{one.tags} tags in {one.repositories} repositories: {one.manifests} manifests and {one.blobs} blobs, "
            f"{one.size / _MEBI:.1f} MiB in {one.seconds:.1f} s ({rate:.1f} MiB/s), {wrong}."
        )


def _row(one: Finding) -> tuple[str, ...]:
    return one.wrong, one.kind, one.digest or "unknown", _named(one.tags), _plain(one.detail)


def _named(tags: Sequence[Tag]) -> str:
    names = [_plain(f"{one.repository}:{one.name}") for one in tags[:_NAMED]]
    more = [f"{len(tags) - _NAMED} more"] if len(tags) > _NAMED else []
    return ", ".join([*names, *more])


def _facts(one: Finding) -> dict[str, object]:
    tags = [tag._asdict() for tag in one.tags]
    return {"wrong": one.wrong, "kind": one.kind, "digest": one.digest, "detail": one.detail, "tags": tags}


def _plain(text: str) -> str:
    """Return what stays in its line on a terminal: the registry's users have written it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
