"""The known problems: each message is recognized as its own, the page is current, and clients' errors stand on it."""

import re

import pytest

from components.troubleshooting import PHASES, PROBLEMS, Problem, problem_of, written
from lab.places import PROJECT

PAGE = (PROJECT / "docs/troubleshooting.md").read_text()
ACCESS = "components/proxy/login/access.js"


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.key)
def test_a_message_is_recognized(problem: Problem) -> None:
    assert problem_of(f"before {problem.message} after") is problem


def test_an_unforeseen_message_gets_no_advice() -> None:
    assert problem_of("something else") is None


def test_no_two_rows_have_the_same_key() -> None:
    assert len({problem.key for problem in PROBLEMS}) == len(PROBLEMS)


def test_each_problem_is_in_one_phase() -> None:
    assert sorted(problem.key for phase in PHASES for problem in phase.problems) == sorted(
        problem.key for problem in PROBLEMS
    )


def test_a_single_step_has_no_number_and_commands_are_in_quotes() -> None:
    problem = Problem("key", "pattern", "message", "Cause.", "Run `df -h`.", works="the registry.")
    assert problem.advice() == "Cause.\nStill working: the registry.\nWhat to do: Run 'df -h'."


def test_steps_have_numbers_on_the_page_and_in_the_message() -> None:
    problem = Problem("key", "pattern", "message", "Cause.", "One.\nTwo.")
    assert problem.advice("clients.") == "Cause.\nStill working: clients.\nWhat to do:\n1. One.\n2. Two."
    assert problem.section() == "### `message`\n\nCause.\n\nWhat to do:\n1. One.\n2. Two.\n"


def test_the_page_has_the_problems() -> None:
    assert written(PAGE) == PAGE, "run: python -m components.troubleshooting docs/troubleshooting.md"


def test_a_failed_update_on_the_page_is_as_it_looks() -> None:
    [said] = [problem.advice() for problem in PROBLEMS if problem.key == "host-down"]
    shown = " ".join(PAGE.split())
    assert all(line in shown for line in said.splitlines())


def test_what_docker_prints_on_a_client_is_on_the_page() -> None:
    refusals = re.findall(r"^    [A-Z]+: \[\d+, '[A-Z]+', '(.*)'\]", (PROJECT / ACCESS).read_text(), re.MULTILINE)
    assert len(refusals) > 5
    for message in refusals:
        # A token that ended and a request that is none of Docker's: no Docker shows that.
        is_shown = "token" not in message and "specification" not in message
        assert not is_shown or message.replace("REGISTRY", "registry.example.com") in PAGE, message
