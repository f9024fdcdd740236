"""Clients that keep pulling and pushing while something is changed: how many of their requests failed?"""

import hashlib
import http.client
import json
import secrets
import socket
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER_BYTES = 300_000
MAX_SECONDS = 900
MAX_IMAGES = 20_000


class Failure(Exception):
    """A request that did not get what it should."""


@dataclass
class Tally:
    """What the workers have seen so far."""

    requests: int = 0
    reconnected: int = 0
    """Requests sent again, since the connection kept open for them had been closed before an answer began: what every
    HTTP client that keeps connections does (RFC 9112, 9.3.1)."""
    images: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Connection(http.client.HTTPSConnection):
    """A connection to the registry by its name, which this machine need not know."""

    def __init__(self, name: str, address: str, authority: str, keep: bool) -> None:
        context = ssl.create_default_context(cadata=authority)
        super().__init__(name, context=context, timeout=60)
        self._address = address
        self._tls = context
        self.keep = keep
        """Whether the next request may use it too."""
        self.used = False

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


@dataclass
class Load:
    """Workers that pull and push: half of them with a connection for each request, as Docker does, half keep theirs."""

    name: str
    address: str
    authority: Callable[[], str]
    """Reads what a client trusts now, as Docker does at each connection."""
    user: str
    password: str
    workers: int = 4
    tally: Tally = field(default_factory=Tally)

    @contextmanager
    def running(self) -> Iterator[Tally]:
        """Keep the workers busy while the body runs; bounded in time and in the number of images."""
        self.tally = Tally()
        stop = threading.Event()
        layer = secrets.token_bytes(LAYER_BYTES)
        self._once(lambda connection: self._push(connection, "load/pull", layer))
        kinds = [(self._pull if number % 2 else self._push_new, number % 4 < 2) for number in range(self.workers)]
        threads = [threading.Thread(target=self._work, args=(*kind, stop), daemon=True) for kind in kinds]
        for thread in threads:
            thread.start()
        try:
            yield self.tally
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=120)

    def _work(self, job: Callable[[Connection], None], keep: bool, stop: threading.Event) -> None:
        deadline = time.monotonic() + MAX_SECONDS
        while not stop.is_set() and time.monotonic() < deadline and self.tally.images.total() < MAX_IMAGES:
            try:
                self._once(job, keep)
                self.tally.images[job.__name__.strip("_")] += 1
            except (OSError, http.client.HTTPException, Failure) as error:
                self.tally.failures.append(f"{time.strftime('%X')} {job.__name__.strip('_')}: {error!r}")
                time.sleep(0.05)

    def _once(self, job: Callable[[Connection], None], keep: bool = True) -> None:
        connection = Connection(self.name, self.address, self.authority(), keep)
        try:
            job(connection)
        finally:
            connection.close()

    def _request(
        self, connection: Connection, expected: int, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        login = b64encode(f"{self.user}:{self.password}".encode()).decode()
        known = {key.replace("_", "-"): value for key, value in headers.items()}
        headers = {"Authorization": f"Basic {login}", **known}
        try:
            response = self._answer(connection, method, path, body, headers)
        except (ConnectionError, ssl.SSLEOFError):
            if not connection.used:
                raise
            connection.close()
            self.tally.reconnected += 1
            response = self._answer(connection, method, path, body, headers)
        content = response.read()
        connection.used = connection.keep
        if not connection.keep:
            connection.close()
        self.tally.requests += 1
        if response.status != expected:
            raise Failure(f"{method} {path}: {response.status} instead of {expected}: {content[:200]!r}")
        return response, content

    def _answer(
        self, connection: Connection, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        connection.request(method, path, body or None, headers)
        return connection.getresponse()

    def _pull(self, connection: Connection) -> None:
        _, text = self._request(connection, 200, "GET", "/v2/load/pull/manifests/latest", Accept=MANIFEST)
        for blob in (json.loads(text)["config"], *json.loads(text)["layers"]):
            _, content = self._request(connection, 200, "GET", f"/v2/load/pull/blobs/{blob['digest']}")
            if _digest(content) != blob["digest"]:
                raise Failure(f"{blob['digest']}: other content")

    def _push_new(self, connection: Connection) -> None:
        self._push(connection, "load/push", secrets.token_bytes(LAYER_BYTES))

    def _push(self, connection: Connection, repository: str, layer: bytes) -> None:
        config = json.dumps(
            {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers"}}
        ).encode()
        described = [self._upload(connection, repository, blob) for blob in (config, layer)]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
        self._request(
            connection,
            201,
            "PUT",
            f"/v2/{repository}/manifests/latest",
            json.dumps(manifest).encode(),
            Content_Type=MANIFEST,
        )

    def _upload(self, connection: Connection, repository: str, blob: bytes) -> dict[str, object]:
        """Upload a blob in two chunks, so that a change may come between them."""
        started, _ = self._request(connection, 202, "POST", f"/v2/{repository}/blobs/uploads/")
        location = started.headers["Location"]
        middle = len(blob) // 2
        for start, end in ((0, middle), (middle, len(blob))):
            accepted, _ = self._request(
                connection,
                202,
                "PATCH",
                location,
                blob[start:end],
                Content_Range=f"{start}-{end - 1}",
                Content_Type="application/octet-stream",
            )
            location = accepted.headers["Location"]
        digest = _digest(blob)
        separator = "&" if "?" in location else "?"
        self._request(connection, 201, "PUT", f"{location}{separator}digest={digest}")
        return {"mediaType": "application/octet-stream", "size": len(blob), "digest": digest}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


STOP = "/tmp/load.stop"  # noqa: S108 - on a host of the test
DOCKER_LOOP = """
printf %s "$3" | docker login --username "$2" --password-stdin "$1" > /dev/null 2>&1 || exit 1
image=$1/load/docker:latest
head -c 200000 /dev/urandom > /tmp/load && tar -C /tmp -c load | docker import - "$image" > /dev/null
while [ ! -e /tmp/load.stop ]; do
	for step in push "rmi --force" pull; do
		if said=$(docker $step "$image" 2>&1); then echo "ok $step"; else echo "failed $step: $said"; fi
	done
done
docker rmi --force "$image" > /dev/null; docker logout "$1" > /dev/null; rm -rf /tmp/load /tmp/load.stop /root/.docker
"""


@contextmanager
def docker_load(container: str, registry: str, user: str, password: str) -> Iterator[list[str]]:
    """Keep a host's own Docker pushing, removing and pulling while the body runs; yields what it says, line by line."""
    said: list[str] = []
    command = ["docker", "exec", container, "timeout", str(MAX_SECONDS), "sh", "-c", DOCKER_LOOP, "load"]
    process = subprocess.Popen([*command, registry, user, password], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    reader = threading.Thread(
        target=lambda stream: said.extend(map(str.strip, stream)), args=(process.stdout,), daemon=True
    )
    reader.start()
    try:
        yield said
    finally:
        subprocess.run(["docker", "exec", container, "touch", STOP], check=True)
        process.wait(timeout=120)
        reader.join(timeout=10)
        process.stdout.close()
