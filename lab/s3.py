"""A real S3-compatible server, for the tests of a backend that a team shares: versitygw, built from its Go module."""

from pathlib import Path

from lab.cache import built, digest_of
from lab.engine import go_build
from lab.places import LAB
from lab.run import step

_SOURCE = LAB / "s3"


def ensure() -> Path:
    """Make the server ready and return its program.

    Raises:
        LabError: Go is missing, or the build failed.
    """
    with step("S3 server") as chosen:
        folder = built("s3", digest_of([_SOURCE]), _build)
        chosen.append("versitygw, built from its Go module")
    return folder / "versitygw"


def _build(folder: Path) -> None:
    with step("  versitygw", "building from Go modules, about a minute on 2 cores"):
        go_build(_SOURCE, "github.com/versity/versitygw/cmd/versitygw", folder / "versitygw", cgo=False)
