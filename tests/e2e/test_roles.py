"""Who may do what: each role, each kind of request, and what somebody might try instead.

The tests are one story: at first everybody has to log in, then ``public`` may be pulled without.
"""

import hashlib
import http.client
import json
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bcrypt
import pytest

from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import Hosts
from tests.e2e.load import MANIFEST, Connection
from tests.e2e.stack import Stack

NAME = "roles"
PASSWORD = "correct horse battery"
EVERYWHERE = ("puller", "pusher", "admin")
IN_TEAM = ("team-puller", "team-pusher", "team-admin")
USERS = (*EVERYWHERE, *IN_TEAM)
REPOSITORIES = ("team/app", "teammate/app", "secret/app", "public/app")
MAKE = "tar -c -C /etc hostname | docker import - registry.test/{0}/made:1 && docker push registry.test/{0}/made:1"
ABSENT = f"sha256:{'0' * 64}"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer(repository: str) -> bytes:
    return f"the layer of {repository}".encode()


SECRET = digest_of(layer("secret/app"))


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

    def send(self, user: str, method: str, target: str, body: bytes = b"", /, **headers: str) -> Answer:
        """Send a request with a target that no library has put right."""
        known = {name.replace("_", "-"): value for name, value in headers.items()}
        if user and "Authorization" not in known:
            known["Authorization"] = basic(user, PASSWORD)
        known.setdefault("Accept", MANIFEST)
        known["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1", "Host: registry.test", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in known.items()]
        connection = Connection("registry.test", NETWORK.gateway, self.authority, keep=False)
        try:
            connection.connect()
            assert isinstance(connection.sock, ssl.SSLSocket)
            connection.sock.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            response = http.client.HTTPResponse(connection.sock, method=method)
            response.begin()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def push(self, user: str, repository: str) -> None:
        """Push an image of one layer with the tag v1."""
        content = layer(repository)
        started = self.send(user, "POST", f"/v2/{repository}/blobs/uploads/")
        location = started.headers["Location"]
        put = self.send(user, "PUT", f"{location}&digest={digest_of(content)}", content)
        assert put.status == 201, put
        described = {"mediaType": "application/octet-stream", "digest": digest_of(content), "size": len(content)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [described]}
        text = json.dumps(manifest).encode()
        assert self.send(user, "PUT", f"/v2/{repository}/manifests/v1", text, Content_Type=MANIFEST).status == 201


def basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def users() -> list[dict[str, Any]]:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return [
        *({"name": name, "password": PASSWORD, "access": access} for name, access in levels(EVERYWHERE)),
        *({"name": name, "password": hashed, "access": access, "repositories": ["team"]}
          for name, access in levels(IN_TEAM)),
    ]  # fmt: skip


def levels(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip(names, ("pull", "push", "admin"), strict=True)


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts, "one", "two"))
    stack.configure(deleteData=True, users=users())
    stack.up()
    yield stack
    stack.destroy()


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    client = Client(stack.outputs()["ca_certificate"])
    for repository in REPOSITORIES:
        client.push("pusher", repository)
    return client


EVERYBODY, NOBODY = " ".join(USERS), "nobody"
ALL_PULL, TEAM_PULL = "puller pusher admin", EVERYBODY
ALL_PUSH, TEAM_PUSH = "pusher admin", "pusher admin team-pusher team-admin"
ALL_DELETE, TEAM_DELETE = "admin", "admin team-admin"
TEAM_LAYER, PUBLIC = digest_of(layer("team/app")), digest_of(layer("public/app"))
MOUNT = "/v2/{to}/blobs/uploads/?mount={digest}&from={source}"

