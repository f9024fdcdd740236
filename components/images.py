"""Images by digest or by id."""

import pulumi
import pulumi_docker as docker


def pinned_image(name: str, image: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Return the id of a pinned image, after pulling it where it is named by a registry's digest."""
    if image.startswith("sha256:"):
        return pulumi.Output.from_input(image)
    return docker.RemoteImage(name, name=image, keep_locally=True, opts=opts).image_id
