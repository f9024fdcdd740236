"""Clients that keep pulling and pushing while something is changed: how many of their requests failed?"""

import hashlib
import http.client
import json
import random
import secrets
import socket
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cryptography import x509

from lab.cache import built, digest_of
from lab.engine import go_build
from lab.places import PROJECT
from tests.e2e.hosts import Hosts
from tests.e2e.watch import BY_THE_SYSTEM

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PUSHED = "load/push"
"""Where the workers push their images."""
LAYER_BYTES = 300_000
MAX_SECONDS = 900
MAX_IMAGES = 20_000
PAUSE = 0.15
"""Seconds between two images of a worker: without it the workers take the machine from what they are to meet."""
STREAM_PAUSE = "400ms"
_PATIENCE = 5
"""Seconds for an address of several, before the next one is tried."""


class Failure(Exception):
    """A request that did not get what it should."""


@dataclass
class Tally:
    """What the workers have seen so far."""

    requests: int = 0
    by_address: Counter[str] = field(default_factory=Counter)
    reconnected: int = 0
    """Requests sent again, since the connection kept open for them had been closed before an answer began: what every
    HTTP client that keeps connections does (RFC 9112, 9.3.1)."""
    images: Counter[str] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    """The digests of the manifests of which the registry has said that it has them."""
    failures: list[str] = field(default_factory=list)
    streamed: int = 0
    """Requests over HTTP/2, of clients that keep their connection and can't send again what they stream."""
    cut: list[str] = field(default_factory=list)
    """Those of them that were lost as nginx ended their connection."""

    def row(self, name: str, said: Sequence[str] = ()) -> str:
        """Return the row of the table of loads, with the lines that Docker has said meanwhile."""
        refused = sum(line.startswith("failed") for line in said)
        http1 = (self.requests, len(self.failures), self.reconnected, self.images.total())
        counts = (*http1, len(said), refused, self.streamed, len(self.cut))
        return f"{name:<28}" + "".join(f"{n:>12}" for n in counts)

    def period(self, name: str) -> str:
        """Return the row of the table of faults: how many requests failed, from when to when."""
        times = [line.split()[0] for line in self.failures]
        return f"{name:<32}{self.requests:>10}{len(times):>8}  {' to '.join(dict.fromkeys(times[:1] + times[-1:]))}"

    def lost(self, error: str) -> None:
        """Take note of a request over HTTP/2 that failed."""
        (self.cut if "GOAWAY" in error or "ConnectionTerminated" in error else self.failures).append(error)


