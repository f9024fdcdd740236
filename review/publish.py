"""Writes what a workflow found out to GitHub or GitLab, in one place that is edited: ``python -m review.publish``.

``comment FILE``: the comment on the pull request. ``issue TITLE FILE``: an issue of that title, which is closed when
the file is empty. ``review/forge.py`` says which variables the job needs.
"""

import argparse
import os
import sys
from pathlib import Path

from review.comment import LIMIT, MARK
from review.forge import Forge, ForgeError, asking, forge


def comment(where: Forge, text: str) -> str:
    """Edit the comment that is there, or write it; return what was done.

    Raises:
        ForgeError: The host refuses it.
    """
    body = _fitting(text)
    with asking():
        found = where.comment(MARK)
        if found:
            found.edit(body)
        else:
            where.write_comment(body)
    return "edited" if found else "written"


def issue(where: Forge, title: str, text: str) -> str:
    """Keep one issue of a title open while there is something to say; return what was done.

    Raises:
        ForgeError: The host refuses it.
    """
    body = _fitting(text)
    with asking():
        found = where.issue(title)
        if not text.strip():
            if found:
                found.close()
            return "closed" if found else "nothing to say"
        if found:
            found.edit(body)
        else:
            where.open_issue(title, body)
    return "edited" if found else "opened"


def _fitting(text: str) -> str:
    if len(text) > LIMIT:
        raise ForgeError(f"the text has {len(text)} characters; at most {LIMIT} are allowed")
    return text


def main() -> int:
    """Write the comment or the issue."""
    parser = argparse.ArgumentParser(prog="python -m review.publish", description="One place, which is edited.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("comment").add_argument("file", type=Path, help="the text, as Markdown")
    to_issue = commands.add_parser("issue")
    to_issue.add_argument("title")
    to_issue.add_argument("file", type=Path, help="the text, as Markdown; empty if there is nothing to report")
    arguments = parser.parse_args()
    try:
        text, where = arguments.file.read_text(), forge(os.environ)
        done = comment(where, text) if arguments.command == "comment" else issue(where, arguments.title, text)
    except (ForgeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
