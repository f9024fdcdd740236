"""A private Docker registry as a Pulumi component: ``PrivateRegistry(name, args)``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .args import PrivateRegistryArgs
    from .private_registry import PrivateRegistry
    from .settings import InvalidSettings, Settings, load

__all__ = ["InvalidSettings", "PrivateRegistry", "PrivateRegistryArgs", "Settings", "load"]

_MODULES = {"PrivateRegistry": ".private_registry", "PrivateRegistryArgs": ".args"}


def __getattr__(name: str) -> Any:
    # A review needs a part of the package where there is no engine, so nothing else is imported before it is asked for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, ".settings"), __name__), name)
