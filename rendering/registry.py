"""The registry's own config.yml."""

from rendering.templates import render

PORT = 5000
"""Where the registry listens on the internal network."""

_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"

REPOSITORY_NAME = f"{_COMPONENT}(?:/{_COMPONENT})*"
"""A regular expression of what a repository may be called
(https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests)."""

DATA = "/var/lib/registry"
"""Where the registry keeps its data, as its container and nginx's see it. What lies below is laid out as in
https://github.com/distribution/distribution/blob/v3.1.1/registry/storage/paths.go."""


def registry_config(http_secret: str, drain_seconds: int) -> str:
    """Render config.yml.

    Args:
        http_secret: Signs the state of uploads; lowercase hexadecimal.
        drain_seconds: How long a request in flight may take to end at a stop.
    """
    return render("registry.yml.j2", port=PORT, data=DATA, http_secret=http_secret, drain_seconds=drain_seconds)
