"""Real ACME authorities, with the name server that they ask; all listen on a bridge of Docker's."""

import http.client
import http.server
import json
import os
import signal
import ssl
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.unit.authority import Pair, issue

KEY_ID = "team-key"
KEY = urlsafe_b64encode(b"marker-of-the-bound-account-0123").decode().rstrip("=")
"""Of an account that the authority knows."""
BLOCKED = "blocked.test"
RETRY_AFTER = 7200
"""Seconds that the strict authority wants to be left alone."""
_ACME, _MANAGEMENT, _DNS, _RECORDS = 14000, 15000, 8053, 8055
_START_SECONDS = 20


@dataclass
class Authority(ABC):
    """Gives certificates for names that are proven: each is asked for on the address where all of it listens."""

    programs: Path
    """The folder with pebble and the name server."""
    folder: Path
    address: str
    http_port: int = 80
    """Where it asks for the proof."""
    seconds: int = 20
    """How long a certificate lives; one of pebble's, where the profile is ``shortlived``."""
    root: Pair = field(default_factory=lambda: issue("directory authority", authority=True))
    """The authority of the directory's own certificate."""
    issuer: str = ""
    """The root of the certificates that it gives, PEM."""
    dns: ClassVar[int] = _DNS
    """The port of its name server."""
    records: ClassVar[int] = _RECORDS
    """And that by which records are changed."""
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    @abstractmethod
    def directory(self) -> str:
        """The URL at which lego begins."""

    @property
    def settings(self) -> dict[str, Any]:
        """The setting ``certificate`` of a registry that is given its certificate here."""
        return {
            "source": "acme",
            "directory": self.directory,
            "directoryAuthority": self.root.pem,
            "authority": self.issuer,
        }

    @property
    def resolver(self) -> str:
        """The name server: it leads every name to the authority's own address."""
        return f"{self.address}:{self.dns}"

    @abstractmethod
    def serve(self) -> None:
        """Start what gives certificates."""

    @abstractmethod
    def ready(self) -> None:
        """Return when that answers.

        Raises:
            OSError: It does not yet.
        """

    @abstractmethod
    def log(self) -> str:
        """Return what it has said since it was made."""

    def record(self, verb: str, **values: object) -> None:
        """Change what the name server says (``set-servfail``, ``set-txt``, …)."""
        connection = http.client.HTTPConnection(self.address, self.records, timeout=10)
        connection.request("POST", f"/{verb}", json.dumps(values).encode())
        assert connection.getresponse().status == 200
        connection.close()

    def start(self) -> None:
        """Start it, with its name server."""
        here = self.address
        none = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "", "-defaultIPv4", here]
        dns = ["-dnsserver", self.resolver, "-management", f"{here}:{self.records}"]
        self.run(self.programs / "pebble-challtestsrv", [*none, *dns])
        self.serve()
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with suppress(OSError):
                self.ready()
                self.record("clear-servfail", host="nobody.test")
                return
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def stop(self) -> None:
        """End it: nobody answers any more."""
        for process in self._running.values():
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._running.clear()

    def run(self, program: Path, options: Sequence[str], **env: str) -> None:
        """Run one of its programs from here on; what it says goes to a file."""
        with (self.folder / f"{program.name}.log").open("ab") as log:
            self._running[program.name] = subprocess.Popen(
                [program, *options], env={**os.environ, **env}, stdout=log, stderr=log, cwd=self.folder
            )


