"""A registry that starts, and whose health check never passes."""

from components.containers import container
from components.registry import registry

from .parts import put

put(registry, "PROBE", (*registry.PROBE[:-1], "http://127.0.0.1:1/"))
put(container, "START_SECONDS", 5)
