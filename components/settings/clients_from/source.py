"""What a section does that lists clients in another program's file."""

from collections.abc import Sequence
from typing import Any

from pydantic import PrivateAttr, ValidationInfo, ValidatorFunctionWrapHandler

from ..section import Section
from ..ssh import Client
from .entry import Entry, Mistake
from .merging import found


class ClientSource(Section):
    """Clients that another program's file lists."""

    _clients: tuple[Client, ...] = PrivateAttr(())
    _places: tuple[str, ...] = PrivateAttr(())

    @property
    def clients(self) -> tuple[Client, ...]:
        """The clients, checked."""
        return self._clients

    @property
    def places(self) -> tuple[str, ...]:
        """File and line of each client."""
        return self._places

    def entries(self, mistakes: list[Mistake]) -> Sequence[Entry]:
        """Return what the file says of each client; add what cannot be followed, with its line, to the mistakes."""
        raise NotImplementedError


def read(value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Check a source, and then the clients that it lists."""
    source = check(value)
    if isinstance(source, ClientSource):
        mistakes: list[Mistake] = []
        entries = source.entries(mistakes)
        source._clients = found(entries, mistakes, info)
        source._places = tuple(f"{entry.where} ({entry.name})" for entry in entries)
    return source
