"""What a section does that lists clients in another program's file."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import PrivateAttr, ValidationInfo, ValidatorFunctionWrapHandler

from ..section import Section
from ..ssh import Client
from .entry import Entry
from .merging import found


class ClientSource(Section):
    """Clients that another program's file lists."""

    _clients: tuple[Client, ...] = PrivateAttr(())
    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @property
    def clients(self) -> tuple[Client, ...]:
        """The clients, checked."""
        return self._clients

    def origin(self, host: str) -> str:
        """Return file and line of a client."""
        return self._origins[host]

    def entries(self, mistakes: list[str]) -> Sequence[Entry]:
        """Return what the file says of each client; add what cannot be followed, with its line, to the mistakes."""
        raise NotImplementedError


def read(value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Check a source, and then the clients that it lists."""
    source = check(value)
    if isinstance(source, ClientSource):
        mistakes: list[str] = []
        entries = source.entries(mistakes)
        source._clients = found(entries, mistakes, info)
        source._origins = {client.host: entry.where for client, entry in zip(source._clients, entries, strict=True)}
    return source
