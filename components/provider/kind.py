"""What a kind of resource of this provider does."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

Values = Mapping[str, Any]
Failures = Mapping[str, Sequence[str]]
"""Client -> why it failed."""
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
    failures: Failures = field(default_factory=dict)
    """The engine keeps the outputs all the same, and the next update goes on from there."""
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()


class Kind(ABC):
    """One type of resource."""

    name: ClassVar[str]
    """The last part of its type token."""
    still_works: ClassVar[str]
    """What still works where a client has failed."""

    @abstractmethod
    def changed(self, last: Last, inputs: Values) -> list[str]:
        """Return the inputs that change, and what else there is to do, by name; nothing where all is well."""

    @abstractmethod
    async def update(self, last: Last, inputs: Values, tell: Tell) -> Result:
        """Make it so."""

    @abstractmethod
    async def delete(self, last: Last, tell: Tell) -> Failures:
        """Take it away; return what failed."""


def differing(last: Last, inputs: Values) -> list[str]:
    """Return the names of the inputs that differ from those of the last update."""
    return sorted(key for key in {*last.inputs, *inputs} if last.inputs.get(key) != inputs.get(key))
