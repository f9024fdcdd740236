"""Prints what a preview means: ``python -m review EVENTS [--markdown]``."""

import argparse
import sys
from pathlib import Path

import review


def main() -> int:
    """Print the review of one preview."""
    parser = argparse.ArgumentParser(prog="python -m review", description="What a preview means, host by host.")
    events_help = "what `PULUMI_DEBUG_COMMANDS=true pulumi preview --event-log EVENTS` wrote"
    parser.add_argument("events", type=Path, help=events_help)
    parser.add_argument("--markdown", action="store_true", help="for a pull request")
    arguments = parser.parse_args()
    if not arguments.events.is_file():
        parser.error(f"{arguments.events} is no file")
    print(review.of(arguments.events, arguments.markdown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
