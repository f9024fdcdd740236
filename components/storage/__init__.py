"""Where the registry keeps the images: one file a storage. A new one gets a line in the table."""

from collections.abc import Callable, Mapping

import pulumi

from ..ordering import without_dependencies
from ..settings.storage import S3, AnyStorage, Storage, Volume
from .attached import Attached, StorageArgs
from .s3 import bucket
from .volume import volume

STORAGES: Mapping[type[Storage], Callable[..., Attached]] = {Volume: volume, S3: bucket}
"""The settings of a storage -> the function that declares what it needs."""


def attached(storage: AnyStorage, args: StorageArgs) -> Attached:
    """Declare the storage that is configured, for a registry."""
    return STORAGES[type(storage)](storage, args)


def said_of_storage(storage: AnyStorage) -> dict[str, pulumi.Input[object]]:
    """Return what a registry says of its storage, by which a review tells where images lie before and after."""
    place = pulumi.Output.unsecret(storage.known().apply(lambda one: one.place))
    return {"type": storage.type, "place": without_dependencies(place), "canBeDeleted": storage.can_be_deleted}


__all__ = ["STORAGES", "Attached", "StorageArgs", "attached", "said_of_storage"]
