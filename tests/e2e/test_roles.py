"""Who may do what: each role, each kind of request, and what somebody might try instead.

The tests are one story: at first everybody has to log in, then ``public`` may be pulled without.
Costs 2 updates and 2 previews, and two hosts.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import bcrypt
import pulumi.automation as auto
import pytest

from tests.client import PASSWORD, Client, basic, digest_of, layer
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import Hosts
from tests.e2e.stack import Stack

NAME = "roles"
EVERYWHERE = ("puller", "pusher", "admin")
IN_TEAM = ("team-puller", "team-pusher", "team-admin")
USERS = (*EVERYWHERE, *IN_TEAM)
ODD = ("robot$ci", "a@b.example", "CORP\\ci", "José", "-x", '"quoted"')
REPOSITORIES = ("team/app", "teammate/app", "secret/app", "public/app")
MAKE = "tar -c -C /etc hostname | docker import - registry.test/{0}/made:1 && docker push registry.test/{0}/made:1"
ABSENT = f"sha256:{'0' * 64}"


SECRET = digest_of(layer("secret/app"))


def users() -> list[dict[str, Any]]:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return [
        *({"name": name, "password": PASSWORD, "access": access} for name, access in levels(EVERYWHERE)),
        *({"name": name, "password": hashed, "access": access, "repositories": ["team"]}
          for name, access in levels(IN_TEAM)),
        *({"name": name, "password": PASSWORD, "access": "pull"} for name in ODD),
    ]  # fmt: skip


def levels(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip(names, ("pull", "push", "admin"), strict=True)


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts, "one", "two")) as stack:
        stack.configure(deleteData=True, users=users())
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    client = Client(stack.outputs()["ca_certificate"], NETWORK.gateway)
    for repository in REPOSITORIES:
        client.push("pusher", repository)
    return client


EVERYBODY, NOBODY = " ".join(USERS), "nobody"
ALL_PULL, TEAM_PULL = "puller pusher admin", EVERYBODY
ALL_PUSH, TEAM_PUSH = "pusher admin", "pusher admin team-pusher team-admin"
ALL_DELETE, TEAM_DELETE = "admin", "admin team-admin"
TEAM_LAYER, PUBLIC = digest_of(layer("team/app")), digest_of(layer("public/app"))

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
]  # fmt: skip


def once_public_is_open(method: str, target: str, status: int, allowed: str) -> tuple[str, str, int, str]:
    """Return a row of the matrix as it is when everybody may pull ``public``."""
    if "public" in target and allowed == ALL_PULL:
        return method, target, status, f"{EVERYBODY} {NOBODY}"
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


MOUNTS = [
    # to, digest, from, who may push to the one, who may pull from the other as well
    ("team/copy", TEAM_LAYER, "team/app", TEAM_PUSH, TEAM_PUSH),
    ("team/copy", SECRET, "secret/app", TEAM_PUSH, ALL_PUSH),
    ("team/copy", SECRET, "secret%2Fapp", TEAM_PUSH, ALL_PUSH),
    ("secret/copy", TEAM_LAYER, "team/app", ALL_PUSH, ALL_PUSH),
]


@pytest.mark.parametrize("user", [*USERS, ""])
@pytest.mark.parametrize(("to", "digest", "source", "pushers", "readers"), MOUNTS)
def test_a_mount_of_what_one_may_not_pull_is_an_upload(
    client: Client, user: str, to: str, digest: str, source: str, pushers: str, readers: str
) -> None:
    repository = f"{to}/{user or NOBODY}"
    target = f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}"
    judged(client, user, "POST", target, 201 if user in readers.split() else 202, pushers)
    present = client.send("admin", "HEAD", f"/v2/{repository}/blobs/{digest}").status
    assert present == (200 if user in readers.split() else 404)


@pytest.mark.parametrize("name", ODD)
def test_a_name_that_docker_takes_logs_in(client: Client, client_hosts: Hosts, name: str) -> None:
    assert client.send(name, "GET", "/v2/secret/app/tags/list").status == 200
    assert client.send(name, "GET", "/v2/", Authorization=basic(name, "wrong")).status == 401
    client_hosts.inside("one", f"docker login -u '{name}' --password-stdin registry.test", PASSWORD)
    client_hosts.inside("one", "docker logout registry.test")


def test_a_preview_computes_no_hash_again(stack: Stack) -> None:
    assert len([user for user in users() if user["password"] == PASSWORD]) > 4, "fewer are computed anew"
    with stack.altered("no_hashing"):
        assert stack.preview() == []
        stack.configure(users=[*users()[:-1], {**users()[-1], "password": "another"}])
        with pytest.raises(auto.CommandError):
            stack.preview()
    stack.configure(users=users())


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
    for name in ODD:
        assert with_token(name, "GET", "/v2/secret/app/manifests/v1") == 200
    assert with_token("puller", "POST", "/v2/secret/app/blobs/uploads/") == 403
    assert with_token("pusher", "POST", "/v2/secret/app/blobs/uploads/") == 202
    assert client.send("", "GET", "/token", Authorization=basic("puller", "wrong")).codes == ["UNAUTHORIZED"]

    public = layer("public/app")
    url = f"https://registry.test/v2/public/app/blobs/{digest_of(public)}"
    curl = "curl -sf --cacert /etc/docker/certs.d/registry.test/ca.crt"
    assert client_hosts.inside("one", f"{curl} {url}") == public.decode()


FROM = r"printf 'FROM registry.test/secret/made:1\nLABEL built=yes\n'"
BUILD = FROM + " | docker build --quiet --pull --tag {0} - && docker push {0}"
STALE = json.dumps({"auths": {"registry.test": {"auth": basic("pusher", "stale").split()[1]}}})


@pytest.mark.parametrize("host", ["one", "two"])
def test_docker_pulls_without_a_login_and_pushes_with_one(client_hosts: Hosts, host: str) -> None:
    client_hosts.inside(host, "docker login -u pusher --password-stdin registry.test", PASSWORD)
    for repository in ("public", "secret"):
        client_hosts.inside(host, MAKE.format(repository))
    client_hosts.inside(host, "docker image prune --all --force")
    for repository in ("public", "secret"):
        client_hosts.inside(host, BUILD.format(f"registry.test/{repository}/built:1"))
    client_hosts.inside(host, "docker logout registry.test; docker image prune --all --force")
    client_hosts.inside(host, "docker pull registry.test/public/made:1")
    client_hosts.inside(host, "skopeo inspect docker://registry.test/public/made:1")
    client_hosts.fails(host, "docker pull registry.test/secret/made:1")
    client_hosts.fails(host, MAKE.format("public"))
    refused = client_hosts.fails(host, "echo wrong | docker login -u pusher --password-stdin registry.test")
    assert "wrong user name or password" in refused


def test_docker_says_at_once_what_to_do(client_hosts: Hosts) -> None:
    first = "log in to registry.test first: docker login registry.test"
    wrong = "wrong user name or password, log in again: docker login registry.test"
    commands = ("docker pull registry.test/secret/made:1", MAKE.format("secret"))
    for said, config in ((first, "{}"), (wrong, STALE)):
        client_hosts.inside("one", "mkdir -p /root/.docker && cat > /root/.docker/config.json", config)
        for command in commands:
            printed = client_hosts.fails("one", command)
            assert said in printed
            assert "Retrying" not in printed
    client_hosts.inside("one", "docker login -u pusher --password-stdin registry.test", PASSWORD)
    client_hosts.inside("one", MAKE.format("secret"))
    client_hosts.inside("one", "docker logout registry.test")
