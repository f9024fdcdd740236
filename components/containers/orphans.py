"""Before Docker makes something: its name has to be free, of what a killed update left and of what others made."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pulumi

from .on_server import run_first

OWNER, STACK = "private-registry.owner", "private-registry.stack"
"""Labels. The owner is known to one state alone; a data volume outlives it and belongs to any stack of the name."""

_SCRIPT = Path(__file__).parent / "orphans.sh"
_KINDS = {
    "docker:index/container:Container": "container",
    "docker:index/network:Network": "network",
    "docker:index/volume:Volume": "volume",
}
_SECONDS = 120


def removing_orphans(
    opts: pulumi.ResourceOptions | None, shell: Sequence[str], hook_name: Callable[[str], str]
) -> pulumi.ResourceOptions:
    """Return options with which the names of Docker's resources are free before they are created.

    Args:
        opts: Options of the component that they are below.
        shell: The words with which a shell on the server reads a script from standard input.
        hook_name: Returns the name of a hook of a kind.
    """

    def clear(args: pulumi.ResourceHookArgs) -> None:
        inputs = args.new_inputs or {}
        labels = {label["label"]: label["value"] for label in inputs.get("labels") or []}
        known = {
            "kind": _KINDS[args.type],
            "name": inputs["name"],
            "owner": labels.get(OWNER),
            "stack": labels.get(STACK),
        }
        run_first(args.name, shell, _SCRIPT, known, _SECONDS)

    hook = pulumi.ResourceHook(hook_name("leftovers"), clear)

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ not in _KINDS:
            return None
        hooks = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook]))
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, hooks))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[add]))
