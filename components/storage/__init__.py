"""Where the registry keeps the images: one file a storage. A new one gets a line in the table."""

from collections.abc import Callable, Mapping

from ..settings.storage import S3, AnyStorage, Storage, Volume
from .attached import Attached, StorageArgs
from .s3 import bucket
from .volume import volume

STORAGES: Mapping[type[Storage], Callable[..., Attached]] = {Volume: volume, S3: bucket}
"""The settings of a storage -> the function that declares what it needs."""


def attached(storage: AnyStorage, args: StorageArgs) -> Attached:
    """Declare the storage that is configured, for a registry."""
    return STORAGES[type(storage)](storage, args)


__all__ = ["STORAGES", "Attached", "StorageArgs", "attached"]
