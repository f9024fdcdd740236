"""What is said of a resource after a failure: what to do."""

import pulumi

from .component import TYPES
from .instance import Instance
from .troubleshooting import advice_of


def advising(opts: pulumi.ResourceOptions | None, instance: Instance) -> pulumi.ResourceOptions:
    """Return options with which every resource below says what to do when it fails."""
    advice = pulumi.ErrorHook(instance.hook("advice"), _advise)

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        # Those of this package's own provider say it client by client.
        if not isinstance(args.resource, pulumi.CustomResource) or args.type_.startswith(TYPES):
            return None
        hooks = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(on_error=[advice]))
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, hooks))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[add]))


def advise(name: str, error: str) -> None:
    """Say what to do about the failure of a resource, where it is known."""
    advice = advice_of(error)
    if advice:
        pulumi.log.error(f"{name}: {advice}")


def _advise(failure: pulumi.ErrorHookArgs) -> bool:
    advise(failure.name, failure.errors[0] if failure.errors else "")
    return False
