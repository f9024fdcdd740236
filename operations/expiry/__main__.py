"""How long certificates last, and who renews them: what the server really serves, and what clients trust.

It ends with 0 if that is long enough, with 3 for a warning, with 2 for an error or a certificate that has ended, with 1
if nobody could look.

By default there is a warning below 21 days, and an error below 7; for an authority below 90 and 21. Where it is less,
a fifth of the life counts, or 0.7 of the days in which an update renews it, and a half of that for an error.
"""

import argparse
import sys
from pathlib import Path

from operations.command_line import CommandLine, Parser, add_stack, run
from operations.expiry.certificates import Thresholds
from operations.expiry.metrics import write
from operations.expiry.stack import look, outputs_of


def main() -> int:
    """Run the command and return its exit status."""
    parser = _parser()

    def asked(options: argparse.Namespace) -> int:
        if not options.url and not options.stack:
            parser.error("--stack is needed, or --url")
        return _report(options)

    return run(parser, asked)


def _report(options: argparse.Namespace) -> int:
    outputs = {"url": options.url} if options.url else outputs_of(CommandLine(options.stack))
    report = look(outputs, Thresholds(options.warn, options.error), options.stack or "")
    if options.prometheus:
        write(report, options.prometheus)
    if report.failure:
        print(report.failure, file=sys.stderr)
    print(report.json() if options.json else report.text())
    return report.status


def _parser() -> Parser:
    parser = Parser(
        prog="python -m operations.expiry", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_stack(parser, is_needed=False)
    parser.add_argument("--url", help="check only this server, without the state: https://HOST[:PORT]")
    parser.add_argument("--warn", "--days", type=int, metavar="DAYS", help="warn if fewer days are left")
    parser.add_argument("--error", type=int, metavar="DAYS", help="fail if fewer days are left")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument(
        "--prometheus", type=Path, metavar="FILE", help="write it for node exporter's textfile collector"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
