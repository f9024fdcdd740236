"""What a cache's container reads: the registry's configuration, and the login at the upstream."""

import json

import yaml

from ..registry.config import ON_DISK, PORT
from ..settings.caches import Cache
from ..templates import render

SCRIPT, CONFIG, LOGIN, PRINT_LOGIN, AUTHORITY = "cache.sh", "config.yml", "login.json", "get", "ca.crt"
"""The files of a cache's bundle."""


def cache_config(url: str, drain_seconds: int) -> str:
    """Render config.yml of a cache.

    Args:
        url: Of the upstream, without a path.
        drain_seconds: How long a request in flight may take to end at a stop.
    """
    return render(
        "caches/cache.yml.j2",
        port=PORT,
        storage=yaml.safe_dump(dict(ON_DISK), sort_keys=False).rstrip(),
        url=url,
        drain_seconds=drain_seconds,
    )


def login_text(cache: Cache) -> str:
    """Return the login at the upstream, as Docker's credential helpers print it; without a name it is anonymous."""
    secret = cache.secret.get_secret_value() if cache.secret else ""
    return json.dumps({"ServerURL": "", "Username": cache.username or "", "Secret": secret}) + "\n"


def print_login() -> str:
    """Return the script that the registry runs as ``sh get``."""
    return f"cat {LOGIN}\n"
