"""What an update that failed said of a problem of the table."""

import re

from components.troubleshooting import PROBLEMS, advice_of

BY_KEY = {problem.key: problem for problem in PROBLEMS}


def assert_advice(said: str, key: str, where: str) -> None:
    """Assert that a run failed with a problem's message, and that what to do was said of the right resource."""
    problem = BY_KEY[key]
    assert re.search(problem.pattern, said, re.DOTALL), said
    if not problem.by_engine:
        # The engine indents the lines after the first. One advice may be for several clients.
        cause, _, rest = _on_one_line(advice_of(problem.message)).partition(" What to do:")
        parts = re.escape(cause), "( Still working: [^:]*)? What to do:", re.escape(rest)
        assert re.search(rf"{re.escape(where)}(, [^ ]+)*( and \d+ more)?: {''.join(parts)}", _on_one_line(said)), said


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
