"""A password, or its hash, as people bring it: by itself, or as the lines that ``htpasswd`` writes."""

import re

from ..proxy.login.htpasswd import bcrypt_cost

_HASH = re.compile(
    r"\$(?:2[abxy]?|1|3|5|6|7|8|y|gy|apr1|md5|sha1|scrypt|argon2(?:i|d|id)|(?:pbkdf2|bcrypt)[a-z0-9-]*)\$.*"
    r"|\{(?:S?SHA[0-9]*|S?MD5|CRYPT|PLAIN|BLF-CRYPT|bcrypt|ARGON2[A-Z]*|PBKDF2[A-Z0-9-]*)\}.+",
    re.IGNORECASE,
)
_LINE = re.compile(rf"(?P<name>[^:\s]+):\s*(?P<hash>{_HASH.pattern})", re.IGNORECASE)
_BCRYPT = re.compile(r"\$2[abxy]?\$.*", re.IGNORECASE)
_DES = re.compile(r"[./A-Za-z0-9]{13}")
_INSTEAD = "use the password itself, or the output of 'htpasswd -nB NAME'"


def password_or_hash(text: str, name: str | None) -> str:
    """Return what is meant: the password as it came, or a bcrypt hash by itself.

    Args:
        text: As it came.
        name: The user's; None where that is a mistake itself.

    Raises:
        ValueError: It is the hash of somebody else, or of a kind that nginx can't compare everywhere.
    """
    lines = [_undone(line) for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    if lines and all(map(_LINE.fullmatch, lines)):
        return _bcrypt(_of_user(lines, name))
    if len(lines) == 1 and (_HASH.fullmatch(lines[0]) or (name and _is_des_of(name, lines[0]))):
        return _bcrypt(lines[0])
    return text


def _undone(line: str) -> str:
    """Return a line without what a shell or a compose file wants around it: quotes, and each `$` twice."""
    quoted = len(line) > 1 and line[0] == line[-1] and line[0] in "'\""
    return (line[1:-1] if quoted else line).replace("$$", "$")


def _of_user(lines: list[str], name: str | None) -> str:
    own = {hashed.strip() for owner, _, hashed in (line.partition(":") for line in lines) if owner == name}
    if not own:
        raise ValueError(
            f"contains {'lines' if len(lines) > 1 else 'a line'} of an htpasswd file, but no line of this user; "
            f"{_INSTEAD}"
        )
    if len(own) > 1:
        raise ValueError("contains several lines of this user; keep only one")
    return own.pop()


def _is_des_of(name: str, line: str) -> bool:
    """Return whether a line is what ``htpasswd -d`` prints; by itself it could be any password."""
    owner, _, rest = line.partition(":")
    return owner == name and _DES.fullmatch(rest) is not None


def _bcrypt(hashed: str) -> str:
    if bcrypt_cost(hashed) is not None:
        return hashed
    if _BCRYPT.fullmatch(hashed):
        raise ValueError(
            "looks like a bcrypt hash but is not one: $2a$, $2b$ or $2y$, two digits, $, 53 characters; "
            "a shell or a compose file can remove its '$'"
        )
    raise ValueError(f"is a hash, and only bcrypt hashes are accepted; {_INSTEAD}")
