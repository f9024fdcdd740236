"""An update of a stack, after a preview and a question: ``python -m operations.update --stack STACK``."""

import sys

from operations.command_line import CommandLine, OperationError, Parser, add_stack, run
from operations.preview import preview

# A client that is down must not keep the others from being updated.
_UPDATE = ("up", "--yes", "--skip-preview", "--continue-on-error")


def update(command_line: CommandLine, *, is_agreed: bool = False, in_full: bool = False) -> int:
    """Preview the update of a stack, ask, and apply it; return the status.

    Args:
        command_line: That of the stack.
        is_agreed: Apply it without a question.
        in_full: As of ``preview``.

    Raises:
        OperationError: Nothing was changed; says why, and what to do.
    """
    if not is_agreed and not sys.stdin.isatty():
        raise OperationError(
            "Nothing was changed: there is no terminal to ask on. To apply without a question: make up with YES=1, or "
            "--yes."
        )
    status = preview(command_line, in_full=in_full)
    if status != 0:
        return status
    if not is_agreed and not _agreed(command_line.stack):
        print("Nothing was changed.")
        return 1
    return command_line.show(*_UPDATE)


def _agreed(stack: str) -> bool:
    try:
        return input(f"\nApply this to stack {stack}? [yes/no] ").strip().lower() in ("yes", "y")
    except EOFError:
        print()
        return False


def main() -> int:
    """Update a stack and return the exit status."""
    parser = Parser(prog="python -m operations.update", description="Preview, ask, and apply.")
    add_stack(parser)
    parser.add_argument("--yes", action="store_true", help="apply it without a question")
    parser.add_argument("--diff", action="store_true", help="first, all that Pulumi prints of the preview")
    return run(parser, lambda options: update(CommandLine(options.stack), is_agreed=options.yes, in_full=options.diff))


if __name__ == "__main__":
    sys.exit(main())
