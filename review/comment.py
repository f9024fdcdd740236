"""The comment under a pull request: what the previews of all stacks mean, and all that the engine says, folded.

``python -m review.comment FOLDER --next URL`` prints it. FOLDER holds a folder for each stack, with ``review.md`` (what
``python -m review --markdown`` printed) and ``diff.txt`` (what ``pulumi preview --diff`` printed).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from review.render import plain

MARK = "<!-- private-registry: previews -->"
"""The first line, by which the comment is found again."""

LIMIT = 65_536
"""How many characters a comment may have on GitHub; GitLab takes more."""

_CUT = "… cut here: the log of the run has all of it."
_CLOSING = "\n```"
_REVIEW_SHARE = 2
"""The reviews together get at most the limit divided by this: the rest is for what the engine says."""


@dataclass(frozen=True)
class Stack:
    """What was found out about one stack."""

    name: str
    review: str
    """Markdown."""
    diff: str
    """What the engine printed, for people."""


def comment(stacks: Sequence[Stack], next_: str) -> str:
    """Return the comment, in Markdown.

    Args:
        stacks: In the order in which they are updated.
        next_: Where to see what runs when this is merged.
    """
    order = ", then ".join(f"`{stack.name}`" for stack in stacks)
    tail = f"After the merge, the update runs for {order}. Each waits for an approval [here]({next_})."
    share = (LIMIT - len(MARK) - len(tail)) // max(1, len(stacks))
    return "\n\n".join([MARK, *(_section(stack, share) for stack in stacks), tail]) + "\n"


def read(folder: Path) -> list[Stack]:
    """Read what the previews left, by the names of the stacks; a preview that left nothing is told of too.

    Raises:
        OSError: There is no such folder.
    """
    return [Stack(place.name, *_files(place)) for place in sorted(folder.iterdir(), reverse=True) if place.is_dir()]


def _files(place: Path) -> tuple[str, str]:
    review, diff = (place / name for name in ("review.md", "diff.txt"))
    lost = "**The preview left no review. The log of the run shows why.**"
    return (review.read_text() if review.exists() else lost), (diff.read_text() if diff.exists() else "")


def _section(stack: Stack, size: int) -> str:
    head = f"## Preview of `{stack.name}`"
    review = _cut(stack.review.strip(), size // _REVIEW_SHARE)
    return f"{head}\n\n{review}{_folded(stack.diff, size - len(head) - len(review))}"


def _folded(diff: str, size: int) -> str:
    # A fence has to be longer than any in the text, and so could be as long as the comment.
    body = plain(diff).strip().replace("```", "'''")
    if not body:
        return ""
    before = "\n\n<details><summary>The whole preview of Pulumi</summary>\n\n```diff\n"
    after = "\n```\n\n</details>"
    return f"{before}{_cut(body, size - len(before) - len(after))}{after}"


def _cut(text: str, size: int) -> str:
    """Return the lines from the start that fit, with a word on what is missing."""
    if len(text) <= size:
        return text
    kept = text[: max(0, size - len(_CUT) - len(_CLOSING) - 2)].rpartition("\n")[0]
    is_open = sum(line.startswith("```") for line in kept.split("\n")) % 2
    return f"{kept}{_CLOSING if is_open else ''}\n\n{_CUT}"


def main() -> int:
    """Print the comment."""
    parser = argparse.ArgumentParser(prog="python -m review.comment", description="The comment on a pull request.")
    parser.add_argument("folder", type=Path, help="holds a folder for each stack, with review.md and diff.txt")
    parser.add_argument("--next", default="", help="where to see what runs next")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is no folder")
    sys.stdout.write(comment(read(arguments.folder), arguments.next))
    return 0


if __name__ == "__main__":
    sys.exit(main())