MATRIX = [
    # method, target, what somebody gets who may, who may
    ("GET", "/v2/", 200, EVERYBODY),
    ("HEAD", "/v2/", 200, EVERYBODY),
    ("GET", "/v2/_catalog", 200, ALL_PULL),
    ("GET", "/v2/_catalog?n=1&last=a", 200, ALL_PULL),
    ("GET", "/v2/team/app/tags/list", 200, TEAM_PULL),
    ("GET", "/v2/secret/app/tags/list", 200, ALL_PULL),
    # The name of a repository is no prefix of letters.
    ("GET", "/v2/teammate/app/tags/list", 200, ALL_PULL),
    ("GET", "/v2/team/tags/list", 404, TEAM_PULL),
    ("GET", "/v2/team/app/manifests/v1", 200, TEAM_PULL),
    ("HEAD", "/v2/team/app/manifests/v1", 200, TEAM_PULL),
    ("GET", "/v2/secret/app/manifests/v1", 200, ALL_PULL),
    ("GET", f"/v2/secret/app/manifests/{ABSENT}", 404, ALL_PULL),
    ("GET", f"/v2/team/app/blobs/{TEAM_LAYER}", 200, TEAM_PULL),
    ("HEAD", f"/v2/team/app/blobs/{TEAM_LAYER}", 200, TEAM_PULL),
    ("GET", f"/v2/secret/app/blobs/{SECRET}", 200, ALL_PULL),
    # What another repository has is not this one's.
    ("GET", f"/v2/team/app/blobs/{SECRET}", 404, TEAM_PULL),
    ("GET", f"/v2/team/app/referrers/{ABSENT}", 404, TEAM_PULL),
    ("GET", f"/v2/secret/app/referrers/{ABSENT}", 404, ALL_PULL),
    ("PUT", "/v2/team/app/manifests/broken", 400, TEAM_PUSH),
    ("PUT", "/v2/secret/app/manifests/broken", 400, ALL_PUSH),
    ("POST", "/v2/team/new/blobs/uploads/", 202, TEAM_PUSH),
    ("POST", "/v2/secret/new/blobs/uploads/", 202, ALL_PUSH),
    ("GET", "/v2/team/app/blobs/uploads/1b4e28ba-2fa1-11d2-883f-0016d3cca427", 404, TEAM_PUSH),
    ("PATCH", "/v2/secret/app/blobs/uploads/1b4e28ba-2fa1-11d2-883f-0016d3cca427", 404, ALL_PUSH),
    ("PUT", "/v2/secret/app/blobs/uploads/1b4e28ba-2fa1-11d2-883f-0016d3cca427", 404, ALL_PUSH),
    ("DELETE", "/v2/team/app/blobs/uploads/1b4e28ba-2fa1-11d2-883f-0016d3cca427", 404, TEAM_PUSH),
    ("DELETE", f"/v2/team/app/manifests/{ABSENT}", 404, TEAM_DELETE),
    ("DELETE", "/v2/team/app/manifests/absent", 404, TEAM_DELETE),
    ("DELETE", f"/v2/secret/app/manifests/{ABSENT}", 404, ALL_DELETE),
    ("DELETE", f"/v2/team/app/blobs/{ABSENT}", 404, TEAM_DELETE),
    ("DELETE", f"/v2/secret/app/blobs/{ABSENT}", 404, ALL_DELETE),
    # Nobody pulls from here without a login, until that is declared.
    ("GET", "/v2/public/app/tags/list", 200, ALL_PULL),
    ("GET", "/v2/public/app/manifests/v1", 200, ALL_PULL),
    ("GET", f"/v2/public/app/blobs/{PUBLIC}", 200, ALL_PULL),
    ("GET", f"/v2/public/app/referrers/{ABSENT}", 404, ALL_PULL),
    ("PUT", "/v2/public/app/manifests/broken", 400, ALL_PUSH),
    ("POST", "/v2/public/new/blobs/uploads/", 202, ALL_PUSH),
    ("DELETE", f"/v2/public/app/manifests/{ABSENT}", 404, ALL_DELETE),
    # A mount reads where it comes from.
    ("POST", MOUNT.format(to="team/copy", digest=PUBLIC, source="public/app"), 201, ALL_PUSH),
    ("POST", MOUNT.format(to="team/copy", digest=TEAM_LAYER, source="team/app"), 201, TEAM_PUSH),
    ("POST", MOUNT.format(to="team/copy", digest=SECRET, source="secret/app"), 201, ALL_PUSH),
    ("POST", MOUNT.format(to="team/copy", digest=SECRET, source="secret%2Fapp"), 201, ALL_PUSH),
    ("POST", MOUNT.format(to="secret/copy", digest=TEAM_LAYER, source="team/app"), 201, ALL_PUSH),
]  # fmt: skip


