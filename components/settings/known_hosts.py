"""The host keys that a known_hosts file has (https://man.openbsd.org/sshd#SSH_KNOWN_HOSTS_FILE_FORMAT)."""

import shlex
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Self

from .host_keys import host_key

if TYPE_CHECKING:
    from asyncssh import SSHKnownHosts


class KnownHosts(NamedTuple):
    """A known_hosts file."""

    name: str
    """The file, as it was given."""
    text: str

    def checked(self) -> Self:
        """Return it.

        Raises:
            ValueError: A line of it can't be read; says which, and does not show it.
        """
        _parsed(self.name, self.text)
        return self

    def key_of(self, host: str, port: int) -> str:
        """Return the best of a host's keys, without those that are revoked.

        Raises:
            ValueError: There is none, or it is not clear which; says what to do.
        """
        place = host if port == _SSH else f"[{host}]:{port}"
        keys, authorities, revoked, *_ = _parsed(self.name, self.text).match(host, "", None if port == _SSH else port)
        left = [key for key in keys if key.public_data not in {one.public_data for one in revoked}]
        if not left:
            raise ValueError(
                f"{self.name} {_lacks(place, bool(authorities), bool(revoked))}; {self._added(host, port)}"
            )
        try:
            return host_key("\n".join(key.export_public_key("openssh").decode() for key in left))
        except ValueError as error:
            raise ValueError(f"{self.name}, key of {place}: {error}; {self._added(host, port)}") from None

    def _added(self, host: str, port: int) -> str:
        more = "" if port == _SSH else f"-p {port} "
        return (
            f"set hostKey, or add a line of 'ssh-keyscan -t ed25519,ecdsa {more}{shlex.quote(host)}' to the file after "
            "you have compared it with the key on the host itself"
        )


_SSH = 22


def _lacks(place: str, has_authority: bool, has_revoked: bool) -> str:
    if has_revoked:
        return f"marks the key of {place} as @revoked: find out why the host must not be trusted"
    if has_authority:
        return f"has only a CA for {place} (@cert-authority), and no key of the host itself"
    return f"has no key of {place}"


@lru_cache(maxsize=8)
def _parsed(name: str, text: str) -> "SSHKnownHosts":
    # Loaded where it is needed: most stacks name each host's key.
    from asyncssh import import_known_hosts

    try:
        return import_known_hosts(text)
    except ValueError:
        for number, line in enumerate(text.splitlines(), 1):
            _check(name, number, line)
        raise


def _check(name: str, number: int, line: str) -> None:
    from asyncssh import import_known_hosts

    try:
        import_known_hosts(line)
    except ValueError:
        # The library's own words quote the line, and this may be another file than was meant.
        raise ValueError(
            f"{name}:{number} is no line of a known_hosts file: HOST[,HOST…] TYPE KEY, such as what ssh-keyscan prints"
        ) from None
