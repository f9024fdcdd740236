"""``python -m bench``: all measures, the contestants in turn, medians of ``ROUNDS`` (5) with the raw figures.

``LARGE=1`` pushes 10 GiB instead, and prints how much memory that took. ``CLIENTS=10,100,1000`` places trust on so many
hosts instead, beside Ansible and pyinfra. ``SERVERS=1`` measures one, two and three servers with one bucket instead.
"""

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import clients, measures, servers
from bench.contestants import COLD, FILE_BYTES, LAYER_BYTES, WARM, Contestant, running
from bench.docker import PREFIX, alone
from bench.report import Aim, report
from lab import debian

ROUNDS = int(os.environ.get("ROUNDS", "5"))
_Figures = dict[tuple[str, str], list[float]]

PING, PING_99 = "GET /v2/ per second", "GET /v2/ p99 ms"
PULL, PULL_2, IMAGES, PUSH = "pull MB/s", "pull MB/s, HTTP/2", "16 images MB/s", "push MB/s"
ATTACKED = ", 4 guess"
ATTACKED_64 = ", 64 guess"
CONNECTIONS = {"recipe": 4}
"""The recipe at cost 10 would leave more than these waiting longer than it answers; the others get 16."""

_AIMS = (
    Aim(PING, "ours", PING, "ours, no login", 0.9),
    Aim(PING, "ours", PING, "recipe", 50),
    Aim(PING + ATTACKED, "ours", PING, "ours", 0.5),
    Aim(PING_99 + ATTACKED, "ours", PING_99, "ours", 3, at_most=True),
    Aim(PING + ATTACKED_64, "ours", PING, "ours"),
    Aim(PING + ATTACKED, "recipe, cost 4", PING, "recipe, cost 4"),
    Aim(PULL, "ours", PULL, "recipe, cost 4", 1.3),
    Aim(PULL, "ours", PULL, "static file", 0.8),
    Aim(PULL, "ours, bucket warm", PULL, "static file", 0.8),
    Aim(PULL, "ours, bucket warm", PULL, "ours"),
    Aim(PULL, "ours, bucket cold", PULL, "registry, bucket"),
    Aim(PULL_2, "ours", PULL_2, "recipe, cost 4"),
    Aim(IMAGES, "ours", IMAGES, "recipe, cost 4"),
    Aim(IMAGES, "ours, bucket warm", IMAGES, "static file", 0.8),
    Aim(IMAGES, "ours, bucket warm", IMAGES, "ours"),
    Aim(IMAGES, "ours, bucket cold", IMAGES, "registry, bucket"),
    Aim(PUSH, "ours", PUSH, "recipe, cost 4", 1.35),
    Aim(PUSH, "ours", PUSH, "registry alone", 0.85),
    Aim(PUSH, "ours", PUSH, "registry, own TLS"),
)


def main() -> None:
    """Measure and print."""
    with alone():
        _measure()


def _measure() -> None:
    if counts := os.environ.get("CLIENTS"):
        numbers = [int(count) for count in counts.split(",")]
        report(clients.measured(numbers, ROUNDS), clients.aims(numbers))
        return
    if os.environ.get("SERVERS"):
        report(servers.measured(ROUNDS), servers.AIMS)
        return
    debian.install("wrk", "wrk")
    with tempfile.TemporaryDirectory() as folder, running() as contestants:
        if os.environ.get("LARGE"):
            _large(contestants["ours"])
            return
        file = Path(folder) / "layer"
        registries = [contestants["registry alone"], contestants["registry, bucket"]]
        layers = [
            measures.prepare(registries, "bench/images", file, LAYER_BYTES)
            for _ in range(measures.IMAGES * measures.LAYERS)
        ]
        digest = measures.prepare(registries, "bench/pull", file, FILE_BYTES)
        warm = contestants[WARM]
        measures.pull(warm, digest)
        measures.pull_images(warm, layers)
        figures: _Figures = defaultdict(list)
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", flush=True)
            _Round(contestants, figures, backwards=number % 2 == 1).measure(file, digest, layers)
    report(figures, _AIMS)


class _Round:
    """Each contestant once in each measure; every other round in the opposite order."""

    def __init__(self, contestants: dict[str, Contestant], figures: _Figures, *, backwards: bool) -> None:
        self._contestants, self._figures, self._backwards = contestants, figures, backwards

    def measure(self, file: Path, digest: str, layers: list[str]) -> None:
        self._pings("", ("ours", "ours, no login", "recipe, cost 4", "recipe"), measures.ping)
        for words, attackers in ((ATTACKED, 4), (ATTACKED_64, 64)):
            self._pings(
                words,
                ("ours", "recipe, cost 4") if attackers == 4 else ("ours",),
                lambda one, own, attackers=attackers: measures.attacked_ping(one, own, attackers),  # type: ignore[misc]
            )
        # What the cold one has written is still on its way to the disk, so it has a neighbour that does not read there.
        pulling = ("ours", "recipe, cost 4", "static file", "registry alone", WARM, "registry, bucket", COLD)
        self._each(PULL, pulling, lambda one: measures.pull(one, digest))
        self._each(PULL_2, pulling[:3], lambda one: measures.pull(one, digest, "--http2"))
        self._each(IMAGES, pulling, lambda one: measures.pull_images(one, layers))
        pushing = ("ours", "recipe, cost 4", "registry alone", "registry, own TLS")
        self._each(PUSH, pushing, lambda one: measures.push(one, file))

    def _each(self, measure: str, names: Sequence[str], once: Callable[[Contestant], float]) -> None:
        for name in reversed(names) if self._backwards else names:
            self._figures[measure, name].append(once(self._contestants[name]))

    def _pings(self, words: str, names: Sequence[str], once: Callable[[Contestant, int], measures.Answers]) -> None:
        for name in reversed(names) if self._backwards else names:
            answers = once(self._contestants[name], CONNECTIONS.get(name, 16))
            self._figures[PING + words, name].append(answers.per_second)
            self._figures[PING_99 + words, name].append(answers.p99_ms)


def _large(ours: Contestant) -> None:
    memory = measures.push_large(ours, [f"{PREFIX}-ours", f"{PREFIX}-registry"])
    print(f"\n{measures.LARGE_BYTES >> 30} GiB, resident memory in MiB, sampled each second")
    for container, raw in memory.items():
        tenths = [raw[len(raw) * part // 10] for part in range(10)]
        print(
            f"{container:<32}peak {max(raw):>7.1f}  every tenth of the time {' '.join(f'{one:.1f}' for one in tenths)}"
        )


if __name__ == "__main__":
    main()
