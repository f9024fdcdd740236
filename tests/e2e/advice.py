"""What an update that failed said of a problem of the table."""

import re

from components.troubleshooting import PROBLEMS

BY_KEY = {problem.key: problem for problem in PROBLEMS}


def assert_advice(said: str, key: str, where: str) -> None:
    """Assert that a run failed with a problem's message, and that what to do was said of the right resource."""
    problem = BY_KEY[key]
    assert re.search(problem.pattern, said, re.DOTALL), said
    if not problem.by_engine:
        assert f"{where}: {problem.advice}" in said, said
