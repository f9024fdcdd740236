"""The images lie in a volume of the server's Docker, which nginx reads too."""

import pulumi_docker as docker

from ..registry.config import DATA, ON_DISK
from ..registry.reader import ReadByRegistry
from ..settings.storage import Volume
from .attached import Attached, StorageArgs
from .data_volume import data_volume


def volume(_: Volume, args: StorageArgs) -> Attached:
    """Declare the volume with the images; it has nothing to configure."""
    kept, owned = data_volume(args)
    return Attached(
        driver=ON_DISK,
        reader=ReadByRegistry(args.image, args.probe),
        started_after=[owned],
        mounts=[docker.ContainerMountArgs(type="volume", source=kept.name, target=DATA)],
        data=kept.name,
        layers_on_disk=True,
    )
