"""What the storages have in common; each is a file beside this one."""

from abc import abstractmethod
from typing import ClassVar

from ..section import Section


class Storage(Section):
    """Where the registry keeps the images."""

    can_be_deleted: ClassVar[bool] = False
    """Whether the stack may delete the images together with it."""
    is_shared: ClassVar[bool] = True
    """Whether several servers can keep the images there."""

    type: str

    @property
    @abstractmethod
    def place(self) -> str:
        """What people call it after "the"; in another place lie other images. Only where all values are known."""
