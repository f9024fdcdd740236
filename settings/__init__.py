"""The stack's configuration as typed, validated values. Nothing here knows a Pulumi resource."""

from settings.load import InvalidSettings, load
from settings.model import Certificate, Client, Images, Limits, Settings, User

__all__ = ["Certificate", "Client", "Images", "InvalidSettings", "Limits", "Settings", "User", "load"]
