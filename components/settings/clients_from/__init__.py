"""Clients that are listed elsewhere than in the stack's file, each source with its format."""

from .ansible import ClientsInventory
from .merging import entries_of_file, listed
from .source import read
from .ssh_config import ClientsSsh

__all__ = ["ClientsInventory", "ClientsSsh", "entries_of_file", "listed", "read"]