def once_public_is_open(method: str, target: str, status: int, allowed: str) -> tuple[str, str, int, str]:
    """Return a row of the matrix as it is when everybody may pull ``public``."""
    if "public" in target and allowed == ALL_PULL:
        return method, target, status, f"{EVERYBODY} {NOBODY}"
    if "from=public" in target:
        return method, target, status, TEAM_PUSH
    return method, target, status, allowed


def judged(client: Client, user: str, method: str, target: str, status: int, allowed: str) -> None:
    answer = client.send(user, method, target)
    if (user or NOBODY) in allowed.split():
        assert (answer.status, set(answer.codes) & {"DENIED", "UNAUTHORIZED"}) == (status, set())
    else:
        assert answer.status == (403 if user else 401)
        if method != "HEAD":
            assert answer.codes == ["DENIED" if user else "UNAUTHORIZED"]


@pytest.mark.parametrize("user", [*USERS, ""])
@pytest.mark.parametrize(("method", "target", "status", "allowed"), MATRIX)
def test_a_role_may_do_what_it_says(
    client: Client, user: str, method: str, target: str, status: int, allowed: str
) -> None:
    judged(client, user, method, target, status, allowed)


UPLOADS = "/v2/team/attempt/blobs/uploads/"
HOSTILE = [
    ("GET", "/v2/team/../secret/app/manifests/v1"),
    ("GET", "/v2/team/%2e%2e/secret/app/manifests/v1"),
    ("GET", "/v2/team%2F..%2Fsecret/app/manifests/v1"),
    ("GET", "/v2/team/..%2Fsecret/app/manifests/v1"),
    ("GET", "/v2/secret%2Fapp/manifests/v1"),
    ("GET", "/v2//secret/app/manifests/v1"),
    ("GET", "//v2/secret/app/manifests/v1"),
    ("GET", "/v2/./secret/app/manifests/v1"),
    ("GET", "/v2/SECRET/app/manifests/v1"),
    ("GET", "/V2/secret/app/manifests/v1"),
    ("GET", "/v2/secret/app/manifests/v1?x=/v2/team/app/manifests/v1"),
    ("GET", "/v2/secret/app/manifests/v1#/v2/team/app/manifests/v1"),
    ("GET", "/v2/secret/app/manifests/v1;/v2/team/app/manifests/v1"),
    ("GET", "/v2/secret/app/manifests/v1%00"),
    ("GET", "/v2/secret/app/manifests/v1/"),
    ("GET", "/v2/team/app/manifests/../../secret/app/manifests/v1"),
    ("GET", "/v2/team/app/blobs/uploads/../../../secret/app/manifests/v1"),
    ("GET", "http://registry.test/v2/secret/app/manifests/v1"),
    ("GET", "https://127.0.0.1/v2/secret/app/manifests/v1"),
    ("GET", "/blob"),
    ("GET", "/access"),
    ("GET", "/token/../v2/secret/app/manifests/v1"),
    ("POST", "/token"),
    ("CONNECT", "registry.test:443"),
    ("CONNECT", "/v2/secret/app/manifests/v1"),
    ("get", "/v2/secret/app/manifests/v1"),
    ("OPTIONS", "/v2/secret/app/manifests/v1"),
    ("TRACE", "/v2/secret/app/manifests/v1"),
    ("POST", "/v2/secret/app/manifests/v1"),
    ("POST", f"{UPLOADS}?mount={SECRET}&from=team/app&from=secret/app"),
    ("POST", f"{UPLOADS}?mount={SECRET}&from=secret/app&from=team/app"),
    ("POST", f"{UPLOADS}?mount={SECRET}&fro%6d=secret/app"),
    ("POST", f"{UPLOADS}?mount={SECRET}&from=team/../secret/app"),
]


