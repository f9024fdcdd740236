"""Before Docker makes something: its name has to be free, of what a killed update left and of what others made."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pulumi

from components.advice import advise
from rendering.script import with_payload

OWNER, STACK = "private-registry.owner", "private-registry.stack"
"""Labels. The owner is known to one state alone; a data volume outlives it and belongs to any stack of the name."""

_SCRIPT = Path(__file__).parent / "leftovers.sh"
_KINDS = {
    "docker:index/container:Container": "container",
    "docker:index/network:Network": "network",
    "docker:index/volume:Volume": "volume",
}
_SECONDS = 120
_TAKEN = 1
"""The script's status. Others, such as that of an SSH connection that fails, the engine meets and reports itself."""


def clearing(opts: pulumi.ResourceOptions | None, shell: Sequence[str]) -> pulumi.ResourceOptions:
    """Return options with which the names of Docker's resources are free before they are created.

    Args:
        opts: Options of the component that they are below.
        shell: The words with which a shell on the server reads a script from standard input.
    """

    def clear(args: pulumi.ResourceHookArgs) -> None:
        inputs = args.new_inputs or {}
        labels = {label["label"]: label["value"] for label in inputs.get("labels") or []}
        # Names and digests hold no character that a shell would read otherwise, on either side of SSH.
        known = {
            "kind": _KINDS[args.type],
            "name": inputs["name"],
            "owner": labels.get(OWNER),
            "stack": labels.get(STACK),
        }
        done = subprocess.run(
            [*shell, *(f"{key}={value}" for key, value in known.items() if value)],
            input=with_payload(_SCRIPT, {}),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode == _TAKEN:
            advise(args.name, done.stderr)
            raise RuntimeError(done.stderr.strip())

    hook = pulumi.ResourceHook("private-registry-leftovers", clear)

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ not in _KINDS:
            return None
        hooks = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook]))
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, hooks))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[add]))
