"""The check of words: it reads what people read, and nothing else."""

import pytest

from tests.wording import SETTINGS, judge, texts


def found(file: str, content: str) -> list[tuple[int, str]]:
    return [(one.line, one.word) for text in texts(file, content) for one in judge(text)]


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("bench/a.md", "one\nMend the authority.", [(2, "Mend"), (2, "authority")]),
        ("bench/a.md", "`authority` [x](y-authority.md)\n```yaml\nauthority: x\n```\n", []),
        ("bench/a.md", "It may not be\ntaken out.", [(1, "may not"), (2, "taken out")]),
        ("a.py", '"""Nobody reads this docstring."""\nfail("what nobody knows")', [(2, "nobody")]),
        ("a.py", 'key = "authority"  # nobody', []),
        ("a.sh", '# nobody\nfail "mend it" \\\n\t"at once"\n', [(2, "mend")]),
        ("Makefile", "up: ## tells why\n\tauthority\n", [(1, "tells why")]),
        (f"{SETTINGS}a.py", 'raise ValueError("authority is mended by nobody")', [(1, "mended"), (1, "nobody")]),
        ("bench/a.md", "x509: signed by unknown authority", []),
    ],
)
def test_a_word_is_found_where_people_read_it(file: str, content: str, words: list[tuple[int, str]]) -> None:
    assert found(file, content) == words
