"""A line of nginx.conf that nginx refuses."""

from components.proxy import config

from .parts import replaced

replaced(config, "render", "server_tokens off;", "server_tokens perhaps;")
