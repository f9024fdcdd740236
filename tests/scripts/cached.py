"""A stack with a cache of docker.io, whose upstream is a registry behind a door."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.caches.config import CONFIG, LOGIN, PRINT_LOGIN, SCRIPT, cache_config, login_text, print_login
from components.proxy.login.htpasswd import Login
from components.registry.config import DATA
from components.scripts.script import script_text, with_payload, words
from components.settings.caches import Cache
from lab import docker
from lab.run import run
from tests.client import Client
from tests.scripts.served import Edits, Served
from tests.scripts.upstream import PASSWORD as UPSTREAM_PASSWORD
from tests.scripts.upstream import USER, Upstream, upstream

HASTY: Edits = {"nginx.conf": [("read_timeout 15s", "read_timeout 1s")]}
"""The upstream is waited for a second."""
_LIMIT_KIB = 1_000_000


@dataclass
class Cached:
    """A stack with a cache of docker.io."""

    served: Served
    upstream: Upstream
    client: Client

    @property
    def container(self) -> str:
        return self.served.container("cache")

    def shell(self, script: str) -> str:
        return run(["docker", "exec", self.container, "sh", "-c", script])

    def restart(self) -> None:
        run(["docker", "restart", "--time", "5", self.container])
        self.wait()

    def wait(self) -> None:
        """Wait until both registries of the cache answer, as its health check does."""
        asked = "wget -q -O /dev/null http://127.0.0.1:5000/ http://127.0.0.1:5001/"
        self.shell(f"for _ in $(seq 100); do {asked} 2> /dev/null && exit; sleep 0.1; done; exit 1")


def _start_cache(served: Served, image: str, folder: Path, url: str, limit: int) -> None:
    """Start the container as the component does."""
    name = served.container("cache")
    cache = Cache.model_validate({"url": url, "username": USER, "password": UPSTREAM_PASSWORD})
    release = folder / "current"
    release.mkdir()
    files = {
        CONFIG: cache_config(cache.url_of("docker.io"), 5),
        SCRIPT: script_text(Path("components/caches/cache.sh")),
        PRINT_LOGIN: print_login(),
        LOGIN: login_text(cache),
    }
    for file, text in files.items():
        (release / file).write_text(text)
        (release / file).chmod(0o600)
        os.chown(release / file, 10001, 10001)
    given = words(volume=name, image=image, owner="10001:10001", path=DATA, folder="docker")
    run(["docker", "volume", "create", name])
    run(["sh", "-s", "--", *shlex.split(given)], stdin=with_payload(Path("components/storage/volume_owner.sh"), {}))
    limits = ["--user", "10001:10001", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp", "--memory", "256m"]  # noqa: S108
    mounts = ["--volume", f"{name}:{DATA}", "--volume", f"{folder}:/etc/private-registry:ro"]
    command = [image, f"/etc/private-registry/current/{SCRIPT}", str(limit), "1"]
    options = ["--network", served.network, "--env", "OTEL_TRACES_EXPORTER=none", "--entrypoint", "sh"]
    run(["docker", "run", "--detach", "--name", name, *limits, *mounts, *options, *command])


def _stop(served: Served) -> None:
    run(["docker", "rm", "--force", "--volumes", served.container("upstream"), served.container("cache")])
    run(["docker", "volume", "rm", "--force", served.container("cache")])


@contextmanager
def served_with_a_cache(
    name: str,
    images: Mapping[str, str],
    folders: pytest.TempPathFactory,
    users: Mapping[str, Login],
    anonymous: Sequence[str] = (),
    limit: int = _LIMIT_KIB,
) -> Iterator[Cached]:
    """Serve a registry and its cache while the body runs; ``limit`` is that of the cache, in KiB."""
    site, folder = (folders.mktemp(f"{name}-{one}") for one in ("site", "cache"))
    for one in (site, folder):
        one.chmod(0o755)
    served = Served(name, images, site)
    served.caches = {"docker.io": served.container("cache")}
    _stop(served)
    served.start(users, anonymous)
    served.configure(HASTY)
    registry = served.container("upstream")
    run(
        [*("docker", "run", "--detach", "--name", registry, "--network", served.network),
         *("--volume", f"{site}/config.yml:/etc/config.yml:ro", "--env", "OTEL_TRACES_EXPORTER=none"),
         *(images["registry"], "serve", "/etc/config.yml")]
    )  # fmt: skip
    try:
        with upstream(docker.gateway(served.network), (served.address("upstream"), 5000)) as door:
            _start_cache(served, images["registry"], folder, door.url, limit)
            cached = Cached(served, door, served.client())
            cached.wait()
            yield cached
    finally:
        _stop(served)
        served.stop()
