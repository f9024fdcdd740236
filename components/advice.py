"""After a failure: what to do, said with the resource that failed."""

import pulumi

from troubleshooting import problem_of

_HELD_BACK = "Until this host trusts what is to be trusted, nginx keeps its certificate; all else goes on."


def advising(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Return options with which every resource below says what to do when it fails."""
    hook = pulumi.ErrorHook("private-registry-advice", _advise)

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource):
            return None
        hooks = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[hook]))
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, hooks))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[add]))


def advise(name: str, error: str) -> None:
    """Say what to do about the failure of a resource, where it is known."""
    problem = problem_of(error)
    held_back = _HELD_BACK if "-trust-" in name else ""
    advice = " ".join(filter(None, [problem.advice if problem else "", held_back]))
    if advice:
        pulumi.log.error(f"{name}: {advice}")


def _advise(failure: pulumi.ErrorHookArgs) -> bool:
    advise(failure.name, failure.errors[0] if failure.errors else "")
    return False
