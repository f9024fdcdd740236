"""The images lie in a volume of the server's Docker, which nginx reads too."""

from ..registry.config import ON_DISK
from ..registry.reader import ReadByRegistry
from ..settings.storage import Volume
from .attached import Attached, StorageArgs
from .data_volume import data_volume, mounted


def volume(_: Volume, args: StorageArgs) -> Attached:
    """Declare the volume with the images; it has nothing to configure."""
    kept, owned = data_volume(args)
    return Attached(
        driver=ON_DISK,
        reader=ReadByRegistry(args.image, args.probe),
        started_after=[owned],
        mounts=[mounted(kept)],
        data=mounted(kept, read_only=True),
        layers_on_disk=True,
    )
