"""What the storages have in common; each is a file beside this one."""

from typing import ClassVar

from ..section import Section


class Storage(Section):
    """Where the registry keeps the images."""

    can_be_deleted: ClassVar[bool] = False
    """Whether the stack may delete the images together with it."""

    type: str
