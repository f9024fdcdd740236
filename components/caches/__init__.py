"""Pull-through caches: a registry process for each upstream, behind the same nginx and login."""

from .caches import Caches, CachesArgs, ServedCaches, served_caches

__all__ = ["Caches", "CachesArgs", "ServedCaches", "served_caches"]