class Connection(http.client.HTTPSConnection):
    """A connection to the registry by its name, which this machine need not know."""

    def __init__(self, name: str, address: str | Sequence[str], authority: str, keep: bool) -> None:
        """Know where to connect: of several addresses, to the first one that answers."""
        context = ssl.create_default_context(cadata=authority)
        super().__init__(name, context=context, timeout=60)
        self._addresses = [address] if isinstance(address, str) else address
        self._tls = context
        self.keep = keep
        """Whether the next request may use it too."""
        self.used = False
        self.address = self._addresses[0]
        """Where it is connected."""

    def connect(self) -> None:
        *others, last = self._addresses
        for address in others:
            with suppress(OSError):
                self._connect(address, _PATIENCE)
                return
        self._connect(last, self.timeout)

    def _connect(self, address: str, timeout: float | None) -> None:
        plain = socket.create_connection((address, self.port), timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise
        self.sock.settimeout(self.timeout)
        self.address = address


def certificate(address: str, authority: str, name: str = "registry.test") -> x509.Certificate:
    """Return what is served, as a client sees it that trusts an authority."""
    connection = Connection(name, address, authority, False)
    connection.connect()
    try:
        return x509.load_der_x509_certificate(connection.sock.getpeercert(binary_form=True) or b"")
    finally:
        connection.close()


@dataclass
class Load:
    """Workers that pull and push: half of them with a connection for each request, as Docker does, half keep theirs."""

    name: str
    address: str | Sequence[str]
    """Where it is; of several addresses, each worker begins with another one."""
    hosts: Hosts
    client: str
    """The host whose authorities the workers trust: read at each connection, as Docker does."""
    user: str
    password: str
    workers: int = 4
    streams: bool = False
    """Whether clients of HTTP/2 stream besides."""
    tally: Tally = field(default_factory=Tally)
    _authority: Callable[[], str] = field(init=False)

    @contextmanager
    def running(self) -> Iterator[Tally]:
        """Keep the workers busy while the body runs; bounded in time and in the number of images."""
        files = (f"/etc/docker/certs.d/{self.name}/ca.crt", BY_THE_SYSTEM)
        with self.hosts.reading(self.client, *files) as self._authority:
            yield from self._run()

    def _run(self) -> Iterator[Tally]:
        self.tally = Tally()
        stop = threading.Event()
        layer = secrets.token_bytes(LAYER_BYTES)
        self._once(lambda connection: self._push(connection, "load/pull", layer))
        kinds = [(self._pull if number % 2 else self._push_new, number % 4 < 2) for number in range(self.workers)]
        threads = [threading.Thread(target=self._work, args=(*kind, stop), daemon=True) for kind in kinds]
        if self.streams:
            threads.append(threading.Thread(target=self._python, args=(stop,), daemon=True))
        for thread in threads:
            thread.start()
        try:
            with self._go() if self.streams else nullcontext():
                yield self.tally
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=120)

    @contextmanager
    def _go(self) -> Iterator[None]:
        """Keep Go's client busy, as Docker, containerd and BuildKit have it."""
        command: list[str | Path] = [go_client(), f"{self.address}:443", self.name, self.user, STREAM_PAUSE]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin
        process.stdin.write(f"{self.password}\n")
        process.stdin.flush()
        try:
            yield
        finally:
            said = json.loads(process.communicate(timeout=120)[0])
            self.tally.streamed += said["requests"]
            for failure in said["failures"]:
                self.tally.lost(f"Go: {failure}")

    def _python(self, stop: threading.Event) -> None:
        """Keep Python's client busy."""
        deadline = time.monotonic() + MAX_SECONDS
        with httpx.Client(http2=True, verify=False, base_url=f"https://{self.address}", timeout=60) as client:  # noqa: S501
            while not stop.wait(0.4) and time.monotonic() < deadline:
                try:
                    self._stream(client)
                except httpx.StreamConsumed:
                    self.tally.cut.append("Python: the stream was refused by GOAWAY, and can't be sent again")
                except httpx.HTTPError as error:
                    self.tally.lost(f"Python: {error!r}")

    def _stream(self, client: httpx.Client) -> None:
        def ask(expected: int, method: str, path: str, content: Iterator[bytes] | None = None) -> httpx.Response:
            answer = client.request(
                method,
                path,
                content=content,
                auth=(self.user, self.password),
                headers={"Host": self.name},
                extensions={"sni_hostname": self.name},
            )
            self.tally.streamed += 1
            if answer.status_code != expected or answer.http_version != "HTTP/2":
                self.tally.failures.append(f"Python: {method} {path}: {answer.http_version} {answer.status_code}")
            return answer

        piece = b"y" * 4096
        location = ask(202, "POST", "/v2/load/streamed/blobs/uploads/").headers.get("Location", "/")
        ask(201, "PUT", f"{location}&digest={_digest(4 * piece)}", (piece for _ in range(4)))
        ask(200, "GET", f"/v2/load/streamed/blobs/{_digest(4 * piece)}")

    def _work(self, job: Callable[[Connection], None], keep: bool, stop: threading.Event) -> None:
        deadline = time.monotonic() + MAX_SECONDS
        while not stop.wait(PAUSE) and time.monotonic() < deadline and self.tally.images.total() < MAX_IMAGES:
            try:
                self._once(job, keep)
                self.tally.images[job.__name__.strip("_")] += 1
            except (OSError, http.client.HTTPException, Failure) as error:
                self.tally.failures.append(f"{time.strftime('%X')} {job.__name__.strip('_')}: {error!r}")

    def _once(self, job: Callable[[Connection], object], keep: bool = True) -> None:
        connection = Connection(self.name, self._order(), self._authority(), keep)
        try:
            job(connection)
        finally:
            connection.close()

    def _order(self) -> Sequence[str]:
        """Return the addresses, as a name server shuffles them."""
        if isinstance(self.address, str):
            return [self.address]
        return random.sample(self.address, len(self.address))

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
        self.tally.by_address[connection.address] += 1
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
        self.tally.acknowledged.append(self._push(connection, PUSHED, secrets.token_bytes(LAYER_BYTES)))

    def _push(self, connection: Connection, repository: str, layer: bytes) -> str:
        config = json.dumps(
            {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers"}}
        ).encode()
        described = [self._upload(connection, repository, blob) for blob in (config, layer)]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
        text, path = json.dumps(manifest).encode(), f"/v2/{repository}/manifests/latest"
        self._request(connection, 201, "PUT", path, text, Content_Type=MANIFEST)
        return _digest(text)

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


def go_client() -> Path:
    """Return the program of ``tests/http2``, built once."""
    source = PROJECT / "tests/http2"
    return built("http2", digest_of([source]), lambda folder: go_build(source, ".", folder / "http2")) / "http2"


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
		sleep 0.2
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
