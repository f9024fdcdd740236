"""What a client host gets, and its proof that it works: one file a runtime. A new one gets a line in the table."""

from collections.abc import Mapping

from .docker import Docker
from .runtime import Runtime
from .system import System

RUNTIMES: Mapping[str, Runtime] = {runtime.name: runtime for runtime in (Docker(), System())}
"""What clients may come to trust by."""
DEFAULT = Docker.name

__all__ = ["DEFAULT", "RUNTIMES", "Runtime"]
