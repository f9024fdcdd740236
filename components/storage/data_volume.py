"""The volume of the server's Docker in which images lie, or have lain."""

import pulumi
import pulumi_docker as docker

from ..containers.orphans import STACK
from ..registry.config import DATA
from .attached import StorageArgs
from .volume_owner import give

_FOLDER = "docker"
"""In which the registry keeps everything."""


def mounted(volume: docker.Volume, read_only: bool | None = None) -> docker.ContainerMountArgs:
    """Return how a container has the volume."""
    return docker.ContainerMountArgs(type="volume", source=volume.name, target=DATA, read_only=read_only)


def data_volume(args: StorageArgs) -> tuple[docker.Volume, pulumi.Resource]:
    """Declare the volume, below the registry's component; return it, and what gives it to the registry's user."""
    component, container = args.component, args.container
    volume = docker.Volume(
        f"{args.name}-data",
        name=f"{container.prefix}-data",
        labels=[docker.VolumeLabelArgs(label=STACK, value=container.prefix)],
        opts=component.child(depends_on=[args.network], retain_on_delete=not args.delete_data, protect=args.protect),
    )
    return volume, give(f"{args.name}-data-owner", volume, DATA, _FOLDER, args.container, args.image, component)
