"""The only code that writes files on a host."""

from components.host_files.host import Host
from components.host_files.host_files import File, HostFiles, Nginx, Registry, ReleasedFiles

__all__ = ["File", "Host", "HostFiles", "Nginx", "Registry", "ReleasedFiles"]