class Pebble(Authority):
    """As a public authority is, and with one that is another one after each start: it knows nobody then."""

    @property
    def directory(self) -> str:
        return f"https://{self.address}:{_ACME}/dir"

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "profile": "shortlived"}

    def serve(self) -> None:
        server = issue(self.address, self.root, [self.address])
        for name, text in (("pebble.crt", server.pem), ("pebble.key", server.key_pem())):
            (self.folder / name).write_text(text)
        config = self.folder / "pebble.json"
        config.write_text(json.dumps({"pebble": self._config()}))
        self.run(
            self.programs / "pebble",
            ["-strict", "-config", str(config), "-dnsserver", self.resolver],
            PEBBLE_VA_NOSLEEP="1",
            PEBBLE_AUTHZREUSE="0",
            PEBBLE_WFE_NONCEREJECT="20",
        )

    def ready(self) -> None:
        context = ssl.create_default_context(cadata=self.root.pem)
        connection = http.client.HTTPSConnection(self.address, _MANAGEMENT, timeout=10, context=context)
        connection.request("GET", "/roots/0")
        self.issuer = connection.getresponse().read().decode()
        connection.close()

    def log(self) -> str:
        return (self.folder / "pebble.log").read_text()

    def _config(self) -> Mapping[str, Any]:
        return {
            "listenAddress": f"{self.address}:{_ACME}",
            "managementListenAddress": f"{self.address}:{_MANAGEMENT}",
            "certificate": "pebble.crt",
            "privateKey": "pebble.key",
            "httpPort": self.http_port,
            "tlsPort": 5001,
            "externalAccountMACKeys": {KEY_ID: KEY},
            "domainBlocklist": [BLOCKED],
            "retryAfter": {"authz": 1, "order": 1},
            "keyAlgorithm": "ecdsa",
            "profiles": {
                "default": {"description": "of 90 days", "validityPeriod": 7776000},
                "shortlived": {"description": "of seconds", "validityPeriod": self.seconds},
            },
        }


@contextmanager
def authority(
    programs: Path, folder: Path, address: str, http_port: int = 80, seconds: int = 20
) -> Iterator[Authority]:
    """Run pebble while the body runs."""
    with running(Pebble(programs, folder, address, http_port, seconds)) as made:
        yield made


@contextmanager
def running(made: Authority) -> Iterator[Authority]:
    """Run an authority while the body runs."""
    made.start()
    try:
        yield made
    finally:
        made.stop()


class _Provider(http.server.BaseHTTPRequestHandler):
    """lego's ``httpreq``: whoever knows the password may change records of the name server."""

    authority: Authority
    password: str

    def do_POST(self) -> None:
        """Make a record, or take it away."""
        given = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if given != f"lego:{self.password}":
            self.send_error(403)
        else:
            verb = "set-txt" if self.path == "/present" else "clear-txt"
            self.authority.record(verb, host=asked["fqdn"], value=asked["value"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def dns_provider(authority: Authority, password: str) -> Iterator[dict[str, Any]]:
    """Run a provider of DNS while the body runs; yields the settings that name it."""
    handler = type("Provider", (_Provider,), {"authority": authority, "password": password})
    with http.server.ThreadingHTTPServer((authority.address, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "challenge": "dns-01",
            "dnsProvider": "httpreq",
            "dnsVariables": {
                "HTTPREQ_ENDPOINT": f"http://{authority.address}:{server.server_port}",
                "HTTPREQ_USERNAME": "lego",
                "HTTPREQ_PASSWORD": password,
            },
            "dnsResolvers": [authority.resolver],
            "dnsWaitSeconds": 1,
        }
        server.shutdown()


class _Strict(http.server.BaseHTTPRequestHandler):
    """An authority that refuses each order, since there were too many: pebble knows no limits."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Give the directory."""
        here = f"https://{self.headers['Host']}"
        self._answer(200, {name: f"{here}/{name}" for name in ("newNonce", "newAccount", "newOrder")})

    def do_HEAD(self) -> None:
        """Give a nonce."""
        self._answer(200, None)

    def do_POST(self) -> None:
        """Take any account, and refuse all else."""
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("newAccount"):
            self._answer(201, {"status": "valid"})
            return
        detail = "too many certificates (5) already issued, retry after 2030-01-01 00:00:00 UTC"
        self._answer(429, {"type": "urn:ietf:params:acme:error:rateLimited", "detail": detail, "status": 429})

    def _answer(self, status: int, body: Mapping[str, object] | None) -> None:
        content = json.dumps(body).encode() if body else b""
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", str(RETRY_AFTER))
        if status == 201:
            self.send_header("Location", f"https://{self.headers['Host']}/account")
        self.send_header("Replay-Nonce", urlsafe_b64encode(os.urandom(16)).decode().rstrip("="))
        self.send_header("Content-Type", "application/problem+json" if status == 429 else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def strict_authority(like: Authority) -> Iterator[str]:
    """Run an authority with a limit that is reached, beside another one; yields the URL of its directory."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(like.folder / "pebble.crt", like.folder / "pebble.key")
    with http.server.ThreadingHTTPServer((like.address, 0), _Strict) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://{like.address}:{server.server_port}/directory"
        server.shutdown()
