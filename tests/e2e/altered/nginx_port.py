"""A port that nginx may find taken."""

from components.proxy import config

from .parts import replaced

replaced(config, "render", "listen unix", "listen 127.0.0.1:8079;\n        listen unix")
