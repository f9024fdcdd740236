"""A real ACME authority for the tests, and the name server that it asks: pebble, built from its Go module."""

from pathlib import Path

from lab.cache import built, digest_of
from lab.engine import go_build
from lab.places import LAB
from lab.run import step

_SOURCE = LAB / "acme"
_MODULE = "github.com/letsencrypt/pebble/v2/cmd"


def ensure() -> Path:
    """Make both programs ready and return their folder.

    Raises:
        LabError: Go is missing, or the build failed.
    """
    with step("ACME authority") as chosen:
        folder = built("acme", digest_of([_SOURCE]), _build)
        chosen.append("pebble, built from its Go module")
    return folder


def _build(folder: Path) -> None:
    with step("  pebble", "building from Go modules, some seconds"):
        for program in ("pebble", "pebble-challtestsrv"):
            go_build(_SOURCE, f"{_MODULE}/{program}", folder / program, cgo=False)
