"""Who sees to it that there is another certificate in time: as data, since each reader has words of its own for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

By = Literal["update", "server", "you"]


@dataclass(frozen=True)
class Renewal:
    """Who sees to it that there is another certificate in time."""

    by: By
    """An update, the server alone, or who brings the certificate along."""
    days: int | None = None
    """Of an update: how many days before its end."""

    @property
    def told(self) -> dict[str, str | int]:
        """What outputs and components say."""
        return {"by": self.by, **({} if self.days is None else {"days": self.days})}

    @classmethod
    def read(cls, told: object) -> Self | None:
        """Return what was told; None for nothing, and for what this version does not say."""
        if not isinstance(told, Mapping) or told.get("by") not in get_args(By):
            return None
        days = told.get("days")
        if (told["by"] == "update") != isinstance(days, (int, float)):
            return None
        return cls(told["by"], None if days is None else int(days))
