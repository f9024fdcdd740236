"""The stack's configuration as typed, validated values. Nothing here knows a Pulumi resource."""

from .load import InvalidSettings, given, load
from .model import Images, Limits, Settings, User
from .servers import ServerEntry
from .ssh import Client, DockerHostAccess, SshAccess, SshLogin, SshUrl

__all__ = [
    "Client",
    "DockerHostAccess",
    "Images",
    "InvalidSettings",
    "Limits",
    "ServerEntry",
    "Settings",
    "SshAccess",
    "SshLogin",
    "SshUrl",
    "User",
    "given",
    "load",
]
