"""The command: what is not as the stack left it. Ends with 0 for nothing, 2 for something, 1 if nobody could look."""

import sys

from operations.command_line import CommandLine, Parser, add_stack, run
from operations.drift import examine


def main() -> int:
    """Run the command and return its exit status."""
    parser = Parser(prog="python -m operations.drift", description=__doc__)
    add_stack(parser)
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument("--repair", action="store_true", help="repair what can be repaired, and check again")
    return run(parser, lambda options: _report(CommandLine(options.stack), repair=options.repair, as_json=options.json))


def _report(command_line: CommandLine, *, repair: bool, as_json: bool) -> int:
    report = examine(command_line, repair)
    print(report.json() if as_json else report.text())
    return 2 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
