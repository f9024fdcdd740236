"""The only code that writes files on a host."""

from .host import Host, shell
from .host_files import File, Reader, ReleasedFiles
from .place import arguments

__all__ = ["File", "Host", "Reader", "ReleasedFiles", "arguments", "shell"]
