"""Every link of a page leads somewhere: to a file, and to a heading of it."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from lab.places import PROJECT

FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(
    r"\]\(([^()\s]+(?:\([^()\s]*\))?)\)|^\[[^\]]+\]:\s+(\S+)|\b(?:href|src|srcset)=\"([^\"\s]+)\"", re.MULTILINE
)
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)
NAMED = re.compile(r"(?<!/main/)\bdocs/[a-z0-9-]+\.(?:md|svg)\b")
"""A page as code, a message or a comment names it; by an address that has /main/ in it another project's is meant."""

EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", PROJECT, "ls-files", "--cached", "--others", "--exclude-standard", "-z", *patterns],
        capture_output=True,
        text=True,
        check=True,
    )
    return [PROJECT / name for name in sorted(listed.stdout.split("\0")) if name and (PROJECT / name).is_file()]


PAGES = {str(page.relative_to(PROJECT)): page.read_text() for page in tracked("*.md") if "tests" not in page.parts}


def anchors(page: str) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of its headings."""
    found: list[str] = []
    for heading in HEADING.findall(FENCE.sub("", page)):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        same = sum(known == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", known) is not None for known in found)
        found.append(f"{slug}-{same}" if slug in found else slug)
    return {*found, *re.findall(r'<a (?:id|name)="([^"]+)"', page)}


def links(page: str) -> list[str]:
    plain = CODE.sub("", FENCE.sub("", page))
    return [next(filter(None, found)) for found in LINK.findall(plain)]


def dead(page: str, text: str) -> list[str]:
    """Return the links of a page that lead nowhere within the project."""
    found = []
    for link in links(text):
        if EXTERNAL.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (PROJECT / page).parent / path if path else PROJECT / page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    assert dead(page, PAGES[page]) == []


def test_a_page_that_code_names_is_there() -> None:
    missing = {
        f"{file.relative_to(PROJECT)}: {name}"
        for file in tracked("*.py", "*.sh", "*.yaml", "*.yml", "*.toml", "*.j2", "*.js", "Makefile")
        for name in NAMED.findall(file.read_text())
        if not (PROJECT / name).exists()
    }
    assert not missing


def test_every_page_is_reached_from_the_start_page() -> None:
    reached = {unquote(link).partition("#")[0] for link in links(PAGES["docs/README.md"])}
    assert {page.name for page in (PROJECT / "docs").glob("*.md")} - reached == {"README.md"}


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("[a](README.md)", []),
        ("[a](nowhere.md)", ["nowhere.md"]),
        ("[a](#here)", ["#here"]),
        ("## Here: `a` & b\n[a](#here-a--b)", []),
        ("## Twice\n## Twice\n[a](#twice-1) [b](#twice-2)", ["#twice-2"]),
        ('<img src="nowhere.svg"> `[a](b.md)`\n```\n[a](c.md)\n```', ["nowhere.svg"]),
        ("[a](https://example.com/nowhere.md#x)", []),
    ],
)
def test_a_dead_link_is_found(text: str, lost: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.test_links.PROJECT", tmp_path)
    (tmp_path / "README.md").write_text(text)
    assert dead("README.md", text) == lost
