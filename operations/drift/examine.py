"""Asking all hosts at once, and repairing what can be repaired."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from components.clients import placing
from components.containers.container import START_SECONDS
from components.hosts.connections import Connections, Failed, Failure
from components.hosts.session import Answer, Run, Unanswered
from components.scripts.script import with_payload, words
from operations.command_line import CommandLine
from operations.drift.containers import Seen, container_findings, seen_in, stopped
from operations.drift.report import Finding, Remedy, Report
from operations.drift.state import Containers, Host, Planned, export, hosts_of
from operations.visits import visit

_CONTAINERS = Path(__file__).parent / "containers.sh"
_START = 'docker container unpause "$1" > /dev/null 2>&1 || docker container start "$1" > /dev/null\n'

_BEHIND = (
    "could not be compared: the last update did not reach this host, or was of an older version; run an update first"
)

Work = Callable[[Host, Run], Awaitable[list[Finding]]]


def examine(command_line: CommandLine, repair: bool = False) -> Report:
    """Compare every host of a stack with its state.

    Args:
        command_line: How the stack is asked for its state.
        repair: Whether to write and start what can be repaired, and look again.

    Raises:
        OperationError: The state could not be read.
    """
    hosts = sorted(hosts_of(export(command_line)), key=lambda host: host.name)
    return asyncio.run(_examine(command_line.stack, hosts, repair))


async def _examine(stack: str, hosts: Sequence[Host], repair: bool) -> Report:
    async with Connections() as connections:
        found = await _visit_all(connections, "hosts that were checked", hosts, _look)
        names = {finding.host for finding in found if finding.remedy is Remedy.REPAIR}
        if not repair or not names:
            return Report(stack, len(hosts), found)
        ill = [host for host in hosts if host.name in names]
        failed = await _visit_all(connections, "hosts that were repaired", ill, _repair)
        again = await _visit_all(connections, "hosts that were checked again", hosts, _look_again)
    left = list(dict.fromkeys([*again, *failed]))
    return Report(stack, len(hosts), left, [finding for finding in found if finding not in left])


async def _visit_all(connections: Connections, what: str, hosts: Sequence[Host], work: Work) -> list[Finding]:
    visits = zip(hosts, await visit(connections, what, hosts, work), strict=True)
    found = [finding for host, one in visits for finding in (_failed(host, one) if isinstance(one, Failure) else one)]
    # A host that is reached in two ways may have the same to say twice.
    return list(dict.fromkeys(found))


def _failed(host: Host, failure: Failure) -> list[Finding]:
    return [Finding(host.name, f"could not be checked: {reason}", Remedy.MANUAL) for reason in failure.reasons]


async def _look_again(host: Host, run: Run) -> list[Finding]:
    # A container may be ill for a moment more, since one that it needs was stopped.
    return await _look(host, run, "starting|unhealthy")


async def _look(host: Host, run: Run, awaited: str = "starting") -> list[Finding]:
    found = [Finding(host.name, _BEHIND, Remedy.MANUAL)] if host.is_behind else []
    for bundle in host.bundles:
        found += file_findings(host.name, await run(*bundle.check))
    for planned in host.planned:
        found += await _planned_findings(host.name, planned, run)
    for containers in host.containers.values():
        try:
            found += container_findings(host.name, containers, await _seen(containers, run, awaited))
        except Unanswered as error:
            # What was found in the files counts also where Docker does not answer.
            found.append(Finding(host.name, f"Docker could not be checked: {error}", Remedy.MANUAL))
    return found


async def _repair(host: Host, run: Run) -> list[Finding]:
    """Repair what a host needs; return what failed."""
    # nginx is not tried while the registry is stopped: once that runs, a second try gets further.
    return await _repair_once(host, run) and await _repair_once(host, run)


async def _repair_once(host: Host, run: Run) -> list[Finding]:
    """Repair files before the containers that read them; return what failed."""
    failed = []
    for bundle in host.bundles:
        if (await run(*bundle.check)).output:
            failed += await _run_all(host, run, bundle.repairs)
    for planned in host.planned:
        failed += await _repair_planned(host.name, planned, run)
    for containers in host.containers.values():
        for name in stopped(containers.known, await _seen(containers, run)):
            failed += await _run_all(host, run, [(shlex.join([*containers.shell, name]), _START)])
    return failed


async def _planned_findings(host: str, planned: Planned, run: Run) -> list[Finding]:
    try:
        lines = await placing.findings(run, planned.sudo, planned.name, planned.record, planned.texts)
    except Failed as error:
        return [Finding(host, f"could not be checked: {'; '.join(error.reasons)}", Remedy.MANUAL)]
    return [Finding(host, line) for line in lines]


async def _repair_planned(host: str, planned: Planned, run: Run) -> list[Finding]:
    try:
        await placing.repair(run, planned.sudo, planned.name, planned.record, planned.texts)
    except Failed as error:
        return [Finding(host, f"could not be repaired: {'; '.join(error.reasons)}", Remedy.MANUAL)]
    return []


async def _run_all(host: Host, run: Run, commands: Sequence[tuple[str, str]]) -> list[Finding]:
    """Run commands up to the first that fails."""
    for line, stdin in commands:
        if failure := (await run(line, stdin)).failure:
            return [Finding(host.name, f"could not be repaired: {failure}", Remedy.MANUAL)]
    return []


async def _seen(containers: Containers, run: Run, awaited: str = "starting") -> list[Seen]:
    """Return the containers, once none has a health that is waited for."""
    names = ",".join(container.name for container in containers.known)
    known = words(owner=containers.owner, seconds=str(START_SECONDS), names=names, awaited=awaited)
    answer = await run(f"{shlex.join(containers.shell)} {known}", with_payload(_CONTAINERS, {}))
    if answer.failure:
        raise Unanswered(answer.failure)
    return seen_in(answer.output)


def file_findings(host: str, answer: Answer) -> list[Finding]:
    """Return what the check of a bundle has found."""
    if answer.failure and "unknown verb check" in answer.failure:
        what = "could not be checked: the stack's scripts are older than this check; run an update first"
        return [Finding(host, what, Remedy.MANUAL)]
    if answer.failure:
        return [Finding(host, f"could not be checked: {answer.failure}", Remedy.MANUAL)]
    return [Finding(host, line) for line in answer.output.splitlines()]
