"""How one server proves that it serves: against a registry that answers as a test wants it."""

import hashlib
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from components.clients import https_proof
from components.clients.https_proof import Asked, NotServed, prove
from components.troubleshooting import problem_of
from tests.unit.authority import issue

ROOT, OTHER = issue("root", authority=True), issue("another root", authority=True)
SERVER = issue("server", ROOT, ["registry.test"])
Serve = Callable[..., Asked]
NONE: Mapping[str, str] = MappingProxyType({})


class Registry(http.server.BaseHTTPRequestHandler):
    """Keeps what is pushed, and answers a step with the status that a test wants."""

    protocol_version = "HTTP/1.1"
    statuses: ClassVar[Mapping[str, int]] = {}
    kept: ClassVar[dict[str, bytes]] = {}
    damaged: ClassVar[bool] = False
    location: ClassVar[str | None] = None

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def answered(self, step: str, status: int, body: bytes = b"", headers: Mapping[str, str] = NONE) -> None:
        self.send_response(self.statuses.get(step, status))
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Log in, or pull."""
        if self.path == "/v2/":
            step = "login" if self.headers["Authorization"] else "401"
            self.answered(step, 200 if step == "login" else 401)
        else:
            self.answered("pull", 200, b"other" if self.damaged else self.kept[self.path.rpartition("/")[2]])

    def do_POST(self) -> None:
        """Begin to push."""
        place = f"https://registry.test{self.path}1?state=1" if self.location is None else self.location
        self.answered("push", 202, headers={"Location": place} if place else {})

    def do_PUT(self) -> None:
        """Push."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.kept[f"sha256:{hashlib.sha256(body).hexdigest()}"] = body
        self.answered("push", 201)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that starts a registry at an address of its own, and says how to ask it."""
    started: list[http.server.ThreadingHTTPServer] = []

    def start(trusted: str = ROOT.pem, **differences: Any) -> Asked:
        own = type("Own", (Registry,), {"kept": {}, **differences})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), own)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (tmp_path / "pair.pem").write_text(SERVER.key_pem() + SERVER.pem)
        context.load_cert_chain(tmp_path / "pair.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.append(server)
        return Asked(("127.0.0.1", server.server_address[1]), "registry.test", trusted, "verification", "secret")

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_a_server_proves_itself_by_what_it_stores(serve: Serve) -> None:
    asked = serve()
    first, again, other = (prove(asked, content) for content in ("one\n", "one\n", "two\n"))
    assert first.startswith("trusted, 401 without a login, logged in, pushed, pulled sha256:")
    assert first == again != other


def test_a_server_that_keeps_its_certificate_is_proven_by_the_authorities_of_before(serve: Serve) -> None:
    """A client that does not trust yet holds back the certificate, and no other change of the servers."""
    asked = serve(trusted=OTHER.pem)
    with pytest.raises(NotServed, match="TLS"):
        prove(asked, "one\n")
    assert prove(replace(asked, before=ROOT.pem), "one\n").startswith("trusted")


def test_a_server_that_is_busy_is_asked_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https_proof, "_PAUSE_SECONDS", 0)
    busy = iter([503, 429])

    def do_POST(registry: Registry) -> None:
        registry.answered("push", next(busy, 202), headers={"Location": f"{registry.path}1?state=1"})

    assert prove(serve(do_POST=do_POST), "one\n").startswith("trusted")


@pytest.mark.parametrize(
    ("differences", "message", "key"),
    [
        ({"trusted": OTHER.pem}, "TLS: CERTIFICATE_VERIFY_FAILED", "servers-tls"),
        ({"statuses": {"401": 200}}, "401 without a login: HTTP status 200 instead of 401", "servers-wrong-answer"),
        ({"statuses": {"login": 401}}, "login: HTTP status 401 instead of 200", "servers-wrong-answer"),
        ({"statuses": {"push": 503}}, "push: HTTP status 503 instead of 202", "servers-wrong-answer"),
        ({"statuses": {"pull": 404}}, "pull: HTTP status 404 instead of 200", "servers-wrong-answer"),
        ({"location": ""}, "push: the answer does not say where the upload continues", "servers-wrong-answer"),
        (
            {"location": "/elsewhere"},
            "push: the answer does not say where the upload continues",
            "servers-wrong-answer",
        ),
        ({"damaged": True}, "pull: what comes is not what was pushed", "servers-wrong-answer"),
    ],
)
def test_a_server_that_does_not_serve_says_where_it_ends(
    serve: Serve, differences: dict[str, Any], message: str, key: str
) -> None:
    with pytest.raises(NotServed) as failure:
        prove(serve(**differences), "one\n")
    assert str(failure.value) == message
    assert advised(message) == key


def test_a_server_that_does_not_answer_is_told_from_one_that_is_another(serve: Serve) -> None:
    """Straight, and by an SSH connection that lets nothing through: that one takes the connection, and ends it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = taken.getsockname()
        threading.Thread(target=lambda: taken.accept()[0].close(), daemon=True).start()
        with pytest.raises(NotServed) as ended:
            prove(Asked(place, "registry.test", ROOT.pem, "verification", "secret"), "one\n")
    with pytest.raises(NotServed) as refused:
        prove(Asked(place, "registry.test", ROOT.pem, "verification", "secret"), "one\n")
    assert "no answer ([Errno 111] Connection refused)" in str(refused.value)
    assert {advised(str(one.value)) for one in (ended, refused)} == {"servers-no-answer"}


def advised(message: str) -> str | None:
    """Return the kind of problem that an update takes a failure for."""
    problem = problem_of(f"b: through 10.0.0.7: {message}")
    return problem.key if problem else None
