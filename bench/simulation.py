"""``python -m bench.simulation``: how long hosts wait that all pull an image at once; the tables of docs/scale.md.

A small discrete-event simulation. What a server does in a second is what ``make bench`` measured, unless its network is
slower. Hosts are alike: where there are many, each simulated one stands for as many others.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WARM_MB = 1464.9
"""Pulls from nginx's cache, MB a second of one server. This one and the next three: medians of bench/README.md."""
COLD_MB = 546.0
"""Pulls of one server that gets the layer from the bucket first."""
BUCKET_MB = 1521.5
"""What the bucket gives all servers together."""
REQUESTS = 6258.9
"""Requests a second that one server answers, each with a login."""

PARALLEL = 3
"""Layers that a host pulls at the same time, as Docker and containerd do by default."""
HOST_GBIT = 1
IMAGE = (60.0,) * 5
"""MB of each layer of the image."""
HOSTS = (1_000, 10_000, 100_000)
_OTHER_REQUESTS = 3
"""Of a host: the tag, the manifest, the image's configuration."""
_USABLE = 0.94
"""The part of a network that is not headers of Ethernet, IP and TCP."""
_MOST_SIMULATED = 120
"""So each of 1 to 6 servers has as many hosts as another one."""
_NOTHING = 1e-9


def of_link(gigabit: float) -> float:
    """Return the MB a second that a network carries."""
    return gigabit * 1000 / 8 * _USABLE


@dataclass(frozen=True)
class Deploy:
    """Hosts that pull the same image at the same moment, each from one of the servers."""

    hosts: int
    layers: Sequence[float]
    """MB of each layer that they do not have."""
    servers: int
    server_mb: float
    """What a server sends in a second."""
    host_mb: float
    """What a host receives in a second."""
    fetch_mb: float = COLD_MB
    """What a server gets in a second from where the layers are; it gets each layer once."""
    source_mb: float = BUCKET_MB
    """What that place gives all servers together."""
    requests: float = REQUESTS


@dataclass
class _Transfer:
    """A layer on its way to a host, or to a server where there is no host."""

    server: int
    layer: int
    left: float
    """MB that are not there yet."""
    host: int | None = None
    rate: float = 0.0


def last_host(deploy: Deploy) -> float:
    """Return after how many seconds the last host has all layers."""
    simulation = _Simulation(deploy)
    while simulation.goes_on:
        simulation.step()
    return simulation.time


class _Simulation:
    """From one event, the end of a transfer, to the next one."""

    def __init__(self, deploy: Deploy) -> None:
        self.time = 0.0
        self._deploy = deploy
        hosts = min(deploy.hosts, _MOST_SIMULATED)
        # Each simulated host gets of a server what all those get that it stands for, divided by how many they are.
        self._server_mb = deploy.server_mb * hosts / deploy.hosts
        extra = deploy.server_mb / deploy.requests
        others = extra * _OTHER_REQUESTS / max(1, len(deploy.layers))
        self._sizes = [size + extra + others for size in deploy.layers]
        self._queues = {host: list(range(len(deploy.layers))) for host in range(hosts)}
        self._fetches = [
            _Transfer(server, layer, size)
            for server in range(min(hosts, deploy.servers))
            for layer, size in enumerate(deploy.layers)
        ]
        self._pulls: list[_Transfer] = []

    @property
    def goes_on(self) -> bool:
        """Whether a host waits for a layer."""
        return bool(self._pulls or any(self._queues.values()))

    def step(self) -> None:
        """Go to the next event."""
        self._begin()
        missing = {(fetch.server, fetch.layer) for fetch in self._fetches}
        # A pull of a layer that its server does not have yet waits, as nginx lets one request get it for all.
        moving = [pull for pull in self._pulls if (pull.server, pull.layer) not in missing]
        self._share(moving)
        passed = min(transfer.left / transfer.rate for transfer in [*moving, *self._fetches])
        for transfer in [*moving, *self._fetches]:
            transfer.left -= passed * transfer.rate
        self.time += passed
        self._pulls = [pull for pull in self._pulls if pull.left > _NOTHING]
        self._fetches = [fetch for fetch in self._fetches if fetch.left > _NOTHING]

    def _begin(self) -> None:
        busy = Counter(pull.host for pull in self._pulls)
        for host, queue in self._queues.items():
            free = PARALLEL - busy[host]
            for layer in queue[:free]:
                self._pulls.append(_Transfer(host % self._deploy.servers, layer, self._sizes[layer], host))
            del queue[:free]

    def _share(self, moving: Sequence[_Transfer]) -> None:
        """Give each transfer an equal share of the narrowest place on its way."""
        of_server = Counter(pull.server for pull in moving)
        of_host = Counter(pull.host for pull in moving)
        for pull in moving:
            pull.rate = min(self._server_mb / of_server[pull.server], self._deploy.host_mb / of_host[pull.host])
        fetching = Counter(fetch.server for fetch in self._fetches)
        for fetch in self._fetches:
            own = min(self._deploy.fetch_mb, self._deploy.source_mb / len(fetching))
            fetch.rate = own / fetching[fetch.server]


