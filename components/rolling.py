"""Where an update of several servers has stopped: those after the one that failed are left, and none is removed."""

from collections.abc import Collection, Iterable, Sequence

import pulumi

from . import last_update
from .component import TYPES
from .names import shortened
from .ordering import Step
from .troubleshooting import advice_of


def tell_where_it_stopped(servers: Sequence[str], failed: Sequence[pulumi.Output[list[Step]]]) -> None:
    """Say it in the end of an update.

    Args:
        servers: What people call them, in the order in which they change.
        failed: What has failed of each, once that is known.
    """

    def tell(counts: Sequence[int]) -> None:
        if message := stopped_at(servers, counts):
            pulumi.log.error(f"{message}\n{advice_of(message)}")

    # A preview takes all for failed, as nobody knows yet.
    if not pulumi.runtime.is_dry_run():
        pulumi.Output.all(*(one.apply(len) for one in failed)).apply(tell)


_STORING = f"{TYPES}Registry"
"""The component that each server of a registry has."""


def keep_those_that_leave(
    registry: str, declared: Collection[str], failed: Sequence[pulumi.Output[list[Step]]]
) -> pulumi.Output[bool]:
    """Fail an update in which a server failed, if another one is not declared any more: clients may need that one.

    Of a program that fails the engine takes nothing away.

    Args:
        registry: The name of the registry.
        declared: The names of the component ``Registry`` of each server.
        failed: What has failed of each, once that is known.

    Returns:
        Whether nothing failed.
    """

    async def judge(counts: list[int]) -> bool:
        left = shortened(leaving(registry, declared, await last_update.outputs() or ())) if any(counts) else ""
        if left:
            raise pulumi.RunError(f"A server has failed, so nothing is removed of what is not listed any more: {left}.")
        return not any(counts)

    if pulumi.runtime.is_dry_run():
        return pulumi.Output.from_input(True)
    return pulumi.Output.all(*(one.apply(len) for one in failed)).apply(judge)


def leaving(registry: str, declared: Collection[str], state: Iterable[str]) -> list[str]:
    """Return the names of what a state has of servers that are not declared any more.

    Args:
        registry: As of ``keep_those_that_leave``.
        declared: As there.
        state: The URNs of the last update.
    """
    known = (urn.split("::", 3)[2:] for urn in state)
    names = [name for kinds, name in known if kinds.rpartition("$")[2] == _STORING]
    return [name for name in names if name.startswith(f"{registry}-") and name not in declared]


def stopped_at(servers: Sequence[str], counts: Sequence[int]) -> str | None:
    """Return how far an update has come that failed on a server; None of one that did not, or of a server alone."""
    stopped = next((number for number, count in enumerate(counts) if count), None)
    if stopped is None or len(servers) == 1:
        return None
    done, left = shortened(servers[:stopped]) or "none", shortened(servers[stopped + 1 :]) or "none"
    place = f"{stopped + 1} of {len(servers)}"
    return f"the update stopped at server {servers[stopped]} ({place}); done: {done}; left as they were: {left}"
