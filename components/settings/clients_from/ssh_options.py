"""What options of the program ssh say of the way to a host (https://man.openbsd.org/ssh)."""

import re
import shlex
from typing import Any

from .entry import Jump

_FLAGS = "46AaCfGgKkMNnqsTtVvXxYy"
_WITH_VALUE = "BbcDEeFIiJLlmOoPpQRSWw"
_UNDERSTOOD = {"i": "IdentityFile", "J": "ProxyJump", "l": "User", "p": "Port"}
_KEYS = {"identityfile": "privateKeyFile", "port": "port", "user": "user"}
_OF_THE_WAY = {
    "bindaddress": "the address to connect from",
    "bindinterface": "the interface to connect from",
    "hostname": "another host",
    "proxyusefdpass": "a proxy",
}
"""Options without which the host may not be reached, and which no client can have."""
_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<host>\[[^\]]+\]|[^:\[\]/]+)(?::(?P<port>\d{1,5}))?/?")


def client_keys(options: str) -> dict[str, Any]:
    """Return the keys of a client for options of ssh, such as ``-J bastion -o Port=2222``.

    Raises:
        ValueError: One of them can't be followed; says which.
    """
    keys, rest = _parsed(shlex.split(options))
    if rest:
        raise ValueError(f"'{rest[0]}' is no option of ssh")
    return keys


def jump(value: str) -> Jump:
    """Return the bastion that ``ProxyJump`` names.

    Raises:
        ValueError: It is no host, or several.
    """
    if "," in value:
        raise ValueError("ProxyJump names several hosts, and a client can have only one bastion")
    found = _JUMP.fullmatch(value)
    if not found:
        raise ValueError("ProxyJump must be [USER@]HOST[:PORT]")
    keys = {"host": found["host"].strip("[]"), "user": found["user"], "port": found["port"] and int(found["port"])}
    return Jump({key: one for key, one in keys.items() if one})


def through_command(value: str) -> Jump:
    """Return the bastion of a ``ProxyCommand`` of the form ``ssh -W %h:%p [USER@]HOST``.

    Raises:
        ValueError: It has another form.
    """
    program, *words = shlex.split(value)
    other = ValueError(
        "ProxyCommand can only be 'ssh -W %h:%p [USER@]HOST'; use ProxyJump, or bastion in clientDefaults"
    )
    if program.rpartition("/")[2] != "ssh" or "-W" not in " ".join(words):
        raise other
    keys, rest = _parsed(words)
    if len(rest) != 1 or "bastion" in keys:
        raise other
    return Jump({**jump(rest[0]), **keys})


def _parsed(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    keys: dict[str, Any] = {}
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        flag = word[1:2]
        if not word.startswith("-") or not flag:
            rest.append(word)
        elif flag in _WITH_VALUE:
            value = word[2:] or (left.pop(0) if left else "")
            keys = {**_option(flag, value), **keys}
        elif set(word[1:]) - set(_FLAGS):
            raise ValueError(f"'{word}' is no option of ssh")
    return keys, rest


def _option(flag: str, value: str) -> dict[str, Any]:
    if flag == "o":
        name, _, text = re.sub(r"\s*[=\s]\s*", "=", value, count=1).partition("=")
        return _named(name.lower(), text.strip('"'))
    return _named(_UNDERSTOOD[flag].lower(), value) if flag in _UNDERSTOOD else {}


def _named(name: str, value: str) -> dict[str, Any]:
    if name in _OF_THE_WAY:
        raise ValueError(f"{name} names {_OF_THE_WAY[name]}, which a client cannot have")
    if name in ("proxyjump", "proxycommand"):
        if value.lower() == "none":
            return {}
        return {"bastion": jump(value) if name == "proxyjump" else through_command(value)}
    return {_KEYS[name]: int(value) if name == "port" and value.isdigit() else value} if name in _KEYS else {}
