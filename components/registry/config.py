"""The registry's own config.yml."""

from collections.abc import Mapping

import yaml

from ..templates import render

PORT = 5000
"""Where the registry listens on the internal network."""

LOCAL_PORT = PORT + 1
"""Where a registry listens, beside that of a pull-through cache, that has what is cached and asks no upstream."""

_COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"

REPOSITORY_NAME = f"{_COMPONENT}(?:/{_COMPONENT})*"
"""A regular expression of what a repository may be called
(https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests)."""

CATALOG_ENTRIES = 100_000
"""How many repositories a client may list at once: the registry takes memory for each, there or not."""

DATA = "/var/lib/registry"
"""Where the registry keeps its data, as its container and nginx's see it. What lies below is laid out as in
https://github.com/distribution/distribution/blob/v3.1.2/registry/storage/paths.go."""

ON_DISK = {"filesystem": {"rootdirectory": DATA}}
"""The driver that keeps the data there."""


def registry_config(
    http_secret: str, drain_seconds: int, storage: Mapping[str, object] = ON_DISK, purges_uploads: bool = True
) -> str:
    """Render config.yml.

    Args:
        http_secret: Signs the state of uploads; lowercase hexadecimal.
        drain_seconds: How long a request in flight may take to end at a stop.
        storage: Its driver with the parameters, and what else of the section ``storage`` depends on it
            (https://distribution.github.io/distribution/about/configuration/#storage).
        purges_uploads: Whether it takes away uploads that nobody has ended for a week.
    """
    return render(
        "registry/registry.yml.j2",
        port=PORT,
        storage=yaml.safe_dump(dict(storage), sort_keys=False).rstrip(),
        http_secret=http_secret,
        drain_seconds=drain_seconds,
        purges_uploads=purges_uploads,
        catalog_entries=CATALOG_ENTRIES,
    )
