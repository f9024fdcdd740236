"""Asking all hosts at once, and repairing what can be repaired."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from components.container import START_SECONDS
from drift.containers import Seen, container_findings, seen_in, stopped
from drift.report import Finding, Remedy, Report
from drift.session import Answer, Run, Unanswered, session
from drift.state import Containers, Host, export, hosts_of
from rendering.script import with_payload

_AT_ONCE = 20
_CONTAINERS = Path(__file__).parent / "containers.sh"
_START = 'docker container start "$1" > /dev/null\n'

Visit = Callable[[Host, Run], Awaitable[list[Finding]]]


def examine(stack: str, repair: bool = False) -> Report:
    """Compare every host of a stack with its state.

    Args:
        stack: The stack's name.
        repair: Whether to write and start what can be repaired, and look again.

    Raises:
        LabError: The state could not be read.
    """
    hosts = sorted(hosts_of(export(stack)), key=lambda host: host.name)
    found = asyncio.run(_visit_all(hosts, _look))
    names = {finding.host for finding in found if finding.remedy is Remedy.REPAIR}
    if not repair or not names:
        return Report(stack, len(hosts), found)
    failed = asyncio.run(_visit_all([host for host in hosts if host.name in names], _repair))
    left = list(dict.fromkeys([*asyncio.run(_visit_all(hosts, _look)), *failed]))
    return Report(stack, len(hosts), left, [finding for finding in found if finding not in left])


async def _visit_all(hosts: Sequence[Host], visit: Visit) -> list[Finding]:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def go(host: Host) -> list[Finding]:
        try:
            async with limit, session(host.connection) as run:
                return await visit(host, run)
        except Unanswered as error:
            return [Finding(host.name, f"could not be asked: {error}", Remedy.MANUAL)]

    return [finding for findings in await asyncio.gather(*map(go, hosts)) for finding in findings]


async def _look(host: Host, run: Run) -> list[Finding]:
    found = []
    for bundle in host.bundles:
        found += file_findings(host.name, await run(bundle.check(), bundle.script))
    if host.containers:
        try:
            found += container_findings(host.name, host.containers, await _seen(host.containers, run))
        except Unanswered as error:
            # What was found in the files counts also where Docker does not answer.
            found.append(Finding(host.name, f"Docker could not be asked: {error}", Remedy.MANUAL))
    return found


async def _repair(host: Host, run: Run) -> list[Finding]:
    """Repair what a host needs; return what failed."""
    # nginx is not tried while the registry is stopped: once that runs, a second try gets further.
    return await _repair_once(host, run) and await _repair_once(host, run)


async def _repair_once(host: Host, run: Run) -> list[Finding]:
    """Repair files before the containers that read them; return what failed."""
    failed = []
    for bundle in host.bundles:
        if (await run(bundle.check(), bundle.script)).output:
            failed += await _run_all(host, run, bundle.repairs())
    if host.containers:
        shell, seen = host.containers.shell, await _seen(host.containers, run)
        for name in stopped(host.containers.known, seen):
            failed += await _run_all(host, run, [(shlex.join([*shell, name]), _START)])
    return failed


async def _run_all(host: Host, run: Run, commands: Sequence[tuple[str, str]]) -> list[Finding]:
    """Run commands up to the first that fails."""
    for line, stdin in commands:
        if failure := (await run(line, stdin)).failure:
            return [Finding(host.name, f"could not be repaired: {failure}", Remedy.MANUAL)]
    return []


async def _seen(containers: Containers, run: Run) -> list[Seen]:
    names = [f"name={container.name}" for container in containers.known]
    known = [f"owner={containers.owner}", f"seconds={START_SECONDS}", *names]
    answer = await run(shlex.join([*containers.shell, *known]), with_payload(_CONTAINERS, {}))
    if answer.failure:
        raise Unanswered(answer.failure)
    return seen_in(answer.output)


def file_findings(host: str, answer: Answer) -> list[Finding]:
    """Return what the check of a bundle has found."""
    if answer.failure and "unknown verb check" in answer.failure:
        what = "could not be asked: the stack's scripts are older than this question; run an update first"
        return [Finding(host, what, Remedy.MANUAL)]
    if answer.failure:
        return [Finding(host, f"could not be asked: {answer.failure}", Remedy.MANUAL)]
    return [Finding(host, line) for line in answer.output.splitlines()]
