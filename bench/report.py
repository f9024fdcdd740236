"""Figures of several rounds, as they are printed: medians, all of them, and ratios beside what we aim at."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

Figures = Mapping[tuple[str, str], Sequence[float]]
"""Measure and contestant -> one figure for each round."""


class Aim(NamedTuple):
    """A ratio of two medians, or a median where there is no other, and what we want it to be."""

    measure: str
    name: str
    other_measure: str = ""
    other: str = ""
    aim: float | None = None
    """None where there is nothing to aim at."""
    at_most: bool = False
    """Whether it is wanted to be at most that, instead of at least."""


def report(figures: Figures, aims: Sequence[Aim]) -> None:
    """Print all figures, and the ratios."""
    width = max(len(measure) for measure, _ in figures) + 2
    print(f"\n{'':<{width}}{'':<18}{'median':>10}  raw")
    for (measure, name), raw in figures.items():
        print(f"{measure:<{width}}{name:<18}{median(raw):>10.1f}  {' '.join(f'{one:.1f}' for one in raw)}")
    said = [_judged(figures, aim) for aim in aims if (aim.measure, aim.name) in figures]
    width = max(len(words) for words, _, _ in said) + 2
    print(f"\n{'ratio':<{width}}{'is':>8}  aim")
    for words, value, wanted in said:
        print(f"{words:<{width}}{value:>8.2f}  {wanted}")


def _judged(figures: Figures, aim: Aim) -> tuple[str, float, str]:
    value, words = median(figures[aim.measure, aim.name]), f"{aim.measure}, {aim.name}"
    if aim.other:
        value /= median(figures[aim.other_measure, aim.other])
        words += f" / {aim.other}" if aim.other_measure == aim.measure else f" / {aim.other_measure}, {aim.other}"
    return words, value, f"{'at most' if aim.at_most else 'at least'} {aim.aim}" if aim.aim else "-"
