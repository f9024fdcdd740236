"""Packs the scripts that a state keeps: run ``python -m components.scripts.packing`` after a change."""

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path

from ..hosts import Reader
from ..private_registry import PrivateRegistry  # noqa: F401 - with it come all readers
from .packed import TABLE, digest
from .script import script_text

_COMPONENTS = Path(__file__).parents[1]
_RELEASES = _COMPONENTS / "hosts/releases.sh"
_OF_READERS = sorted({reader.script for reader in Reader.__subclasses__()})
_SCRIPTS = (
    [_RELEASES],
    *([script, _RELEASES] for script in _OF_READERS),
)
"""Each with the parts that stand before it."""


def texts() -> Iterator[str]:
    """Return the scripts that are to be packed."""
    for *parts, script in _SCRIPTS:
        yield script_text(script, parts)


def main() -> None:
    """Write the table."""
    lines = (f"{digest(text)} {base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()}\n" for text in texts())
    TABLE.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