@pytest.mark.parametrize(("method", "target"), HOSTILE)
def test_a_detour_leads_nowhere(client: Client, method: str, target: str) -> None:
    answer = client.send("team-admin", method, target)
    assert 400 <= answer.status < 500
    assert answer.codes, "an error as the specification has it"
    assert SECRET.encode() not in answer.body
    assert client.send("team-admin", "GET", f"/v2/team/attempt/blobs/{SECRET}").status == 404


@pytest.fixture(scope="module", autouse=True)
def _nothing_of_the_secret_in_the_team(client: Client) -> None:
    assert client.send("admin", "GET", f"/v2/team/attempt/blobs/{SECRET}").status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X_HTTP_Method_Override": "GET"},
        {"X_Original_URI": "/v2/team/app/manifests/v1"},
        {"X_Original_Method": "GET"},
        {"Forwarded": "for=127.0.0.1;host=other.test"},
        {"Authorization": "Bearer ."},
        {"Authorization": f"Bearer {b64encode(b'admin 9999999999').decode()}.AAAA"},
        {"Authorization": "Basic"},
        {"Authorization": basic("admin", "wrong")},
        {"Authorization": basic("~anonymous", "")},
        {"Authorization": basic("admin~previous", PASSWORD)},
    ],
    ids=str,
)
def test_a_header_opens_nothing(client: Client, headers: dict[str, str]) -> None:
    answer = client.send("team-puller", "PUT", "/v2/secret/app/manifests/v1", b"", **headers)
    assert answer.codes == ["UNAUTHORIZED" if "Authorization" in headers else "DENIED"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=b"])
def test_a_mount_can_not_hide_its_source_in_a_form(client: Client, kind: str) -> None:
    form = f"mount={SECRET}&from=secret/app".encode()
    if "boundary" in kind:
        parts = {"mount": SECRET, "from": "secret/app"}
        lines = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}' for name, text in parts.items()]
        form = "\r\n".join([*lines, "--b--", ""]).encode()
    answer = client.send("team-pusher", "POST", UPLOADS, form, Content_Type=kind)
    assert answer.status != 201
    assert client.send("team-pusher", "GET", f"/v2/team/attempt/blobs/{SECRET}").status == 404


def test_docker_and_skopeo_meet_the_same_rights(client_hosts: Hosts) -> None:
    def login(user: str) -> None:
        client_hosts.inside("one", f"docker login -u {user} --password-stdin registry.test", PASSWORD)

    for user in USERS:
        login(user)
    login("team-puller")
    assert "denied" in client_hosts.fails("one", MAKE.format("team"))
    assert "denied" in client_hosts.fails("one", "docker pull registry.test/secret/app:v1")
    login("team-pusher")
    client_hosts.inside("one", MAKE.format("team"))
    assert "denied" in client_hosts.fails("one", MAKE.format("secret"))
    client_hosts.inside("one", "docker image rm registry.test/team/made:1 && docker pull registry.test/team/made:1")
    refused = client_hosts.fails("one", "echo wrong | docker login -u admin --password-stdin registry.test")
    assert "401" in refused or "unauthorized" in refused

    image = "docker://registry.test/team/made:1"
    copy = 'skopeo copy --src-creds "team-puller:$(cat)" ' + image + " dir:/tmp/copied"
    client_hosts.inside("one", copy, PASSWORD)
    delete = 'skopeo delete --creds "{}:$(cat)" ' + image
    assert "denied" in client_hosts.fails("one", delete.format("team-pusher"), PASSWORD).lower()
    client_hosts.inside("one", delete.format("team-admin"), PASSWORD)
    client_hosts.fails("one", copy, PASSWORD)
    client_hosts.inside("one", "docker logout registry.test")


