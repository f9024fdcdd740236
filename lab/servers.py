"""Real servers that the tests alone need, each built from its Go module."""

from dataclasses import dataclass
from pathlib import Path

from lab.cache import built, digest_of
from lab.engine import go_build
from lab.places import LAB
from lab.run import step


@dataclass(frozen=True)
class Server:
    """What is built, and from what."""

    purpose: str
    name: str
    source: str
    """The folder with its ``go.mod``."""
    programs: tuple[str, ...]
    """The packages, whose last names are those of the programs."""
    expected: str
    """How long that takes."""

    def ensure(self) -> Path:
        """Make its programs ready and return their folder.

        Raises:
            LabError: Go is missing, or the build failed.
        """
        with step(self.purpose) as chosen:
            folder = built(self.source, digest_of([self._module]), self._build)
            chosen.append(f"{self.name}, built from its Go module")
        return folder

    @property
    def _module(self) -> Path:
        return LAB / "servers" / self.source

    def _build(self, folder: Path) -> None:
        with step(f"  {self.name}", f"building from Go modules, {self.expected}"):
            for package in self.programs:
                go_build(self._module, package, folder / Path(package).name, cgo=False)


PEBBLE = Server(
    "ACME CA",
    "pebble",
    "acme",
    tuple(f"github.com/letsencrypt/pebble/v2/cmd/{program}" for program in ("pebble", "pebble-challtestsrv")),
    "some seconds",
)
"""An authority like a public one, and the name server that it asks."""

STEP_CA = Server(
    "private ACME CA",
    "step-ca",
    "step-ca",
    ("github.com/smallstep/certificates/cmd/step-ca",),
    "about a minute on 2 cores",
)
"""One that a team runs for itself, whose root nobody knows by default."""

S3 = Server(
    "S3 server", "versitygw", "s3", ("github.com/versity/versitygw/cmd/versitygw",), "about a minute on 2 cores"
)
"""An S3-compatible server, for the images and for a backend that a team shares."""

ALL = (S3, PEBBLE, STEP_CA)