def by_peers(hosts: int, size: float, host_mb: float) -> float:
    """Return the seconds until all have it where each that has it sends it to one other at a time.

    Nothing that shares whole layers is faster.
    """
    return math.ceil(math.log2(hosts + 1)) * size / host_mb


def from_servers(hosts: int, layers: Sequence[float], servers: int, gigabit: float) -> float:
    """Return the seconds of a deploy from the registry's servers, each with that network."""
    link = of_link(gigabit)
    fetch = min(COLD_MB, link)
    return last_host(Deploy(hosts, layers, servers, min(WARM_MB, link), of_link(HOST_GBIT), fetch))


def from_sites(hosts: int, layers: Sequence[float], sites: int, to_site: float, within: float) -> float:
    """Return the seconds with a pull-through cache at each site; the networks to a site and within it in Gbit/s."""
    cache = min(WARM_MB, of_link(within))
    # The registry is one server at 10 Gbit/s, from which each cache pulls once.
    source = min(WARM_MB, of_link(10))
    return last_host(Deploy(hosts, layers, sites, cache, of_link(HOST_GBIT), of_link(to_site), source))


def _said(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _table(head: Sequence[str], columns: Sequence[Callable[[int, Sequence[float]], float]]) -> str:
    lines = [f"| hosts | layers they lack | {' | '.join(head)} |", "|---" * (len(head) + 2) + "|"]
    for hosts in HOSTS:
        for words, layers in (("1 of 5", IMAGE[:1]), ("all", IMAGE)):
            cells = [_said(column(hosts, layers)) for column in columns]
            lines.append(f"| {hosts:,} | {words} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def tables() -> list[str]:
    """Return the tables of the page."""
    servers = [(count, gigabit) for count in (1, 3) for gigabit in (1, 10, 25)]
    head = [f"{count} server{'s' if count > 1 else ''}, {gigabit} Gbit/s" for count, gigabit in servers]
    direct = _table(head, [_direct(*one) for one in servers])
    sites = _table([f"{count} sites" for count in (10, 100)], [_sites(count) for count in (10, 100)])
    peers = _table(["from each other"], [lambda hosts, layers: by_peers(hosts, sum(layers), of_link(HOST_GBIT))])
    return [direct, sites, peers]


def _direct(servers: int, gigabit: float) -> Callable[[int, Sequence[float]], float]:
    return lambda hosts, layers: from_servers(hosts, layers, servers, gigabit)


def _sites(count: int) -> Callable[[int, Sequence[float]], float]:
    return lambda hosts, layers: from_sites(hosts, layers, count, 1, 10)


if __name__ == "__main__":
    print("\n".join(tables()))
