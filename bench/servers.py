"""Throughput of one, two and three servers in front of one bucket, each capped to the same share of the processor."""

import hashlib
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from bench import contestants, measures
from bench.caps import Group, groups, idle
from bench.contestants import USER_ID, Contestant
from bench.docker import PREFIX, make_network, remove
from bench.report import Aim
from components.proxy.config import (
    CACHE,
    HTTPS_PORT,
    CacheConfig,
    login_config,
    login_scripts,
    nginx_config,
    padding,
    tls_listener,
)
from components.registry.config import PORT, registry_config
from lab import images, servers
from lab.docker import gateway
from lab.run import run
from tests.e2e.bucket import serving
from tests.scripts.served import own_cache

MOST = 3
CPUS = float(os.environ.get("SERVER_CPUS", "0.05"))
CLIENTS = 12
"""As many for each count of servers, spread evenly over their addresses."""
LAYER_BYTES = 20_000_000
_WARM_PULLS = 4
"""How often a client pulls its layer: what a cache answers would else be over too soon to be measured."""

WARM, COLD, PUSH = MEASURES = ("warm pull MB/s", "cold pull MB/s", "push MB/s")
_CAP, _IDLE = ": % of the caps", ": % of machine idle"
_AIMS = {2: 1.8, 3: 2.6}


def _name(count: int) -> str:
    return f"{count} server{'s' if count > 1 else ''}"


AIMS = [
    *(Aim(measure, _name(count), measure, _name(1), aim) for measure in MEASURES for count, aim in _AIMS.items()),
    *(Aim(measure + _CAP, _name(count), aim=90) for measure in MEASURES for count in (1, *_AIMS)),
]


@dataclass(frozen=True)
class _Server:
    group: Group
    contestant: Contestant


def measured(rounds: int) -> dict[tuple[str, str], list[float]]:
    """Return measure and count of servers -> a figure for each round."""
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, _running() as running:
        files = [Path(folder) / str(number) for number in range(CLIENTS)]
        each = [server.contestant for server in running]
        layers = [measures.prepare(each[:1], "bench/spread", file, LAYER_BYTES) for file in files]
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            counts = range(1, MOST + 1)
            for count in reversed(counts) if number % 2 else counts:
                _measure(running[:count], layers, files, figures)
    return figures


def _measure(
    running: Sequence[_Server], layers: list[str], files: list[Path], figures: dict[tuple[str, str], list[float]]
) -> None:
    """Measure so many servers. What they pulled while it was cold is warm after it."""
    asked = [server.contestant for server in running]
    for server in asked:
        server.prepare()
    tasks: dict[str, Callable[[], int]] = {
        COLD: lambda: _pull(asked, layers, 1),
        WARM: lambda: _pull(asked, layers, _WARM_PULLS),
        PUSH: lambda: _push(asked, files, digests),
    }
    digests = [_changed(file) for file in files]
    for measure, task in tasks.items():
        # The password is remembered then, so that its slow hash is not a part of it.
        measures.all_of([["--output", "/dev/null", f"{server.url}/v2/"] for server in asked], "login")
        _timed(running, measure, task, figures)


def _timed(
    running: Sequence[_Server],
    measure: str,
    task: Callable[[], int],
    figures: dict[tuple[str, str], list[float]],
) -> None:
    """Do it, and keep its speed, how much of their caps the servers used, and how much of the machine nobody did."""
    used, unused, started = sum(server.group.used for server in running), idle(), time.monotonic()
    size = task()
    seconds, name = time.monotonic() - started, _name(len(running))
    used = sum(server.group.used for server in running) - used
    figures[measure, name].append(size / 1e6 / seconds)
    figures[measure + _CAP, name].append(100 * used / seconds / sum(server.group.cpus for server in running))
    figures[measure + _IDLE, name].append(100 * (idle() - unused) / seconds / (os.cpu_count() or 1))


def _pull(asked: Sequence[Contestant], layers: Sequence[str], times: int) -> int:
    commands = []
    for number, digest in enumerate(layers):
        url = f"{asked[number % len(asked)].url}/v2/bench/spread/blobs/sha256:{digest}"
        commands.append(["--http1.1", *["--output", "/dev/null", url] * times])
    measures.all_of(commands, f"{len(asked)} servers")
    return len(layers) * times * LAYER_BYTES


def _push(asked: Sequence[Contestant], files: Sequence[Path], digests: Sequence[str]) -> int:
    with ThreadPoolExecutor(len(files)) as pool:
        pushed = [
            pool.submit(measures.upload, asked[number % len(asked)], "bench/push", file, digest)
            for number, (file, digest) in enumerate(zip(files, digests, strict=True))
        ]
    for one in pushed:
        one.result()
    return len(files) * LAYER_BYTES


def _changed(file: Path) -> str:
    """Change some bytes of a file, so that the registry does not have it; return its digest."""
    with file.open("r+b") as content:
        content.write(os.urandom(64))
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextmanager
def _running() -> Iterator[list[_Server]]:
    """Start as many as there are at most, in front of one bucket that has no cap."""
    remove()
    found = images.ensure()
    with groups(MOST, CPUS) as made, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        try:
            make_network(PREFIX)
            (root / "s3").mkdir()
            with serving(servers.S3.ensure(), root / "s3", gateway(PREFIX)) as bucket:
                registry, tls = registry_config("0" * 64, 1, bucket.driver), contestants.certificate()
                yield [_server(root, found, group, registry, tls) for group in made]
        finally:
            remove()


def _server(root: Path, found: dict[str, str], group: Group, registry: str, tls: dict[str, str]) -> _Server:
    """Start what one server runs, all of it in one group."""
    name = group.name.removeprefix(f"{PREFIX}-")
    folder, capped = root / name, ["--cgroup-parent", f"/{group.name}"]
    folder.mkdir()
    contestants.serve(folder, f"{name}-registry", found["registry"], yaml.safe_load(registry), capped)
    scripts = login_scripts(contestants.NAME, f"{PREFIX}-{name}-login")
    text = nginx_config(
        contestants.NAME,
        contestants.NAME,
        f"{PREFIX}-{name}-registry",
        PORT,
        scripts,
        layers_on_disk=False,
        cache=CacheConfig(10, "0"),
    )
    contestants.bundle(folder, "tls", {**tls, "listen.conf": tls_listener()})
    contestants.bundle(folder, "users", {"htpasswd": contestants.users(10)})
    contestants.bundle(
        folder, "site", {"nginx.conf": text, **scripts, "login.conf": login_config(), "padding": padding()}
    )
    cache = f"{PREFIX}-{name}-cache"
    own_cache(cache, found["registry"], USER_ID)
    nginx = partial(contestants.nginx, image=found["nginx"], folder=folder)
    nginx(f"{name}-login", config="login.conf", options=capped)
    nginx(f"{name}-proxy", config="nginx.conf", options=[*capped, "--volume", f"{cache}:{CACHE}"])
    empty = ["docker", "exec", f"{PREFIX}-{name}-proxy", "sh", "-c", f"rm -rf {CACHE}/?"]
    address = contestants.address(f"{name}-proxy")
    return _Server(group, Contestant(name, f"https://{address}:{HTTPS_PORT}", partial(run, empty)))
