"""The key that a host has to show, as people bring it: a key file, a line of known_hosts, what ssh-keyscan prints."""

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

WHERE = (
    "to see it: 'cat /etc/ssh/ssh_host_ed25519_key.pub' on the host itself, on its console or over a connection "
    "that is known already"
)

_PREFERRED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
_LINE = re.compile(
    r"(?:(?P<host>[^@#\s]\S*)\s+)??(?P<kind>(?:ssh|ecdsa|sk|webauthn)-[a-z0-9@.-]+)\s+(?P<key>[A-Za-z0-9+/]+={0,2})(?:\s.*)?"
)


def host_key(value: str) -> str:
    """Return kind and key alone; of several kinds of one host's keys, the first that is best.

    Raises:
        ValueError: There is no key that can be compared, or it is not clear which.
    """
    lines = [line.strip() for line in value.splitlines()]
    found = [_LINE.fullmatch(line) for line in lines if line and not line.startswith("#")]
    if not found or not all(found):
        raise ValueError(f"must be the type and the key, such as 'ssh-ed25519 AAAA…'; {WHERE}")
    keys = [match for match in found if match]
    if len({match["host"] for match in keys if match["host"] and not match["host"].startswith("|")}) > 1:
        raise ValueError("contains the keys of several hosts; keep only the key of this host")
    return _best([(match["kind"], match["key"]) for match in keys])


def _best(keys: list[tuple[str, str]]) -> str:
    for kind in _PREFERRED:
        same = {key for other, key in keys if other == kind}
        if len(same) > 1:
            raise ValueError(f"contains {len(same)} keys of the type {kind}; keep only the one that the host shows")
        if same:
            return _checked(kind, same.pop())
    raise ValueError(
        f"is a key of the type {keys[0][0]}, and only {', '.join(_PREFERRED)} can be compared "
        f"(ssh-rsa would use SHA-1, which OpenSSH refuses); {WHERE}"
    )


def _checked(kind: str, key: str) -> str:
    text = f"{kind} {key}"
    try:
        load_ssh_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"must be a complete public host key, and a part of this one is missing; {WHERE}") from None
    return text
