"""What is said of a resource: after a failure what to do, and what a client's host reported about its files."""

from typing import Any

import pulumi

from .instance import Instance
from .troubleshooting import problem_of, still_works

_TRUST, _VERIFICATION = "-trust-", "-verification-"
_STILL_WORKS = {
    _TRUST: "the registry. nginx keeps the current certificate until this client has the new CA. All other changes of "
    "this update continue.",
    _VERIFICATION: "the registry and all other clients. Only the test from this client failed.",
}


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


def advice_of(name: str, error: str) -> str:
    """Return what to say of the failure of a resource: its cause, what still works, and what to do."""
    works = next((works for part, works in _STILL_WORKS.items() if part in name), "")
    problem = problem_of(error)
    return problem.advice(works) if problem else still_works(works)


def advise(name: str, error: str) -> None:
    """Say what to do about the failure of a resource, where it is known."""
    advice = advice_of(name, error)
    if advice:
        pulumi.log.error(f"{name}: {advice}")


def _advise(failure: pulumi.ErrorHookArgs) -> bool:
    advise(failure.name, failure.errors[0] if failure.errors else "")
    return False


def _note(done: pulumi.ResourceHookArgs) -> None:
    for line in ((done.new_outputs or {}).get("stdout") or "").splitlines():
        pulumi.log.info(f"{done.name}: {line}")
