"""A line of nginx.conf that makes no difference to a client of these tests."""

from dataclasses import replace

from components.proxy import config

from .parts import put

put(config, "INTERMEDIATE", replace(config.INTERMEDIATE, curves=config.INTERMEDIATE.curves[:2]))
