"""How nginx gets to serve a bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pulumi

from ..hosts import Reader


@dataclass(frozen=True)
class ReadByNginx(Reader):
    """nginx loads the bundle: the declared image checks it before it is live, and the container proves to serve it."""

    program: ClassVar[str] = "nginx"
    script: ClassVar[Path] = Path(__file__).parent / "nginx.sh"

    image: pulumi.Input[str]
    container: str
    network: pulumi.Input[str]
    https: str
    """The URL of what it serves with its certificate, as seen in its container."""
    generation: str
    """The URL by which it tells which configuration it has loaded."""
