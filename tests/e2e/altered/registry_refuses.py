"""A version of its configuration that the registry refuses."""

from components.registry import config

from .parts import replaced

replaced(config, "render", "version: 0.1", "version: 7")
