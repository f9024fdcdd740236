"""The proxy's users file."""

import base64
import re
from collections.abc import Mapping

import bcrypt

_BCRYPT_HASH = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

MAX_PASSWORD_BYTES = 72
"""bcrypt ignores what comes after, and the library refuses it."""


def bcrypt_cost(password_or_hash: str) -> int | None:
    """Return the cost of a bcrypt hash, or None for anything else."""
    match = _BCRYPT_HASH.fullmatch(password_or_hash)
    return int(match["cost"]) if match else None


def bcrypt_hash(password: str, salt: bytes, cost: int) -> str:
    """Hash a password with a given salt, so that the same password gives the same hash in every run.

    Args:
        password: At most 72 bytes in UTF-8.
        salt: 16 bytes.
        cost: The binary logarithm of the rounds, 4 to 31.

    Raises:
        ValueError: The password or the salt has a wrong length.
    """
    if len(salt) != 16:
        raise ValueError(f"a bcrypt salt has 16 bytes, not {len(salt)}")
    encoded = base64.b64encode(salt).rstrip(b"=").translate(bytes.maketrans(_STANDARD, _BCRYPT))
    return bcrypt.hashpw(password.encode(), b"$2b$%02d$%s" % (cost, encoded)).decode()


def htpasswd(hashes: Mapping[str, str]) -> str:
    """Render the users file from name -> bcrypt hash, sorted by name."""
    return "".join(f"{name}:{hashes[name]}\n" for name in sorted(hashes))
