"""Names in a sentence."""

from collections.abc import Sequence

_SHOWN = 3


def shortened(names: Sequence[str]) -> str:
    """Return names with commas between, and of many the first ones and how many more there are."""
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - _SHOWN
    return ", ".join(distinct) if more <= 1 else f"{', '.join(distinct[:_SHOWN])} and {more} more"