def test_who_has_to_log_in_is_told_how(client: Client) -> None:
    assert client.send("", "GET", "/v2/").headers["WWW-Authenticate"] == 'Basic realm="registry.test"'


def test_a_path_without_its_slash_is_put_right(client: Client) -> None:
    redirected = client.send("puller", "GET", "/v2")
    assert (redirected.status, redirected.headers["Location"]) == (301, "/v2/")


@pytest.fixture(scope="module")
def opened(stack: Stack, client: Client) -> Client:
    """The same once everybody may pull ``public``."""
    stack.configure(anonymousPull=["public"])
    stack.up()
    return client


@pytest.mark.parametrize("user", [*USERS, ""])
@pytest.mark.parametrize(("method", "target", "status", "allowed"), [once_public_is_open(*row) for row in MATRIX])
def test_a_role_may_do_what_it_says_where_everybody_may_pull(
    opened: Client, user: str, method: str, target: str, status: int, allowed: str
) -> None:
    judged(opened, user, method, target, status, allowed)


def test_everybody_may_pull_where_that_is_declared(opened: Client, client_hosts: Hosts) -> None:
    client = opened
    asked = client.send("", "GET", "/v2/")
    realm = 'Bearer realm="https://registry.test/token",service="registry.test"'
    assert (asked.status, asked.headers["WWW-Authenticate"]) == (401, realm)
    assert client.send("", "GET", "/v2/public/app/manifests/v1").status == 200
    assert client.send("", "GET", "/v2/secret/app/manifests/v1").status == 401
    assert client.send("", "POST", "/v2/public/app/blobs/uploads/").status == 401
    assert client.send("", "GET", "/v2/_catalog").status == 401
    assert client.send("pusher", "GET", "/v2/").status == 200

    def with_token(user: str, method: str, target: str) -> int:
        token = json.loads(client.send(user, "GET", "/token?service=registry.test").body)["token"]
        return client.send("", method, target, Authorization=f"Bearer {token}").status

    assert with_token("", "GET", "/v2/") == 200
    assert with_token("", "GET", "/v2/public/app/manifests/v1") == 200
    assert with_token("", "GET", "/v2/secret/app/manifests/v1") == 401
    assert with_token("", "DELETE", f"/v2/public/app/manifests/{ABSENT}") == 401
    assert with_token("puller", "GET", "/v2/secret/app/manifests/v1") == 200
    assert with_token("puller", "POST", "/v2/secret/app/blobs/uploads/") == 403
    assert with_token("pusher", "POST", "/v2/secret/app/blobs/uploads/") == 202
    assert client.send("", "GET", "/token", Authorization=basic("puller", "wrong")).codes == ["UNAUTHORIZED"]

    public = layer("public/app")
    url = f"https://registry.test/v2/public/app/blobs/{digest_of(public)}"
    curl = "curl -sf --cacert /etc/docker/certs.d/registry.test/ca.crt"
    assert client_hosts.inside("one", f"{curl} {url}") == public.decode()


def test_docker_pulls_without_a_login_and_pushes_with_one(client_hosts: Hosts) -> None:
    client_hosts.inside("one", "docker login -u pusher --password-stdin registry.test", PASSWORD)
    for repository in ("public", "secret"):
        client_hosts.inside("one", MAKE.format(repository))
    client_hosts.inside("one", "docker logout registry.test; docker image prune --all --force")
    client_hosts.inside("one", "docker pull registry.test/public/made:1")
    client_hosts.inside("one", "skopeo inspect docker://registry.test/public/made:1")
    client_hosts.fails("one", "docker pull registry.test/secret/made:1")
    client_hosts.fails("one", MAKE.format("public"))
    refused = client_hosts.fails("one", "echo wrong | docker login -u pusher --password-stdin registry.test")
    assert "unauthorized" in refused.lower() or "401" in refused
