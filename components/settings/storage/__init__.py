"""Where the registry keeps the images: the storages. A new one is a file here, and a line in the list."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from .s3 import S3
from .storage import Storage
from .volume import Volume


def _with_type(given: Any) -> Any:
    """Name the storage where nothing else is named."""
    return {"type": "volume", **given} if isinstance(given, Mapping) else given


AnyStorage = Annotated[Volume | S3, Field(discriminator="type"), BeforeValidator(_with_type)]
"""The list of the storages; `type` tells which one it is."""

__all__ = ["S3", "AnyStorage", "Storage", "Volume"]
