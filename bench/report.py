"""Figures of several rounds, as they are printed: medians, all of them, and ratios beside what we aim at."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

Figures = Mapping[tuple[str, str], Sequence[float]]
"""Measure and contestant -> one figure for each round."""


class Aim(NamedTuple):
    """A ratio of two medians, and what we want it to be."""

    measure: str
    name: str
    other_measure: str
    other: str
    aim: float | None = None
    """None where there is nothing to aim at."""
    at_most: bool = False
    """Whether it is wanted to be at most that, instead of at least."""


def report(figures: Figures, aims: Sequence[Aim]) -> None:
    """Print all figures, and the ratios."""
    print(f"\n{'':<32}{'':<18}{'median':>10}  raw")
    for (measure, name), raw in figures.items():
        print(f"{measure:<32}{name:<18}{median(raw):>10.1f}  {' '.join(f'{one:.1f}' for one in raw)}")
    print(f"\n{'ratio':<84}{'is':>8}  aim")
    for measure, name, other_measure, other, aim, at_most in aims:
        ratio = median(figures[measure, name]) / median(figures[other_measure, other])
        words = f"{measure}, {name} / {other_measure}, {other}"
        wanted = f"{'at most' if at_most else 'at least'} {aim}" if aim else "-"
        print(f"{words:<84}{ratio:>8.2f}  {wanted}")
