"""A client that sends requests as they stand."""

import hashlib
import http.client
import json
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.e2e.load import MANIFEST, Connection

PASSWORD = "correct horse battery"
"""What a user's password is where nothing else is said."""


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer(repository: str) -> bytes:
    return f"the layer of {repository}".encode()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def codes(self) -> list[str]:
        """The error codes of the distribution specification, if that is what it is."""
        if not self.body or not self.headers.get("Content-Type", "").startswith("application/json"):
            return []
        return [error["code"] for error in json.loads(self.body).get("errors", [])]


@dataclass(frozen=True)
class Client:
    """Somebody on this machine who sends requests as they stand."""

    authority: str
    """PEM, what is trusted."""
    address: str
    """Where the registry is, whose name is always the same."""
    port: int = 443
    headers: Mapping[str, str] = field(default_factory=dict)
    """What is sent with each request."""

    def send(self, user: str, method: str, target: str, body: bytes = b"", /, **headers: str) -> Answer:
        """Send a request with a target that no library has put right."""
        known = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if user and "Authorization" not in known:
            known["Authorization"] = basic(user, PASSWORD)
        known.setdefault("Accept", MANIFEST)
        known["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1", "Host: registry.test", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in known.items()]
        connection = self.connected()
        try:
            connection.sock.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            response = http.client.HTTPResponse(connection.sock, method=method)
            response.begin()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def connected(self) -> Connection:
        """Return an open connection."""
        connection = Connection(f"registry.test:{self.port}", self.address, self.authority, keep=False)
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        return connection

    def push(self, user: str, repository: str, tag: str = "v1", content: bytes = b"") -> str:
        """Push an image of one layer with a tag; return its digest."""
        content = content or layer(repository)
        started = self.send(user, "POST", f"/v2/{repository}/blobs/uploads/")
        location = started.headers["Location"]
        put = self.send(user, "PUT", f"{location}&digest={digest_of(content)}", content)
        assert put.status == 201, put
        described = {"mediaType": "application/octet-stream", "digest": digest_of(content), "size": len(content)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [described]}
        text = json.dumps(manifest).encode()
        path = f"/v2/{repository}/manifests/{tag}"
        assert self.send(user, "PUT", path, text, Content_Type=MANIFEST).status == 201
        return digest_of(text)

    def pull(self, user: str, repository: str, tag: str = "v1") -> str:
        """Pull an image with all that it consists of; return its digest, or what is in its way."""
        answer = self.send(user, "GET", f"/v2/{repository}/manifests/{tag}")
        if answer.status != 200:
            return f"the manifest: {answer.status} {answer.codes}"
        for described in json.loads(answer.body)["layers"]:
            blob = self.send(user, "GET", f"/v2/{repository}/blobs/{described['digest']}")
            if blob.status != 200 or digest_of(blob.body) != described["digest"]:
                return f"a layer: {blob.status} {blob.codes}"
        return digest_of(answer.body)


def basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
