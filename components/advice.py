"""What is said of a resource: after a failure what to do, and what a client's host noted when its files were placed."""

from typing import Any

import pulumi

from .instance import Instance
from .troubleshooting import problem_of

_TRUST = "-trust-"
_HELD_BACK = "Until this host trusts what is to be trusted, nginx keeps its certificate; all else goes on."


def advising(opts: pulumi.ResourceOptions | None, instance: Instance) -> pulumi.ResourceOptions:
    """Return options with which every resource below says what to do when it fails, and a client's trust its notes."""
    advice = pulumi.ErrorHook(instance.hook("advice"), _advise)
    notes = pulumi.ResourceHook(instance.hook("notes"), _note)

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource):
            return None
        after: list[Any] = [notes] if _TRUST in args.name else []
        binding = pulumi.ResourceHookBinding(on_error=[advice], after_create=after, after_update=after)
        hooks = pulumi.ResourceOptions(hooks=binding)
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, hooks))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[add]))


def advise(name: str, error: str) -> None:
    """Say what to do about the failure of a resource, where it is known."""
    problem = problem_of(error)
    held_back = _HELD_BACK if _TRUST in name else ""
    advice = " ".join(filter(None, [problem.advice if problem else "", held_back]))
    if advice:
        pulumi.log.error(f"{name}: {advice}")


def _advise(failure: pulumi.ErrorHookArgs) -> bool:
    advise(failure.name, failure.errors[0] if failure.errors else "")
    return False


def _note(done: pulumi.ResourceHookArgs) -> None:
    for line in ((done.new_outputs or {}).get("stdout") or "").splitlines():
        pulumi.log.info(f"{done.name}: {line}")
