"""The registry keeps the images in a volume of the server's Docker."""

from typing import ClassVar, Literal

from .storage import Storage


class Volume(Storage):
    """A volume of the server's Docker.

    Example:
        private-registry:storage:
          type: volume
    """

    can_be_deleted: ClassVar[bool] = True
    is_shared: ClassVar[bool] = False

    type: Literal["volume"] = "volume"

    @property
    def place(self) -> str:
        """There is but one for a stack."""
        return "volume"
