"""The table of problems: each message is recognized as its own row, and the page is current."""

import pytest

from components.troubleshooting import PROBLEMS, Problem, problem_of, table
from lab.places import PROJECT


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.key)
def test_a_message_is_recognized(problem: Problem) -> None:
    assert problem_of(f"before {problem.message} after") is problem


def test_an_unforeseen_message_gets_no_advice() -> None:
    assert problem_of("something else") is None


def test_no_two_rows_have_the_same_key() -> None:
    assert len({problem.key for problem in PROBLEMS}) == len(PROBLEMS)


def test_no_row_has_more_cells_than_the_table() -> None:
    assert {line.count("|") for line in table().splitlines()} == {4}


def test_the_page_has_the_table() -> None:
    page = (PROJECT / "docs/troubleshooting.md").read_text()
    assert table() in page, "python -m components.troubleshooting prints what belongs in docs/troubleshooting.md"
