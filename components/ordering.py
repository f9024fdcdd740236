"""Waiting for resources that may fail, in an update that goes on after an error (``--continue-on-error``).

Such an update skips what depends on a resource that failed, keeps the state of what it skips, and deletes what is not
declared any more: also if something skipped depends on it, which ends in a state that can't be read. So what waits for
clients records a dependency only on those that have just failed, and none on what may be gone in the next update.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import pulumi
import pulumi_command as command

_T = TypeVar("_T")
Command = command.local.Command | command.remote.Command


class Awaited(pulumi.CustomResource):
    """A resource that tells by an output whether it succeeded."""

    @property
    def outcome(self) -> pulumi.Output[Any]:
        """Known once it has succeeded, and unknown where it failed."""
        raise NotImplementedError


Step = Command | Awaited
"""What others wait for."""


def failed_in_this_update(
    commands: Sequence[Step], provided: pulumi.Output[Any] | None = None
) -> pulumi.Output[list[Step]]:
    """Return which commands did not succeed, once all have ended: in a preview all, as nobody knows yet.

    Args:
        commands: What to wait for.
        provided: What they need themselves; where that is missing they were not tried, and none counts as failed.
    """

    async def ended() -> list[Step]:
        if provided is not None and not await provided.is_known():
            return []
        return [one for one in commands if pulumi.runtime.is_dry_run() or not await _outcome(one).is_known()]

    return pulumi.Output(set(), asyncio.ensure_future(ended()), _known())


def waiting(opts: pulumi.ResourceOptions, after: pulumi.Output[list[Step]] | None) -> pulumi.ResourceOptions:
    """Return options with which all that is below a component waits, and is left as it is where something failed.

    Args:
        opts: Of the component.
        after: What has failed, once that is known; None where there is nothing to wait for.
    """
    if after is None:
        return opts

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource) or isinstance(args.resource, pulumi.ProviderResource):
            return None
        more = pulumi.ResourceOptions(depends_on=after)
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, more))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[add]))


def keep_all_without(
    commands: Sequence[Step],
    others: Sequence[Step],
    matters: Callable[[list[Step]], Awaitable[bool]],
    reason: str,
) -> pulumi.Output[bool]:
    """Fail an update in which some commands did not succeed, once the others have ended too, where that ``matters``.

    Of a program that fails the engine takes nothing away. Else it would delete what is not declared any more, though
    what was to take its place is not there.

    Returns:
        Whether all of them succeeded.
    """

    async def judge(failed: list[Step]) -> bool:
        missing = [one for one in commands if one in failed]
        if missing and not pulumi.runtime.is_dry_run() and await matters(missing):
            raise pulumi.RunError(reason)
        return not missing

    return failed_in_this_update([*commands, *others]).apply(judge)


def without_dependencies(value: pulumi.Output[_T]) -> pulumi.Output[_T]:
    """Return a value without the record of the resources that it comes from."""
    content = cast(Awaitable[_T], value.future(with_unknowns=True))
    return pulumi.Output(set(), content, value.is_known(), value.is_secret())


def _outcome(one: Step) -> pulumi.Output[Any]:
    return one.stdout if isinstance(one, command.local.Command | command.remote.Command) else one.outcome


def _known() -> asyncio.Future[bool]:
    known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    known.set_result(True)
    return known
