"""What clients are answered, by the real programs with the rendered configuration."""

import http.client
import json
import socket
import time
from collections.abc import Iterator

import bcrypt
import httpx
import pytest

from components.proxy.login.htpasswd import Login
from lab.run import run
from tests.client import PASSWORD, Answer, Client, basic, digest_of, layer
from tests.scripts.served import Edits, Served

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = {
    "ci": Login([HASH], "push", ["*"]),
    "team": Login([HASH], "push", ["team"]),
}
LAYER, SECRET = digest_of(layer("public/app")), digest_of(layer("secret/app"))
BLOB = f"/v2/public/app/blobs/{LAYER}"


@pytest.fixture(scope="module")
def client(served: Served) -> Client:
    client = served.client()
    for repository in ("public/app", "secret/app"):
        client.push("ci", repository)
    return client


def raw(client: Client, request: bytes, tls: bool = True) -> Answer:
    """Send bytes that are no proper request."""
    connection = client.connected() if tls else None
    sent = connection.sock if connection else socket.create_connection((client.address, client.port))
    with sent:
        sent.sendall(request)
        response = http.client.HTTPResponse(sent)
        response.begin()
        return Answer(response.status, response.headers, response.read())


LONG = "a" * 9000
IN_FORM = [
    (400, "GARBAGE"),
    (400, "GET /v2/\x01 HTTP/1.1\r\nHost: a"),
    (400, "GET / HTTP/1.1"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b"),
    (400, "GET /%zz HTTP/1.1\r\nHost: a"),
    (400, "GET /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: x"),
    (400, f"GET /v2/ HTTP/1.1\r\nHost: a\r\nX: {LONG}"),
    (414, f"GET /v2/{LONG} HTTP/1.1\r\nHost: a"),
    (405, "TRACE /v2/ HTTP/1.1\r\nHost: a"),
    (501, "GET /v2/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: foo"),
    (505, "GET / HTTP/3.7\r\nHost: a"),
    (401, "GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close"),
    (404, "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close"),
    (401, f"GET {BLOB} HTTP/1.1\r\nHost: a\r\nConnection: close"),
    (401, f'GET {BLOB} HTTP/1.1\r\nHost: a\r\nIf-None-Match: "{LAYER}"\r\nConnection: close'),
]  # fmt: skip


@pytest.mark.parametrize(("status", "request_text"), IN_FORM)
def test_an_error_is_json_and_says_hsts_once(client: Client, status: int, request_text: str) -> None:
    in_form(raw(client, f"{request_text}\r\n\r\n".encode()), status)


def test_a_request_without_tls_is_answered_in_form(client: Client) -> None:
    in_form(raw(client, b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n", tls=False), 400)


def in_form(got: Answer, status: int) -> None:
    assert got.status == status
    assert got.codes, got.body
    assert got.headers.get_all("Strict-Transport-Security") == ["max-age=86400"]


PARTS: list[tuple[dict[str, str], int]] = [
    ({}, 200),
    ({"If_None_Match": f'"{LAYER}"'}, 304),
    ({"If_None_Match": f'W/"{LAYER}"'}, 304),
    ({"If_None_Match": f'"other", "{LAYER}"'}, 304),
    ({"If_None_Match": "*"}, 304),
    ({"If_None_Match": f'"{SECRET}"'}, 200),
    ({"If_None_Match": LAYER}, 200),
    ({"Range": "bytes=4-8"}, 206),
    ({"Range": "bytes=4-8", "If_Range": f'"{LAYER}"'}, 206),
    ({"Range": "bytes=4-8", "If_Range": f'"{SECRET}"'}, 200),
    ({"Range": "bytes=4-8", "If_None_Match": f'"{SECRET}"'}, 206),
    ({"Range": "bytes=1000-"}, 416),
    ({"Range": "bytes=1000-", "If_None_Match": f'"{SECRET}"'}, 416),
    ({"Range": "bytes=x"}, 416),
    ({"If_Match": '"other"'}, 412),
]
"""Headers of a request for a layer, and the status that they get."""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("headers", "status"), PARTS, ids=str)
def test_a_layer_is_sent_as_far_as_it_is_needed(
    client: Client, method: str, headers: dict[str, str], status: int
) -> None:
    got = client.send("ci", method, BLOB, **headers)
    assert got.status == status
    assert got.headers.get_all("Strict-Transport-Security") == ["max-age=86400"]
    if status < 400:
        assert got.headers.get_all("ETag") == [f'"{LAYER}"']
        assert got.headers.get_all("Docker-Content-Digest") == [LAYER]
    else:
        assert "Cache-Control" not in got.headers
        assert got.headers["Content-Type"] == "application/json"
    if status == 416:
        assert got.headers.get_all("Content-Range") == [f"bytes */{len(layer('public/app'))}"]
    whole = {200: layer("public/app"), 206: layer("public/app")[4:9]}
    assert (got.body if status < 400 else b"") == (whole.get(status, b"") if method == "GET" else b"")


def test_a_manifest_that_is_known_is_not_sent_again(client: Client) -> None:
    etag = client.send("ci", "GET", "/v2/public/app/manifests/v1").headers["ETag"]
    assert client.send("ci", "GET", "/v2/public/app/manifests/v1", If_None_Match=etag).status == 304


UPLOADS = "/v2/team/attempt/blobs/uploads/"
REPOSITORIES = "/var/lib/registry/docker/registry/v2/repositories"
PADDED = "&".join(["a"] * 1200)


@pytest.fixture
def unmounted(served: Served) -> Iterator[None]:
    """Take away what a test has put into the repository that mounts lead to."""
    yield
    run(["docker", "exec", served.container("registry"), "busybox", "rm", "-rf", f"{REPOSITORIES}/team"])


@pytest.mark.usefixtures("unmounted")
@pytest.mark.parametrize(
    "query",
    [
        f"mount={SECRET}&from=secret/app",
        f"mount={SECRET}&from=secret%2Fapp",
        f"mount={SECRET}&fro%6d=secret/app",
        f"from=secret/app&mount={SECRET}",
        f"mount={SECRET}&from=team/app&from=secret/app",
        f"mount={SECRET}&from=secret/app&from=team/app",
        f"mount={SECRET}&mount={LAYER}&from=secret/app",
        f"mount={SECRET}&from=team/../secret/app",
        f"mount={SECRET}&from=/secret/app",
        f"mount={SECRET}&{PADDED}&from=secret/app",
        f"mount={SECRET}&from=%zz&from=secret/app",
        f"mount={SECRET}&a=1;from=secret/app&from=secret/app",
        f"mount={SECRET};from=secret/app",
        f"mount={SECRET}&from=",
        f"mount={SECRET}",
        "mount=nonsense&from=team/app",
        "mount=&from=",
        "",
    ],
    ids=lambda query: query[:120],
)
def test_a_mount_that_may_not_be_read_is_an_upload(client: Client, query: str) -> None:
    got = client.send("team", "POST", f"{UPLOADS}?{query}")
    assert got.status == 202
    assert got.headers["Location"].startswith(UPLOADS)
    assert client.send("ci", "GET", f"/v2/team/attempt/blobs/{SECRET}").status == 404
    assert client.send("team", "PUT", f"{got.headers['Location']}&digest={SECRET}", layer("secret/app")).status == 201
    assert client.send("team", "DELETE", f"/v2/team/attempt/blobs/{SECRET}").status == 403


@pytest.mark.usefixtures("unmounted")
@pytest.mark.parametrize("source", ["secret/app", "secret%2Fapp", "secret/app&other=1"])
def test_a_mount_that_may_be_read_takes_no_upload(client: Client, source: str) -> None:
    got = client.send("ci", "POST", f"{UPLOADS}?mount={SECRET.replace(':', '%3A')}&from={source}")
    assert (got.status, got.headers["Docker-Content-Digest"]) == (201, SECRET)


def test_a_user_interface_lists_as_many_repositories_as_there_are(client: Client) -> None:
    every = client.send("ci", "GET", "/v2/_catalog?n=100000")
    assert (every.status, json.loads(every.body)["repositories"]) == (200, ["public/app", "secret/app"])
    assert "Link" not in every.headers
    first = client.send("ci", "GET", "/v2/_catalog?n=1")
    assert first.headers["Link"] == '</v2/_catalog?last=public%2Fapp&n=1>; rel="next"'


def test_who_logs_in_needs_no_token(served: Served, client: Client) -> None:
    """Whoever asks for `/v2/` first can have a token without a login; a request itself is asked for the login."""
    served.let_in(USERS, ["public"])
    realm = 'Bearer realm="https://registry.test/token",service="registry.test"'
    challenges = {
        "/v2/": realm,
        "/v2/_catalog": 'Basic realm="registry.test"',
        "/v2/secret/app/manifests/v1": 'Basic realm="registry.test"',
        f"/v2/secret/app/blobs/{SECRET}": 'Basic realm="registry.test"',
        "/v2/public/app/manifests/v1": None,
        BLOB: None,
    }
    got = {target: client.send("", "HEAD", target).headers["WWW-Authenticate"] for target in challenges}
    assert got == challenges
    wrong = client.send("", "GET", "/v2/secret/app/tags/list", Authorization=basic("ci", "x"))
    assert wrong.headers["WWW-Authenticate"] == 'Basic realm="registry.test"'
    expired = client.send("", "GET", "/v2/secret/app/tags/list", Authorization="Bearer a.b")
    scope = ',scope="repository:secret/app:pull",error="invalid_token"'
    assert expired.headers["WWW-Authenticate"] == realm + scope
    served.let_in(USERS)
    assert client.send("", "GET", "/v2/").headers["WWW-Authenticate"] == 'Basic realm="registry.test"'


HASTY: Edits = {
    "nginx.conf": [
        ("900s", "5s"),
        ("tokens off;", "tokens off; client_body_timeout 400ms; send_timeout 400ms; client_header_timeout 400ms;"),
    ]
}
"""What is a minute where nothing else is said is less than a pause, and what is more is more."""
PAUSE = 1


def paused(client: Client, request_lines: list[str], body: bytes = b"", at: int = 0, take: int = 0) -> Answer:
    """Make a pause after some bytes of the request, or of the answer's body."""
    connection = client.connected()
    head = [*request_lines, "Host: registry.test", "Connection: close", f"Authorization: {basic('ci', PASSWORD)}"]
    sent = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body
    with connection.sock as tls:
        tls.sendall(sent[:at])
        time.sleep(PAUSE if at else 0)
        tls.sendall(sent[at:])
        response = http.client.HTTPResponse(tls)
        response.begin()
        first = response.read(take)
        time.sleep(PAUSE if take else 0)
        return Answer(response.status, response.headers, first + response.read())


def test_a_client_may_pause_in_what_it_sends_and_in_what_it_takes(served: Served, client: Client) -> None:
    served.configure(HASTY)
    # More than fits into what lies between nginx and a client that does not read.
    content = b"x" * 20_000_000
    for body, at in ((b"small", -2), (content, 0)):
        upload = client.send("ci", "POST", "/v2/public/app/blobs/uploads/").headers["Location"]
        put = f"PUT {upload}&digest={digest_of(body)} HTTP/1.1"
        assert paused(client, [put], body, at=at).status == 201
    get = f"GET /v2/public/app/blobs/{digest_of(content)} HTTP/1.1"
    for condition in ("X-None: of it", f'If-None-Match: "{LAYER}"'):
        assert len(paused(client, [get, condition], take=1000).body) == len(content)
    with pytest.raises((OSError, http.client.HTTPException)):
        paused(client, ["GET /v2/ HTTP/1.1"], at=20)
    served.configure({})


def test_a_connection_of_http2_does_not_end_after_a_number_of_requests(client: Client) -> None:
    opened = []

    def trace(event: str, _: object) -> None:
        if event == "connection.connect_tcp.complete":
            opened.append(event)

    url = f"https://{client.address}:{client.port}/healthz"
    with httpx.Client(http2=True, verify=False) as http2:  # noqa: S501 - nothing is secret here
        answers = {http2.get(url, extensions={"trace": trace}).http_version for _ in range(1100)}
    assert (answers, len(opened)) == ({"HTTP/2"}, 1)
