"""After a failure: what to do, said with the resource that failed."""

import pulumi

from troubleshooting import problem_of


def advising(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Return options with which every resource below says what to do when it fails."""
    hook = pulumi.ErrorHook("private-registry-advice", _advise)

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource):
            return None
        hooks = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[hook]))
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, hooks))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[add]))


def _advise(failure: pulumi.ErrorHookArgs) -> bool:
    problem = problem_of(failure.errors[0]) if failure.errors else None
    if problem:
        pulumi.log.error(f"{failure.name}: {problem.advice}")
    return False
