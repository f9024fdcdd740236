"""What a client may be given besides trust: a login, and caches of other registries."""

import base64
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field

from .host_file import Facts, Refused


@dataclass(frozen=True)
class Login:
    """A user's entry in the runtime's own file for logins."""

    user: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """Return what the header ``Authorization`` has."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


@dataclass(frozen=True)
class Access:
    """What comes with trust."""

    login: Login | None = None
    former: Login | None = None
    """What the stack has written before, to be replaced, where that is known."""
    former_names: Sequence[str] = ()
    """What the registry was called then."""
    caches: Sequence[str] = ()
    """The other registries, as names of images start with them, whose images come from our caches."""


TRUST = Access()
"""Trust alone."""


def refuse_readable(path: str, facts: Facts) -> None:
    """Refuse to write a password into a file of others that each user may read.

    Raises:
        Refused: It says what to do.
    """
    there = facts.files.get(path)
    if there and int(there.mode, 8) & 0o077:
        folder = posixpath.dirname(path)
        raise Refused(
            f"{path} has mode {there.mode}, so each user of this host could read the password. First: chmod 600 {path} "
            f"(and check who may read {folder})"
        )
