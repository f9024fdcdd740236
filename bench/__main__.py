"""``python -m bench``: all measures, the contestants in turn, medians of ``ROUNDS`` (5) with the raw figures."""

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench import measures
from bench.contestants import FILE_BYTES, Contestant, running
from lab import debian

ROUNDS = int(os.environ.get("ROUNDS", "5"))
Figures = dict[tuple[str, str], list[float]]
"""Measure and contestant -> one figure for each round."""

_AIMS = (
    # measure, contestant, beside which measure and contestant, aim, at most instead of at least
    ("GET /v2/ per second", "ours", "GET /v2/ per second", "ours, no login", 0.9, False),
    ("GET /v2/ per second", "ours", "GET /v2/ per second", "recipe", 50, False),
    ("GET /v2/ per second, attacked", "ours", "GET /v2/ per second", "ours", 0.5, False),
    ("GET /v2/ p99 ms, attacked", "ours", "GET /v2/ p99 ms", "ours", 3, True),
    ("GET /v2/ per second, attacked", "recipe, cost 4", "GET /v2/ per second", "recipe, cost 4", 0.5, False),
    ("pull MB/s", "ours", "pull MB/s", "recipe, cost 4", 1.3, False),
    ("pull MB/s", "ours", "pull MB/s", "static file", 0.8, False),
    ("push MB/s", "ours", "push MB/s", "recipe, cost 4", 1.35, False),
    ("push MB/s", "ours", "push MB/s", "registry alone", 0.85, False),
)


def main() -> None:
    """Measure and print."""
    debian.install("wrk", "wrk")
    with tempfile.TemporaryDirectory() as folder, running() as contestants:
        file = Path(folder) / "layer"
        file.write_bytes(os.urandom(FILE_BYTES))
        digest = measures.prepare(contestants["registry alone"], file)
        figures: Figures = defaultdict(list)
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", flush=True)
            _round(contestants, file, digest, figures)
    _print(figures)


def _round(contestants: dict[str, Contestant], file: Path, digest: str, figures: Figures) -> None:
    def each(names: tuple[str, ...], measure: str, once: Callable[[Contestant], float]) -> None:
        for name in names:
            figures[measure, name].append(once(contestants[name]))

    for name in ("ours", "ours, no login", "recipe, cost 4", "recipe"):
        # The recipe at cost 10 would leave more connections waiting than it answers.
        answers = measures.ping(contestants[name], 4 if name == "recipe" else 16)
        figures["GET /v2/ per second", name].append(answers.per_second)
        figures["GET /v2/ p99 ms", name].append(answers.p99_ms)
    for name in ("ours", "recipe, cost 4"):
        answers = measures.attacked_ping(contestants[name])
        figures["GET /v2/ per second, attacked", name].append(answers.per_second)
        figures["GET /v2/ p99 ms, attacked", name].append(answers.p99_ms)
    each(("ours", "recipe, cost 4", "registry alone"), "push MB/s", lambda one: measures.push(one, file))
    each(
        ("ours", "recipe, cost 4", "static file", "registry alone"),
        "pull MB/s",
        lambda one: measures.pull(one, digest),
    )


def _print(figures: Figures) -> None:
    print(f"\n{'':<32}{'':<18}{'median':>10}  raw")
    for (measure, name), raw in figures.items():
        print(f"{measure:<32}{name:<18}{median(raw):>10.1f}  {' '.join(f'{one:.1f}' for one in raw)}")
    print(f"\n{'ratio':<84}{'is':>8}  aim")
    for measure, name, other_measure, other, aim, at_most in _AIMS:
        ratio = median(figures[measure, name]) / median(figures[other_measure, other])
        words = f"{measure}, {name} / {other_measure}, {other}"
        print(f"{words:<84}{ratio:>8.2f}  {'at most' if at_most else 'at least'} {aim}")


if __name__ == "__main__":
    main()
