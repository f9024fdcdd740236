"""Other parts of the package's modules."""

from collections.abc import Callable
from types import ModuleType
from typing import Any


def part(module: ModuleType, name: str) -> Any:
    """Return what a module knows by a name, its own or imported."""
    return getattr(module, name)


def put(module: ModuleType, name: str, value: Any) -> None:
    """Let a module know something else by a name that it has."""
    assert hasattr(module, name), f"{module.__name__} has no {name}"
    setattr(module, name, value)


def replaced(module: ModuleType, function: str, old: str, new: str) -> None:
    """Let a module's function return another text, or texts by name, where an old one stands in any of them."""
    original: Callable[..., Any] = part(module, function)

    def altered(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if isinstance(result, str):
            return result.replace(old, new)
        return {name: text.replace(old, new) for name, text in result.items()}

    put(module, function, altered)
