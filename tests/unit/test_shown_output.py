"""The output that a page shows is compared with what its commands print."""

import pytest

from tests.e2e.pages import blocks, fits

PAGE = """
# A page

```sh
first
```

## What you will see

```text
1
```

```text
not the output of first
```

```sh HOST
second
```

## Elsewhere

```text
not the output of second
```
"""


def test_the_first_text_after_commands_in_a_section_is_their_output() -> None:
    seen = [(block.kind, block.where, block.text, block.shown) for block in blocks(PAGE)]
    assert seen == [
        ("sh", "", "first\n", "1\n"),
        ("text", "", "not the output of first\n", None),
        ("sh", "HOST", "second\n", None),
        ("text", "", "not the output of second\n", None),
    ]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("pulled sha256:61dc…\n", "pulled sha256:faeaceafd6396eb5\n"),
        ("until 2027-11-28 05:40 UTC, 364 days\n", "until 2026-01-02 10:11 UTC, 3 days\n"),
        ("Duration: 5s\n", "Duration: 1m12s\n"),
        ("build-1.example.com   ok\n", "10.0.0.7  ok\n"),
        ("a\n…\nd\n", "a\nb\nc\nd\n"),
        ("a\n…\nd\n", "a\nd\n"),
        ("one … three\n", "one two three\n"),
        ("one: …   two\n", "one:   two\n"),
        ("41G  /data\n", "208K  /data\n"),
        ("a\nb\n", "\na\n\nb  \n"),
    ],
)
def test_what_differs_from_run_to_run_does_not_count(shown: str, printed: str) -> None:
    assert fits(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("ok\n", "failed\n"),
        ("ok\n", "ok\nand more\n"),
        ("ok\nand more\n", "ok\n"),
        ("2 hosts\n", "3 hosts\n"),
        ("… ok\n", "failed\nok\n"),
        ("a\n…\nd\n", "a\nb\n"),
    ],
)
def test_what_a_page_shows_otherwise_is_seen(shown: str, printed: str) -> None:
    assert not fits(shown, printed)
