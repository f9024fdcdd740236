"""Requests for what is stored: over the registry's own HTTPS, past the cache of nginx."""

import base64
import hashlib
import http.client
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from components.hosts.straight import Straight
from components.registry_reference import DEFAULT_HTTPS_PORT
from operations.command_line import OperationError

OK, NOT_FOUND = 200, 404
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_LATER = {429, 500, 502, 503, 504}
_PAST_CACHE = "?stored"
"""nginx answers from its cache, or from the disk, only where a request has no query: this one is for the registry."""
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_SECONDS = 60
_ENOUGH = 8
"""After so many requests in a row without an answer the next ones are not repeated: the storage itself is down."""
_PIECE = 1 << 20
_MOST = 32 << 20
"""A manifest or a list is no longer than this; the registry itself accepts manifests of 4 MiB."""


@dataclass(frozen=True)
class Asked:
    """Whom to ask, and as whom."""

    url: str
    authorities: str
    """PEM; empty for the CAs of the system."""
    user: str
    password: str = field(repr=False)
    at: str = ""
    """Another address to connect to than the one of the name."""
    waits: tuple[float, ...] = (1, 3)
    """Seconds before each further attempt, where one had no answer that counts."""


class Answer(NamedTuple):
    """What came: its body, or in its place what was computed of it while it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    size: int
    digest: str


class NoAnswer(Exception):
    """No attempt got an answer that says what is stored; the message has the last one."""


class Connections:
    """Connections to a registry, one for each thread."""

    def __init__(self, asked: Asked) -> None:
        self._asked, self._of_thread = asked, threading.local()
        self._all: list[http.client.HTTPSConnection] = []
        self._unanswered = 0
        try:
            self._context = ssl.create_default_context(cadata=asked.authorities or None)
        except ssl.SSLError as error:
            raise OperationError(f"the CA certificates in the outputs of the stack cannot be read: {error}") from None

    def close(self) -> None:
        """Close all of them."""
        for one in self._all:
            one.close()

    def check(self) -> None:
        """Log in.

        Raises:
            OperationError: The registry cannot be asked, or not by this user.
        """
        try:
            answer = self.get("/v2/")
        except NoAnswer as error:
            raise OperationError(f"{self._asked.url} cannot be asked: {error}") from None
        if answer.status != OK:
            raise OperationError(f"{self._asked.url} answers a login with HTTP status {answer.status}")

    def stored(self, path: str, method: str = "GET", *, is_kept: bool = True) -> Answer:
        """Ask for a manifest or a blob as the storage has it."""
        return self.get(path + _PAST_CACHE, method, is_kept=is_kept)

    def get(self, path: str, method: str = "GET", *, is_kept: bool = True) -> Answer:
        """Ask, more than once where no answer comes; a body that is not kept is only hashed.

        Raises:
            NoAnswer: It is not known what is stored.
            OperationError: The user is not allowed to ask.
        """
        said, waits = "", self._asked.waits if self._unanswered < _ENOUGH else ()
        for wait in (0, *waits):
            time.sleep(wait)
            try:
                answer = self._once(path, method, is_kept)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                said = f"no answer ({error or type(error).__name__})"
                continue
            if answer.status not in _LATER:
                self._unanswered = 0
                return self._allowed(path, answer)
            said = f"HTTP status {answer.status}"
        self._unanswered += 1
        raise NoAnswer(said)

    def _allowed(self, path: str, answer: Answer) -> Answer:
        user = self._asked.user
        if answer.status == _UNAUTHORIZED:
            raise OperationError(f"the registry refuses the login of {user}: another password, or no such user")
        if answer.status == _FORBIDDEN:
            raise OperationError(
                f"{user} is not allowed to read {path.partition('?')[0]}. Name a user who can pull from all "
                "repositories (--user), or only the repositories of this one."
            )
        return answer

    def _once(self, path: str, method: str, is_kept: bool) -> Answer:
        connection = self._connection()
        login = base64.b64encode(f"{self._asked.user}:{self._asked.password}".encode()).decode()
        connection.request(method, path, headers={"Authorization": f"Basic {login}", "Accept": _ACCEPT})
        got = connection.getresponse()
        headers = {name.lower(): value for name, value in got.getheaders()}
        sha256, size, kept = hashlib.sha256(), 0, []
        while piece := got.read(_PIECE):
            sha256.update(piece)
            size += len(piece)
            if is_kept:
                kept.append(piece)
            if is_kept and size > _MOST:
                raise http.client.HTTPException(f"more than {_MOST >> 20} MiB for {path}")
        # A read of a part says nothing of an end that came too soon.
        if got.length:
            raise http.client.IncompleteRead(b"", got.length)
        return Answer(got.status, headers, b"".join(kept), size, f"sha256:{sha256.hexdigest()}")

    def _connection(self) -> http.client.HTTPSConnection:
        known: http.client.HTTPSConnection | None = getattr(self._of_thread, "connection", None)
        if known is None:
            url = urlsplit(self._asked.url)
            host, port = url.hostname or "", url.port or DEFAULT_HTTPS_PORT
            known = Straight((host, port), (self._asked.at or host, port), self._context, _SECONDS)
            self._of_thread.connection = known
            self._all.append(known)
        return known

    def _drop(self) -> None:
        # The next request connects again.
        with suppress(OSError):
            self._connection().close()
