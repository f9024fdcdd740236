"""Built once: a part is kept under the digest of what it is built from."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.places import CACHE
from lab.run import LabError, doing


def digest_of(sources: Sequence[Path], *more: str) -> str:
    """Return a digest of files and folders, names and contents, and of further text."""
    digest = hashlib.sha256("\0".join(more).encode())
    for source in sources:
        files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
        for file in files:
            digest.update(f"{file.relative_to(source.parent)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def alone(what: str, refusal: str) -> Iterator[None]:
    """Do something while nobody else on this machine does it, of another clone perhaps.

    Args:
        what: The name of that.
        refusal: What is said to whoever comes second.

    Raises:
        LabError: Somebody does it now.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{what}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(refusal) from None
        yield


def built(name: str, digest: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a part, after building it where that was not done before.

    Args:
        name: The part's name.
        digest: Stands for all that it is built from.
        build: Fills an empty folder.
    """
    target = CACHE / "parts" / f"{name}-{digest}"
    # It gets its name when it is whole, so nobody has to wait here for what others build.
    if target.is_dir():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        doing("waiting for another run of the lab, which builds something")
        fcntl.flock(lock, fcntl.LOCK_EX)
        doing("")
        if target.is_dir():
            return target
        building = CACHE / "building" / name
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        build(building)
        target.parent.mkdir(exist_ok=True)
        building.rename(target)
    return target
