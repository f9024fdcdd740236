"""What a kind of resource of this provider does."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

Values = Mapping[str, Any]
Tell = Callable[[str], None]
"""Shows a line while the work goes on."""


@dataclass(frozen=True)
class Last:
    """What the last update left of a resource: nothing before the first."""

    inputs: Values = field(default_factory=dict)
    outputs: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What an update has made of a resource."""

    outputs: Values
    failures: list[str] = field(default_factory=list)
    """What failed; the engine keeps the outputs all the same, and the next update goes on from there."""
    warnings: list[str] = field(default_factory=list)


class Kind(ABC):
    """One type of resource."""

    name: ClassVar[str]
    """The last part of its type token."""

    @abstractmethod
    def changed(self, last: Last, inputs: Values) -> list[str]:
        """Return the inputs that change, and what else there is to do, by name; nothing where all is well."""

    @abstractmethod
    async def update(self, last: Last, inputs: Values, tell: Tell) -> Result:
        """Make it so."""

    @abstractmethod
    async def delete(self, last: Last, tell: Tell) -> list[str]:
        """Take it away; return what failed."""


def differing(last: Last, inputs: Values) -> list[str]:
    """Return the names of the inputs that differ from those of the last update."""
    return sorted(key for key in {*last.inputs, *inputs} if last.inputs.get(key) != inputs.get(key))
