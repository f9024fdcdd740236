"""Scripts in gzip: a state keeps each of them twice for every host.

What a library makes of a text differs from machine to machine, and a preview would show that as a change. So it is made
once, by ``python -m components.scripts.packing``, and lies in ``packed.txt``. A script that is not there goes as it is.
"""

import base64
import gzip
import hashlib
import re
from functools import lru_cache
from pathlib import Path

TABLE = Path(__file__).parent / "packed.txt"
"""A line ``DIGEST BASE64`` for each script."""

_END = "END-OF-SCRIPT"
_OPEN, _CLOSE = f"script=$(base64 -d <<'{_END}' | gzip -dc\n", f'\n{_END}\n) || exit\neval "$script"\n'
_PACKED = re.compile(re.escape(_OPEN) + "(.*)" + re.escape(_CLOSE))


def packed(text: str) -> str:
    """Return a shell script that does what a script does, shorter if that is in the table.

    The whole is there before anything runs: what broke off does not unpack.
    """
    content = _table().get(digest(text))
    return unpacking(content) if content else text


def unpacking(content: str) -> str:
    """Return a shell script that unpacks another one and runs it."""
    return f"{_OPEN}{content}{_CLOSE}"


def unpacked(text: str) -> str:
    """Return a text in which a packed script stands as it was."""
    return _PACKED.sub(lambda found: gzip.decompress(base64.b64decode(found[1])).decode(), text)


def digest(text: str) -> str:
    """Return what names a script in the table."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache
def _table() -> dict[str, str]:
    return dict(line.split(" ") for line in TABLE.read_text(encoding="utf-8").splitlines())
