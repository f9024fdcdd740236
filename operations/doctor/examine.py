"""The look at all hosts of a stack, and at what the registry serves."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cryptography import x509

from operations.command_line import CommandLine
from operations.doctor.judge import judge
from operations.doctor.report import Examined, Report
from operations.doctor.stack import Asked, asked, served_somewhere
from operations.doctor.visit import Seen, visit_all


def examine(command_line: CommandLine, names: Sequence[str] = ()) -> Report:
    """Read the hosts of a stack, and say what is in the way of pulls.

    Args:
        command_line: How the stack is asked for its settings and outputs.
        names: Of the hosts; all where none is given.

    Raises:
        OperationError: The settings could not be read, or a name is none of a host.
    """
    found = asked(command_line, list(names))
    chain, seen = asyncio.run(_look(found))
    registry = replace(found.registry, served=chain)
    hosts = [
        Examined(one, judge(one.facts, registry, one.host.wanted, one.asked) if one.facts else None) for one in seen
    ]
    return Report(command_line.stack, registry.reference, registry.is_deployed, bool(chain), datetime.now(UTC), hosts)


async def _look(found: Asked) -> tuple[list[x509.Certificate], list[Seen]]:
    return await asyncio.gather(
        asyncio.to_thread(served_somewhere, found),
        visit_all(found.hosts, found.registry.reference, found.registry.host),
    )
