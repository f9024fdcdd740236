"""actionlint, which reads the workflows as GitHub does: the one on PATH, else built from its Go module."""

import shutil
from pathlib import Path

from lab.cache import built, digest_of
from lab.engine import go_build
from lab.places import LAB

_MODULE = LAB / "plugins/actionlint"
_PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"


def actionlint() -> Path:
    """Return the program.

    Raises:
        LabError: There is none, and it can't be built.
    """
    found = shutil.which("actionlint")
    if found:
        return Path(found)

    def build(folder: Path) -> None:
        go_build(_MODULE, _PACKAGE, folder / "actionlint")

    return built("actionlint", digest_of([_MODULE]), build) / "actionlint"
