"""A login in a JSON file of others: Docker's ``config.json``, Podman's ``auth.json``.

The text is changed where the login is, and nowhere else: order, indentation and line ends of all others stay. Both
files have one form: https://docs.docker.com/reference/cli/docker/login/ and containers-auth.json(5).
"""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .host_file import Facts, Refused, Shared

MODE = "0600"

_AUTHS = "auths"
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Login:
    """Who logs in to which names of a registry."""

    names: Sequence[str]
    user: str
    password: str

    def auth(self) -> str:
        """Return both, as the files have them."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def login_file(path: str, login: Login, facts: Facts) -> Shared:
    """Return a login in a file.

    Raises:
        Refused: Others can read the file, a program keeps its logins, or it has one of another user.
    """
    there = facts.files.get(path)
    if there and int(there.mode, 8) & 0o077:
        raise Refused(f"{path} can be read by others, and a password would be in it: chmod 600 {path} first")
    if there and not there.is_writable:
        raise Refused(f"{path} cannot be written: log in by hand, or leave `login` out for this client")
    file = AuthFile(path)

    def put(text: str) -> str:
        return file.put(text, login)

    def take(text: str) -> str:
        return file.take(text, login)

    put(facts.text(path))
    return Shared(path, put, take, MODE)


class AuthFile:
    """The text of one such file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def put(self, text: str, login: Login) -> str:
        """Return the text with the login; that of the same user with an older password is replaced.

        Raises:
            Refused: The login would not count, is another user's, or the text is no such file.
        """
        if not text.strip():
            text = ""
        for name in login.names:
            self._refuse_helpers(self._parse(text), name)
            text = self._with(text, name, login)
        return text

    def take(self, text: str, login: Login) -> str:
        """Return the text without the login, where it is just what was written; '' where nothing else is in it.

        Raises:
            Refused: The text is no such file.
        """
        for name in reversed(login.names):
            if _entry(self._parse(text), name) == {"auth": login.auth()}:
                text = _without(text, name)
        return text

    def refuse_another(self, text: str, login: Login) -> None:
        """Refuse where a file that is read before the one with the login has another one.

        Raises:
            Refused: It has, or is no such file.
        """
        for name in login.names:
            there = _entry(self._parse(text), name)
            if there is not None and there != {"auth": login.auth()}:
                raise Refused(
                    f"{self._path} has a login to {name}, and is read before the one of this stack: run 'podman logout "
                    f"{name}' there, or leave `login` out for this client"
                )

    def _with(self, text: str, name: str, login: Login) -> str:
        there = _entry(self._parse(text), name)
        if there == {"auth": login.auth()}:
            return text
        if there is None:
            return _added(text, name, login.auth())
        if _user(there) != login.user or there.keys() != {"auth"}:
            raise Refused(
                f"{self._path} has a login to {name} as {_user(there) or 'another user'}: log out there first, "
                "or leave `login` out for this client"
            )
        [start, end] = _span(text, (_AUTHS, name, "auth"))
        return f"{text[:start]}{json.dumps(login.auth())}{text[end:]}"

    def _refuse_helpers(self, found: dict[str, Any], name: str) -> None:
        """Refuse a file whose logins a program keeps: with one, Docker does not look at those in the file.

        https://docs.docker.com/reference/cli/docker/login/#credential-stores
        """
        store = (found.get("credHelpers") or {}).get(name) or found.get("credsStore")
        if store:
            raise Refused(
                f"{self._path}: docker-credential-{store} keeps the logins, so one in the file would not count: log in "
                f"to {name} by hand, or leave `login` out for this client"
            )

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text or "{}", object_pairs_hook=_once)
        except ValueError as error:
            raise Refused(f"{self._path} is not valid JSON: {error}. Fix it by hand; it was not changed") from None
        if not isinstance(found, dict) or not isinstance(found.get(_AUTHS, {}), dict):
            raise Refused(f"{self._path} is not a file of logins; it was not changed")
        return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _entry(found: dict[str, Any], name: str) -> Any:
    return found.get(_AUTHS, {}).get(name)


def _user(entry: Any) -> str:
    """Return whose login it is, or nothing where that is not known."""
    try:
        return base64.b64decode(entry["auth"]).decode().partition(":")[0]
    except (KeyError, TypeError, ValueError):
        return ""


def _added(text: str, name: str, auth: str) -> str:
    """Return a text with one more login, as the rest of the file is written."""
    if not text:
        return json.dumps({_AUTHS: {name: {"auth": auth}}}, indent="\t") + "\n"
    indent, end = _indent(text), "\r\n" if "\r\n" in text else "\n"
    above, below = (f"{end}{indent * depth}" if indent else " " for depth in (1, 2))
    if _AUTHS not in json.loads(text):
        # The white space in it tells it from an empty one of others, when nothing else is left.
        text = _with_member(text, (), f'"{_AUTHS}": {{{above}}}', above)
    is_short = _is_bare(text, _object(text, (_AUTHS,)))
    entry = json.dumps({"auth": auth}, indent=None if is_short else indent).replace("\n", below)
    return _with_member(text, (_AUTHS,), f"{json.dumps(name)}: {entry}", below)


def _with_member(text: str, path: Sequence[str], member: str, gap: str) -> str:
    """Return a text with a member at the end of an object, in a way that can be undone to the byte."""
    start = _object(text, path)
    members = list(_members(text, start))
    if not members:
        between = "" if _is_bare(text, start) else gap
        return f"{text[: start + 1]}{between}{member}{text[start + 1 :]}"
    _, last, _, end = members[-1]
    before = text[:last]
    return f"{text[:end]},{before[len(before.rstrip()) :]}{member}{text[end:]}"


def _without(text: str, name: str) -> str:
    """Return a text without a login, and without what was made for it."""
    text = _without_member(text, (_AUTHS,), name)
    for path in ((_AUTHS,), ()):
        start = _object(text, path)
        if list(_members(text, start)) or _is_bare(text, start):
            return text
        text = _without_member(text, (), _AUTHS) if path else ""
    return text


def _without_member(text: str, path: Sequence[str], name: str) -> str:
    start = _object(text, path)
    members = list(_members(text, start))
    number = [key for key, *_ in members].index(name)
    _, begin, _, end = members[number]
    if number:
        begin = members[number - 1][3]
    elif len(members) > 1:
        end = members[1][1]
    else:
        begin = start + 1
    return f"{text[:begin]}{text[end:]}"


def _members(text: str, start: int) -> Iterator[tuple[str, int, int, int]]:
    """Return each member of an object: its name, and where that begins, where its value does, and where both end."""
    at = _past_space(text, start + 1)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        begin = _past_space(text, _past_space(text, end) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        yield key, at, begin, end
        at = _past_space(text, end)
        if text[at] == ",":
            at = _past_space(text, at + 1)


def _object(text: str, path: Sequence[str]) -> int:
    """Return where an object begins."""
    return _span(text, path)[0]


def _span(text: str, path: Sequence[str]) -> tuple[int, int]:
    """Return where a value begins and ends."""
    start, end = _past_space(text, 0), len(text)
    for name in path:
        [(start, end)] = [(begin, stop) for key, _, begin, stop in _members(text, start) if key == name]
    return start, end


def _is_bare(text: str, start: int) -> bool:
    """Return whether an object is written with nothing in it, not even white space."""
    return text[start + 1] == "}"


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _indent(text: str) -> str:
    """Return the white space before the first member, if that has a line of its own."""
    found = re.match(r"\s*\{[ \t]*\r?\n([ \t]+)", text)
    return found[1] if found else ""
