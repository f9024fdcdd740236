"""Writes what a workflow found out to GitHub or GitLab, in one place that is edited: ``python -m review.post``.

``comment FILE``: the comment on the pull request. ``issue TITLE FILE``: an issue of that title, which is closed when
the file is empty. ``review/host.py`` says which variables the job needs.
"""

import argparse
import os
import sys
from pathlib import Path

from review.comment import LIMIT, MARK
from review.host import Host, HostError, host


def comment(where: Host, text: str) -> str:
    """Edit the comment that is there, or write it; return what was done.

    Raises:
        HostError: The host refuses it.
    """
    own = (one for one in where.comments() if one.author == where.author and MARK in one.body)
    found = next(own, None)
    where.comment(_fitting(text), found.id if found else None)
    return "edited" if found else "written"


def issue(where: Host, title: str, text: str) -> str:
    """Keep one issue of a title open while there is something to say; return what was done.

    Raises:
        HostError: The host refuses it.
    """
    own = (one for one in where.issues() if one.author == where.author and one.title == title)
    found = next(own, None)
    if not text.strip():
        if found:
            where.close(found.id)
        return "closed" if found else "nothing to say"
    where.issue(title, _fitting(text), found.id if found else None)
    return "edited" if found else "opened"


def _fitting(text: str) -> str:
    if len(text) > LIMIT:
        raise HostError(f"the text has {len(text)} characters; at most {LIMIT} are allowed")
    return text


def main() -> int:
    """Write the comment or the issue."""
    parser = argparse.ArgumentParser(prog="python -m review.post", description="One place, which is edited.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("comment").add_argument("file", type=Path, help="the text, as Markdown")
    to_issue = commands.add_parser("issue")
    to_issue.add_argument("title")
    to_issue.add_argument("file", type=Path, help="the text, as Markdown; empty where all is well")
    arguments = parser.parse_args()
    try:
        text, where = arguments.file.read_text(), host(os.environ)
        done = comment(where, text) if arguments.command == "comment" else issue(where, arguments.title, text)
    except (HostError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
