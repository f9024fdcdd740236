"""The stack's component resources."""

from components.private_registry import PrivateRegistry

__all__ = ["PrivateRegistry"]
