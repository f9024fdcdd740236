"""The stack's configuration as typed, validated values. Nothing here knows a Pulumi resource."""

from settings.load import InvalidSettings, load
from settings.model import Certificate, Images, Limits, Settings, User
from settings.ssh import Client, DockerHostAccess, SshAccess, SshLogin, SshUrl

__all__ = [
    "Certificate",
    "Client",
    "DockerHostAccess",
    "Images",
    "InvalidSettings",
    "Limits",
    "Settings",
    "SshAccess",
    "SshLogin",
    "SshUrl",
    "User",
    "load",
]
