"""How one server proves that it serves: what a client's program would do, over a connection to that server alone."""

import base64
import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..hosts.straight import Straight
from .probe_image import REPOSITORY

_SECONDS = 30
_TAG = "server"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.empty.v1+json"
_BUSY = {429, 503}
"""What a server under load, or with a bucket that is slow, answers for a moment."""
_MORE, _PAUSE_SECONDS = 2, 1
_UNAUTHORIZED, _OK, _CREATED, _ACCEPTED = 401, 200, 201, 202


class NotServed(Exception):
    """A server does not serve as it should; the message says what."""


@dataclass(frozen=True)
class Asked:
    """Whom to ask, and as whom."""

    place: tuple[str, int]
    """Host and port to connect to."""
    reference: str
    """HOST[:PORT], what the registry is called."""
    authorities: str
    """PEM; empty for those of the system."""
    user: str
    password: str
    before: str = ""
    """PEM of those that clients were given before: a server keeps its certificate until all trust the next one."""
    is_behind_balancer: bool = False
    """Whether nginx waits for the PROXY protocol's header, as load balancers send it."""


def prove(asked: Asked, content: str) -> str:
    """Log in, push and pull by one server; return what was proven.

    Args:
        asked: The server.
        content: What is pushed: another one shows that it is not an old answer.

    Raises:
        NotServed: Says which step failed, and with what.
    """
    connection = _straight(asked)
    step = partial(_step, asked, connection)
    try:
        step("401 without a login", "GET", "/v2/", _UNAUTHORIZED, login=False)
        step("login", "GET", "/v2/", _OK)
        blob = _push_blob(step, content.encode())
        manifest = json.dumps(_manifest(blob, len(content.encode()))).encode()
        digest = _digest(manifest)
        path = f"/v2/{REPOSITORY}/manifests"
        step("push", "PUT", f"{path}/{_TAG}", _CREATED, manifest, {"Content-Type": _MANIFEST})
        pulled = step("pull", "GET", f"{path}/{digest}", _OK, headers={"Accept": _MANIFEST})
        layer = step("pull", "GET", f"/v2/{REPOSITORY}/blobs/{blob}", _OK)
        if (pulled.body, layer.body) != (manifest, content.encode()):
            raise NotServed("pull: what comes is not what was pushed")
    finally:
        connection.close()
    return f"trusted, 401 without a login, logged in, pushed, pulled {digest}"


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _straight(asked: Asked) -> Straight:
    return Straight(_split(asked.reference), asked.place, _context(asked), _SECONDS, asked.is_behind_balancer)


def _context(asked: Asked) -> ssl.SSLContext:
    # With authorities of its own a registry is not trusted by any other.
    context = ssl.create_default_context(cadata=asked.authorities or None)
    if asked.before:
        context.load_verify_locations(cadata=asked.before)
    return context


def _split(reference: str) -> tuple[str, int]:
    host, colon, port = reference.rpartition(":")
    return (host, int(port)) if colon and port.isdigit() else (reference, http.client.HTTPS_PORT)


def _push_blob(step: Callable[..., _Answer], content: bytes) -> str:
    begun = step("push", "POST", f"/v2/{REPOSITORY}/blobs/uploads/", _ACCEPTED)
    # By its path alone: what host it names is no matter of this server's.
    _, slash, rest = begun.headers.get("location", "").partition("/v2/")
    if not slash:
        raise NotServed("push: the answer does not say where the upload continues")
    path = slash + rest
    digest = _digest(content)
    end = f"{path}{'&' if '?' in path else '?'}digest={digest}"
    step("push", "PUT", end, _CREATED, content, {"Content-Type": "application/octet-stream"})
    return digest


def _manifest(layer: str, size: int) -> dict[str, Any]:
    one = {"mediaType": "application/octet-stream", "digest": layer, "size": size}
    return {"schemaVersion": 2, "mediaType": _MANIFEST, "config": {**one, "mediaType": _CONFIG}, "layers": [one]}


def _step(
    asked: Asked,
    connection: Straight,
    step: str,
    method: str,
    path: str,
    status: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    login: bool = True,
) -> _Answer:
    said = {**(headers or {}), **(_login(asked) if login else {})}
    try:
        answer = _ask(connection, method, path, body, said)
        for _ in range(_MORE):
            if answer.status not in _BUSY:
                break
            time.sleep(_PAUSE_SECONDS)
            answer = _ask(connection, method, path, body, said)
    except ssl.SSLError as error:
        raise NotServed(f"TLS: {error.reason or error}") from None
    except (OSError, http.client.HTTPException) as error:
        raise NotServed(f"{step}: no answer ({error or type(error).__name__})") from None
    if answer.status != status:
        raise NotServed(f"{step}: HTTP status {answer.status} instead of {status}")
    return answer


def _ask(connection: Straight, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> _Answer:
    connection.request(method, path, body, dict(headers))
    got = connection.getresponse()
    return _Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())


def _login(asked: Asked) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{asked.user}:{asked.password}".encode()).decode()}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
