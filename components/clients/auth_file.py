"""A login in a JSON file of others: Docker's ``config.json``, Podman's ``auth.json``.

The text is changed where the login is, and nowhere else: order, indentation and line ends of all others stay. Both
files have one form: https://docs.docker.com/reference/cli/docker/login/ and containers-auth.json(5).
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import json_text
from .host_file import Facts, Refused, Shared

MODE = "0600"

_AUTHS = "auths"


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
        start, end = json_text.span(text, (_AUTHS, name, "auth"))
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
        found = json_text.parse(self._path, text)
        if not isinstance(found, dict) or not isinstance(found.get(_AUTHS, {}), dict):
            raise Refused(f"{self._path} is not a file of logins; it was not changed")
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
    indent, above, below = json_text.breaks(text)
    if _AUTHS not in json.loads(text):
        # The white space in it tells it from an empty one of others, when nothing else is left.
        text = json_text.with_member(text, (), f'"{_AUTHS}": {{{above}}}', above)
    is_short = json_text.is_bare(text, (_AUTHS,))
    entry = json.dumps({"auth": auth}, indent=None if is_short else indent).replace("\n", below)
    return json_text.with_member(text, (_AUTHS,), f"{json.dumps(name)}: {entry}", below)


def _without(text: str, name: str) -> str:
    """Return a text without a login, and without what was made for it."""
    text = json_text.without_member(text, (_AUTHS,), name)
    for path in ((_AUTHS,), ()):
        if not json_text.is_empty(text, path) or json_text.is_bare(text, path):
            return text
        text = json_text.without_member(text, (), _AUTHS) if path else ""
    return text
