"""A registry that others cache: a real one, behind a door that a test closes in different ways."""

import http.client
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import parse_qs, urlparse

from tests.client import basic, digest_of
from tests.e2e.load import MANIFEST

USER, PASSWORD = "our-company", "marker-upstream-password"
_TOKEN = "Bearer marker-token"
_CHUNK = 65536


@dataclass
class Upstream:
    """The door: what it was asked, and how it answers."""

    address: str
    port: int
    registry: tuple[str, int]
    """The real one."""
    requests: list[str] = field(default_factory=list)
    """METHOD PATH of each request that came in."""
    password: str = PASSWORD
    """What it takes for its user's."""
    status: int = 0
    """What it answers to all but a wish for a token; 0 for what the registry does."""
    failing: int = 0
    """How many of the next of these it answers with 500."""
    silence: threading.Event = field(default_factory=threading.Event)
    """Nothing is answered before this is set."""

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def open(self) -> None:
        """Let everybody through again, and forget what was asked."""
        self.status, self.failing, self.password = 0, 0, PASSWORD
        self.silence.set()
        self.requests.clear()

    def asked(self, words: str) -> list[str]:
        """Return the requests that have these words in them."""
        return [one for one in self.requests if words in one]

    def push(self, repository: str, tag: str, *layers: bytes) -> str:
        """Give the real registry an image; return its digest."""
        described = [self._upload(repository, layer) for layer in layers]
        return self._tag(repository, tag, described[0], described)

    def _tag(self, repository: str, tag: str, config: object, layers: Sequence[object]) -> str:
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": list(layers)}
        text = json.dumps(manifest).encode()
        self._send("PUT", f"/v2/{repository}/manifests/{tag}", text, {"Content-Type": MANIFEST})
        return digest_of(text)

    def push_runnable(self, repository: str, tag: str) -> str:
        """Give it an image that every client unpacks; return its digest."""
        name = f"{repository}:{tag}".encode()
        with io.BytesIO() as buffer:
            with tarfile.open(fileobj=buffer, mode="w") as archive:
                entry = tarfile.TarInfo("name")
                entry.size = len(name)
                archive.addfile(entry, io.BytesIO(name))
            layer = buffer.getvalue()
        rootfs = {"type": "layers", "diff_ids": [digest_of(layer)]}
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        kinds = ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar")
        described = [
            {**self._upload(repository, one), "mediaType": kind}
            for one, kind in zip((config, layer), kinds, strict=True)
        ]
        return self._tag(repository, tag, described[0], described[1:])

    def _upload(self, repository: str, layer: bytes) -> dict[str, object]:
        location = self._send("POST", f"/v2/{repository}/blobs/uploads/")["Location"]
        self._send("PUT", f"{location}&digest={digest_of(layer)}", layer)
        return {"mediaType": "application/octet-stream", "digest": digest_of(layer), "size": len(layer)}

    def _send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> http.client.HTTPMessage:
        with closing(http.client.HTTPConnection(*self.registry, timeout=30)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            assert answer.status < 300, (answer.status, answer.read())
            answer.read()
            return answer.headers


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        upstream = cast(_Server, self.server).upstream
        upstream.requests.append(f"{self.command} {self.path}")
        upstream.silence.wait(60)
        with suppress(OSError):
            self._answer(upstream)

    do_HEAD = do_GET

    def _answer(self, upstream: Upstream) -> None:
        if (upstream.status or upstream.failing) and not self.path.startswith("/token?"):
            upstream.failing = max(0, upstream.failing - 1)
            self._say(upstream.status or 500, {"errors": [{"code": "UNKNOWN", "message": "marker-upstream-says"}]})
        elif self.path.startswith("/token?"):
            is_right = self.headers["Authorization"] == basic(USER, upstream.password)
            assert parse_qs(urlparse(self.path).query)["service"] == ["upstream"]
            self._say(200 if is_right else 401, {"token": _TOKEN.partition(" ")[2]} if is_right else {})
        elif self.headers["Authorization"] != _TOKEN:
            challenge = f'Bearer realm="{upstream.url}/token",service="upstream"'
            self._say(401, {"errors": [{"code": "UNAUTHORIZED"}]}, {"WWW-Authenticate": challenge})
        else:
            self._pass_on(upstream)

    def _pass_on(self, upstream: Upstream) -> None:
        with closing(http.client.HTTPConnection(*upstream.registry, timeout=30)) as connection:
            accepted = ", ".join(self.headers.get_all("Accept", []))
            connection.request(self.command, self.path, headers={"Accept": accepted})
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name not in ("Date", "Connection"):
                    self.send_header(name, value)
            self.end_headers()
            while chunk := answer.read(_CHUNK):
                self.wfile.write(chunk)

    def _say(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the test has the requests."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: Upstream

    def handle_error(self, request: object, client_address: object) -> None:
        """Leave out that a cache has gone away."""


@contextmanager
def upstream(address: str, registry: tuple[str, int], port: int = 0) -> Iterator[Upstream]:
    """Serve what a registry has at a port of an address while the body runs."""
    with _Server((address, port), _Door) as server:
        server.upstream = Upstream(address, server.server_port, registry)
        server.upstream.open()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.upstream
        server.upstream.silence.set()
        server.shutdown()
