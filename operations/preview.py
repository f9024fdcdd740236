"""What an update of a stack would change, host by host: ``python -m operations.preview --stack STACK``.

It changes nothing, and leaves no file: what Pulumi writes for it holds the settings of the stack.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import review
from operations.command_line import CommandLine, OperationError, Parser, add_stack, advised, run


def preview(command_line: CommandLine, *, as_markdown: bool = False, in_full: bool = False) -> int:
    """Print what an update would change, and return the status of the preview.

    Args:
        command_line: That of the stack.
        as_markdown: For a comment.
        in_full: Print all that Pulumi prints before it.

    Raises:
        OperationError: The preview could not begin; says why, and what to do.
    """
    print(f"Pulumi previews stack {command_line.stack}. This changes nothing.", file=sys.stderr, flush=True)
    # Without this variable the command line knows no --event-log.
    asked = replace(command_line, env={**command_line.env, "PULUMI_DEBUG_COMMANDS": "true"})
    with events_file() as events:
        words, error = ("preview", "--diff", "--event-log", str(events), *asked.of_config), ""
        if in_full:
            status = asked.show(*words)
            print()
        else:
            done = asked.done(*words)
            status, error = done.returncode, done.stderr
        if status != 0 and not events.read_text(encoding="utf-8"):
            why = advised(error) if error else "the output above says why"
            raise OperationError(f"Stack {command_line.stack} could not be previewed: {why}")
        print(review.of(events, as_markdown), flush=True)
    return status


@contextmanager
def events_file() -> Iterator[Path]:
    """Yield a file for the events of a preview that nobody else may read, and that is gone in the end."""
    if sys.platform == "linux":
        # In memory: it is gone with this process, even if that is killed.
        file = os.memfd_create("events")
        try:
            yield Path(f"/proc/{os.getpid()}/fd/{file}")
        finally:
            os.close(file)
    else:
        with tempfile.TemporaryDirectory(prefix="private-registry-preview-") as folder:
            file_there = Path(folder, "events.json")
            file_there.touch(mode=0o600)
            yield file_there


def main() -> int:
    """Print the preview of a stack and return the exit status."""
    parser = Parser(prog="python -m operations.preview", description="What an update would change.")
    add_stack(parser)
    parser.add_argument("--markdown", action="store_true", help="for a pull request")
    parser.add_argument("--diff", action="store_true", help="first, all that Pulumi prints")
    return run(
        parser,
        lambda options: preview(CommandLine(options.stack), as_markdown=options.markdown, in_full=options.diff),
    )


if __name__ == "__main__":
    sys.exit(main())
