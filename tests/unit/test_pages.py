"""No page does harm to a reader who follows it on a stack that has more than the page speaks of."""

import re
from pathlib import Path

import pytest

from components.troubleshooting import PROBLEMS
from lab.places import PROJECT
from tests.unit.samples import PAGES as SAMPLED
from tests.unit.samples import with_samples

PAGES = {
    str(page.relative_to(PROJECT)): page.read_text()
    for page in (PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").glob("*.md"))
}
COMMANDS = re.compile(r"^```(?:sh|console)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TASKS = (
    "acme",
    "backup",
    "change-source",
    "clients",
    "decommission",
    "doctor",
    "drift",
    "expiry",
    "fleet",
    "floating-address",
    "garbage",
    "monitoring",
    "names",
    "package",
    "policies",
    "preview",
    "pull-requests",
    "rotate",
    "servers",
    "signing-authority",
    "storage",
    "teams",
    "unit-tests",
    "upgrade",
    "users",
    "verify-data",
)
NOT_UNDONE = {"monitoring", "expiry", "doctor", "verify-data"}
"""What these pages do changes nothing."""
BEGINS = "docs/your-own-server.md"
"""The page that begins a stack's file: nothing of the reader's is in it yet."""


def sections(page: str) -> list[str]:
    return re.split(r"^## ", PAGES[page], flags=re.MULTILINE)


@pytest.mark.parametrize("page", TASKS)
def test_a_page_of_a_task_says_what_comes_before_and_how_to_check_and_undo_it(page: str) -> None:
    text = PAGES[f"docs/{page}.md"]
    assert "## Before you start\n" in text
    assert re.search(r"^(#+ Check|\*\*Check)", text, re.MULTILINE)
    assert page in NOT_UNDONE or re.search(r"^(#+ Undo|\*\*Undo)", text, re.MULTILINE)
    assert "(troubleshooting.md)" in text


@pytest.mark.parametrize("page", SAMPLED, ids=lambda page: page.name)
def test_a_preview_on_a_page_is_one_that_was_recorded(page: Path) -> None:
    text = page.read_text()
    assert "(../tests/unit/review/" in text
    assert text == with_samples(text), "run: .venv/bin/python -m tests.unit.samples"


def test_the_words_of_a_preview_that_are_explained_are_those_that_it_uses() -> None:
    recorded = "\n".join(file.read_text() for file in (PROJECT / "tests/unit/review").glob("*.md"))
    cells = re.findall(r"^\| (`.*?) \|", PAGES["docs/preview.md"], re.MULTILINE)
    explained = [words for cell in cells for words in re.findall(r"`([^`]+)`", cell)]
    assert explained
    assert [words for words in explained if words.strip(" …") not in recorded] == []


@pytest.mark.parametrize("page", sorted(set(PAGES) - {BEGINS}))
def test_a_change_of_a_readers_file_shows_what_stays(page: str) -> None:
    assert not re.search(r"^```yaml \S+", PAGES[page], re.MULTILINE), "a difference, not the whole of a section or list"


@pytest.mark.parametrize("page", sorted(set(PAGES) - {BEGINS}))
def test_a_place_in_a_list_is_looked_at_before_it_is_written(page: str) -> None:
    for block in COMMANDS.findall(PAGES[page]):
        for place in re.findall(r"config (?:set|rm) .*?--path '(\S+?\[\d+\])", block):
            assert re.search(rf"config get --path '{re.escape(place)}\.(name|host)'", block), place


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_line_that_continues_a_command_has_no_prompt(page: str) -> None:
    for block in COMMANDS.findall(PAGES[page]):
        # Copied as they are, these lines would run `$`.
        assert not re.search(r"^\$ {2,}\S|\\\n\$", block, re.MULTILINE), block


@pytest.mark.parametrize("page", sorted(PAGES))
def test_no_command_removes_images_that_the_reader_pushed(page: str) -> None:
    about = page == "docs/decommission.md"
    for block in COMMANDS.findall(PAGES[page]):
        assert "deleteData" not in block
        assert "PURGE=1" not in block
        assert about or "volume rm" not in block


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_lock_is_taken_away_only_after_a_look(page: str) -> None:
    for section in sections(page):
        # The engine's own words advise it without one.
        if "pulumi cancel" in re.sub(r"Either wait for the other process.*", "", section):
            assert "every lock" in section
            assert "ps -p" in section


@pytest.mark.parametrize("page", sorted(set(PAGES) - {"docs/troubleshooting.md", "docs/configuration.md"}))
def test_a_host_key_is_read_over_a_way_that_is_trusted(page: str) -> None:
    for section in sections(page):
        assert "ssh-keyscan" not in section or "proves nothing by itself" in section


def test_public_is_advised_only_where_it_is_accepted() -> None:
    for advice in (problem.fix for problem in PROBLEMS if "public: true" in problem.fix):
        assert "is not signed by a CA of this stack" in advice
