"""Built once: a part is kept under the digest of what it is built from."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.places import CACHE


def digest_of(sources: Sequence[Path], *more: str) -> str:
    """Return a digest of files and folders, names and contents, and of further text."""
    digest = hashlib.sha256("\0".join(more).encode())
    for source in sources:
        files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
        for file in files:
            digest.update(f"{file.relative_to(source.parent)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def built(name: str, digest: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a part, after building it where that was not done before.

    Args:
        name: The part's name.
        digest: Stands for all that it is built from.
        build: Fills an empty folder.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    target = CACHE / "parts" / f"{name}-{digest}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        building = CACHE / "building" / name
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        build(building)
        target.parent.mkdir(exist_ok=True)
        building.rename(target)
    return target
