"""How the registry gets to read a bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pulumi

from ..hosts import Reader


@dataclass(frozen=True)
class ReadByRegistry(Reader):
    """The registry reads the bundle: the declared image has to start with it before it is live."""

    program: ClassVar[str] = "registry"
    script: ClassVar[Path] = Path(__file__).parent / "registry.sh"

    image: pulumi.Input[str]
    probe: str
    """The URL that it has to answer."""
