"""Images by digest or by id."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pulumi
import pulumi_docker as docker

from .on_server import run_first

_PULL = Path(__file__).parent / "pull.sh"
_PULL_SECONDS = 1800
_TYPE = "docker:index/remoteImage:RemoteImage"


def pinned_image(name: str, image: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Return the id of a pinned image, after pulling it where it is named by a registry's digest."""
    if image.startswith("sha256:"):
        return pulumi.Output.from_input(image)
    return docker.RemoteImage(name, name=image, keep_locally=True, opts=opts).image_id


def pulling(
    opts: pulumi.ResourceOptions | None, shell: Sequence[str], hook_name: Callable[[str], str]
) -> pulumi.ResourceOptions:
    """Return options with which images are pulled by the login of the server's user, which the engine knows nothing of.

    Args:
        opts: Options of the component that they are below.
        shell: The words with which a shell on the server reads a script from standard input.
        hook_name: Returns the name of a hook of a kind.
    """

    def pull(args: pulumi.ResourceHookArgs) -> None:
        run_first(args.name, shell, _PULL, {"image": (args.new_inputs or {})["name"]}, _PULL_SECONDS)

    hook = pulumi.ResourceHook(hook_name("pull"), pull)

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != _TYPE:
            return None
        hooks = pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook]))
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, hooks))

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[add]))
