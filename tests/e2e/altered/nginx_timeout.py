"""Another time-out of nginx."""

from components.proxy import config

from .parts import replaced

replaced(config, "render", "proxy_read_timeout 900s", "proxy_read_timeout 800s")
