"""The proxy's users file."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import bcrypt

_BCRYPT_HASH = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

MAX_BCRYPT_COST = 14
"""With a higher one a login would take seconds."""

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


@dataclass(frozen=True)
class Login:
    """Whose password is right, and what such a user may do."""

    hashes: Sequence[str]
    """bcrypt hashes, one of the password and perhaps one of the password before it."""
    access: str
    """``pull``, ``push`` (and pull), or ``admin`` (and delete)."""
    repositories: Sequence[str]
    """Each with all below it; ``*`` for all there are."""


def htpasswd(logins: Mapping[str, Login], anonymous: Sequence[str] = ()) -> str:
    """Render the users file, sorted by name: nginx reads the hashes, access.js the rights in the third field.

    Args:
        logins: User name -> what it takes to be that user, and what follows.
        anonymous: What may be pulled without a login, as ``Login.repositories``.
    """
    lines = [line for name in sorted(logins) for line in _lines(name, logins[name])]
    if anonymous:
        # No password has this hash.
        lines.append(f"~anonymous:!:pull {' '.join(anonymous)}")
    return "".join(f"{line}\n" for line in lines)


def _lines(name: str, login: Login) -> Iterator[str]:
    current, *before = login.hashes
    yield f"{name}:{current}:{' '.join([login.access, *login.repositories])}"
    # No user's name has this sign. nginx tries one hash for each name.
    yield from (f"{name}~previous:{old}" for old in before)
