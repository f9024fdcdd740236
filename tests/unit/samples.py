"""The tables of recorded previews that pages show: ``python -m tests.unit.samples`` writes them anew."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "docs/preview.md", PROJECT / "docs/upgrade.md"]
_SAMPLE = re.compile(r"(\(\.\./tests/unit/review/(\S+\.md)\)[^\n]*\n(?:[^|\n]+\n)*\n)(?:\|.*\n)+")


def with_samples(page: str) -> str:
    """Return the text of a page with each table as it was recorded in the file that the paragraph before it names."""
    return _SAMPLE.sub(lambda found: found[1] + _table(found[2]), page)


def _table(name: str) -> str:
    lines = (PROJECT / "tests/unit/review" / name).read_text().splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("|"))


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_samples(page.read_text()))
