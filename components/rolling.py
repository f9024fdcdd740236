"""Where an update of several servers has stopped: those after the one that failed are left as they are."""

from collections.abc import Sequence

import pulumi

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


def stopped_at(servers: Sequence[str], counts: Sequence[int]) -> str | None:
    """Return how far an update has come that failed on a server; None of one that did not, or of a server alone."""
    stopped = next((number for number, count in enumerate(counts) if count), None)
    if stopped is None or len(servers) == 1:
        return None
    done, left = shortened(servers[:stopped]) or "none", shortened(servers[stopped + 1 :]) or "none"
    place = f"{stopped + 1} of {len(servers)}"
    return f"the update stopped at server {servers[stopped]} ({place}); done: {done}; left as they were: {left}"
