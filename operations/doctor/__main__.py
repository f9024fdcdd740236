"""The command: what is in the way of pulls. Ends with 0 for nothing, 2 for something, 1 if no look was possible."""

import sys

from operations.command_line import CommandLine, Parser, add_stack, run
from operations.doctor import examine


def main() -> int:
    """Run the command and return its exit status."""
    parser = Parser(prog="python -m operations.doctor", description=__doc__)
    add_stack(parser)
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="a host of the stack; default: all, and the server")
    return run(parser, lambda options: _report(CommandLine(options.stack), options.hosts, as_json=options.json))


def _report(command_line: CommandLine, hosts: list[str], *, as_json: bool) -> int:
    report = examine(command_line, hosts)
    if as_json:
        print(report.json())
    else:
        report.show()
    return report.status


if __name__ == "__main__":
    sys.exit(main())
