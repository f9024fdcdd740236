"""A protocol that nobody should offer any more."""

from dataclasses import replace

from components.proxy import config

from .parts import put

put(config, "INTERMEDIATE", replace(config.INTERMEDIATE, protocols=("TLSv1.1", "TLSv1.2")))
