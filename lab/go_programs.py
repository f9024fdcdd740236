"""Programs that the tests alone need, each built from its Go module."""

from dataclasses import dataclass
from pathlib import Path

from lab.cache import built, digest_of
from lab.engine import go_build
from lab.places import LAB
from lab.run import step


@dataclass(frozen=True)
class GoPrograms:
    """What is built, and from what."""

    purpose: str
    name: str
    source: str
    """The folder with its ``go.mod``, below ``lab``."""
    packages: tuple[str, ...]
    """The packages of the programs, whose last names are those of the programs."""
    expected: str
    """How long that takes."""

    def ensure(self) -> Path:
        """Make its programs ready and return their folder.

        Raises:
            LabError: Go is missing, or the build failed.
        """
        with step(self.purpose) as chosen:
            folder = built(self._module.name, digest_of([self._module]), self._build)
            chosen.append(f"{self.name}, built from its Go module")
        return folder

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of the programs."""
        return tuple(Path(package).name for package in self.packages)

    @property
    def _module(self) -> Path:
        return LAB / self.source

    def _build(self, folder: Path) -> None:
        with step(f"  {self.name}", f"building from Go modules, {self.expected}"):
            for package, program in zip(self.packages, self.programs, strict=True):
                go_build(self._module, package, folder / program, cgo=False)
