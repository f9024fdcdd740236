"""Layers of a bucket, which nginx keeps: real nginx, registry and S3 server, with a relay between each two of them."""

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import bcrypt
import pytest

from components.proxy.config import CACHE, CACHE_FOLDER, HTTPS_PORT, CacheConfig
from components.proxy.login.htpasswd import Login
from lab import servers
from lab.run import run
from operations.verify_data.connection import Asked
from operations.verify_data.walk import Tag, Wrong, check
from tests.client import PASSWORD, Answer, Client, basic, digest_of, layer
from tests.e2e.bucket import serving
from tests.e2e.load import MANIFEST
from tests.scripts.relay import Relay, relaying
from tests.scripts.served import Edits, Served
from tests.scripts.test_served import PARTS, in_form

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = {"ci": Login([HASH], "admin", ["*"]), "team": Login([HASH], "push", ["team"])}
SMALL: Edits = {"nginx.conf": [("slice 128m", "slice 1m")]}
PIECES = 5
BIG = bytes(range(256)) * 4096 * PIECES
"""A layer of so many pieces, where a piece is as small as that."""
HASTY: Edits = {
    "nginx.conf": [
        *SMALL["nginx.conf"],
        ("200 206 1h", "200 206 1s"),
        ("max_size=1g", "max_size=3m"),
        ("read_timeout 30s", "read_timeout 2s"),
    ]
}
LAYER = digest_of(layer("public/app"))
BLOB = f"/v2/public/app/blobs/{LAYER}"


@dataclass(frozen=True)
class Bucketed:
    """A registry with a bucket."""

    served: Served
    client: Client
    registry: Relay
    """What nginx asks it."""
    bucket: Relay
    """What it asks the bucket."""
    objects: Path
    """The folder with all that is in the bucket."""

    def pull(self, repository: str, content: bytes, user: str = "ci", **headers: str) -> Answer:
        return self.client.send(user, "GET", f"/v2/{repository}/blobs/{digest_of(content)}", **headers)

    def ask_registry(self, method: str, path: str, **headers: str) -> Answer:
        """Ask it past nginx."""
        with closing(http.client.HTTPConnection(*self.registry.target)) as connection:
            connection.request(method, path, headers={name.replace("_", "-"): said for name, said in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def fetched(self, content: bytes) -> int:
        """Return how many times the registry was asked for a layer, or a piece of it."""
        return len(self.registry.gets(digest_of(content)))

    def read(self, content: bytes) -> int:
        """Return how many times the bucket was asked for its bytes."""
        data = f"{digest_of(content).partition(':')[2]}/data"
        return len(self.bucket.gets(data))


@pytest.fixture(scope="module")
def started(found_images: dict[str, str], gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucketed]:
    folder = tmp_path_factory.mktemp("cached")
    folder.chmod(0o755)
    with (
        serving(servers.S3.ensure(), tmp_path_factory.mktemp("s3"), gateway) as bucket,
        relaying(gateway, bucket.place) as between,
        relaying(gateway, ("", 0)) as to_registry,
    ):
        relayed = replace(bucket, endpoint=f"http://{gateway}:{between.port}")
        served = Served("cached", found_images, folder, relayed.driver)
        served.upstream, served.between = (gateway, to_registry.port), to_registry
        served.cache = CacheConfig(1, "aa")
        served.start(USERS)
        served.configure(SMALL)
        client = served.client()
        for repository in ("public/app", "secret/app"):
            client.push("ci", repository)
        yield Bucketed(served, client, to_registry, between, bucket.folder)
        served.stop()


@pytest.fixture
def bucketed(started: Bucketed) -> Iterator[Bucketed]:
    """With nothing asked so far, and nothing in anybody's way afterwards."""
    for relay in (started.registry, started.bucket):
        relay.requests.clear()
    yield started
    for relay in (started.registry, started.bucket):
        relay.is_down, relay.cut_after, relay.delay = False, None, 0


@pytest.mark.parametrize(("headers", "status"), PARTS, ids=str)
def test_a_cached_layer_is_sent_as_the_registry_sends_it(
    bucketed: Bucketed, headers: dict[str, str], status: int
) -> None:
    def said(got: Answer) -> tuple[int, dict[str, str], bytes]:
        names = ("Content-Length", "Content-Type", "Content-Range", "ETag", "Docker-Content-Digest", "Cache-Control")
        more = ("Docker-Distribution-Api-Version", "X-Content-Type-Options")
        return got.status, {name: got.headers[name] for name in (*names, *more) if name in got.headers}, got.body

    for _ in range(2):
        got = bucketed.client.send("ci", "GET", BLOB, **headers)
        assert got.status == status
        if status < 400:
            assert said(got) == said(bucketed.ask_registry("GET", BLOB, **headers))
        else:
            in_form(got, status)
        if status == 416:
            assert got.headers["Content-Range"] == f"bytes */{len(layer('public/app'))}"


def test_who_may_not_pull_gets_nothing_of_what_is_cached(bucketed: Bucketed) -> None:
    content = layer("secret/app")
    assert bucketed.pull("secret/app", content).body == content
    in_form(bucketed.pull("secret/app", content, user="team"), 403)
    in_form(bucketed.pull("secret/app", content, user=""), 401)
    # By the same digest, where the layer is not.
    assert bucketed.client.send("team", "POST", "/v2/team/app/blobs/uploads/").status == 202
    assert bucketed.pull("team/app", content, user="team").status == 404
    bucketed.client.push("team", "team/app", content=content)
    assert bucketed.pull("team/app", content, user="team").body == content


def test_a_check_of_the_data_reads_what_is_stored_and_not_what_is_cached(bucketed: Bucketed) -> None:
    content = b"of a layer that rots"
    bucketed.client.push("ci", "rotten/app", content=content)
    assert bucketed.pull("rotten/app", content).body == content
    client, digest = bucketed.client, digest_of(content)
    (file,) = bucketed.objects.rglob(f"{digest.partition(':')[2]}/data")
    file.write_bytes(b"n" + content[1:])
    assert bucketed.pull("rotten/app", content).body == content, "it is cached"
    url = f"https://registry.test:{HTTPS_PORT}"
    (found,) = check(Asked(url, client.authority, "ci", PASSWORD, client.address), ["rotten/app"]).findings
    assert (found.wrong, found.digest, found.tags) == (Wrong.CHANGED, digest, (Tag("rotten/app", "v1"),))


def test_many_who_ask_at_once_wait_for_one_fetch(bucketed: Bucketed) -> None:
    bucketed.client.push("ci", "big/app", content=BIG)
    bucketed.registry.delay = 0.002
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: bucketed.pull("big/app", BIG), range(8)))
    assert {digest_of(one.body) for one in answers} == {digest_of(BIG)}
    assert (bucketed.fetched(BIG), bucketed.read(BIG)) == (PIECES, PIECES)
    assert bucketed.pull("big/app", BIG).body == BIG
    assert bucketed.fetched(BIG) == PIECES


def test_a_part_of_a_layer_takes_no_more_than_its_pieces(bucketed: Bucketed) -> None:
    content = BIG[1:] + b"of a part"
    bucketed.client.push("ci", "part/app", content=content)
    at = 2_500_000
    got = bucketed.pull("part/app", content, Range=f"bytes={at}-{at}")
    assert (got.status, got.body) == (206, content[at : at + 1])
    assert got.headers["Content-Range"] == f"bytes {at}-{at}/{len(content)}"
    assert bucketed.fetched(content) == 1
    far = bucketed.pull("part/app", content, Range="bytes=99000000-")
    in_form(far, 416)
    assert far.headers["Content-Range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize("pieces", [0.5, 2.5], ids=str)
def test_a_fetch_that_breaks_off_is_never_taken_for_whole(bucketed: Bucketed, pieces: float) -> None:
    content = BIG[:-1] + str(pieces).encode()
    bucketed.client.push("ci", "cut/app", content=content)
    bucketed.registry.cut_after = int(pieces * 2**20)
    with pytest.raises((http.client.IncompleteRead, OSError)):
        bucketed.pull("cut/app", content)
    bucketed.registry.cut_after = None
    before = bucketed.fetched(content)
    assert digest_of(bucketed.pull("cut/app", content).body) == digest_of(content)
    assert bucketed.fetched(content) - before == PIECES + 1 - int(pieces), "what came whole is not got again"


def test_a_client_that_goes_away_leaves_no_half_of_a_piece(bucketed: Bucketed) -> None:
    content = BIG[:-1] + b"gone"
    bucketed.client.push("ci", "gone/app", content=content)
    bucketed.registry.delay = 0.01
    connection = bucketed.client.connected()
    connection.sock.sendall(
        f"GET /v2/gone/app/blobs/{digest_of(content)} HTTP/1.1\r\nHost: registry.test\r\n".encode()
        + f"Authorization: {basic('ci', PASSWORD)}\r\n\r\n".encode()
    )
    connection.sock.recv(100_000)
    connection.close()
    assert digest_of(bucketed.pull("gone/app", content).body) == digest_of(content)


def test_what_is_deleted_is_no_answer_any_more(bucketed: Bucketed) -> None:
    content = b"of two repositories"
    for repository in ("deleted/app", "kept/app"):
        bucketed.client.push("ci", repository, content=content)
        assert bucketed.pull(repository, content).status == 200
    path = f"/v2/deleted/app/blobs/{digest_of(content)}"
    assert bucketed.client.send("team", "DELETE", path).status == 403
    assert bucketed.pull("deleted/app", content).status == 200
    assert bucketed.client.send("ci", "DELETE", path).status == 202
    assert bucketed.pull("deleted/app", content).status == 404
    assert bucketed.pull("kept/app", content).status == 200
    bucketed.client.push("ci", "deleted/app", content=content)
    assert bucketed.pull("deleted/app", content).status == 200


def test_a_manifest_is_that_of_now(bucketed: Bucketed) -> None:
    first, second = (bucketed.client.push("ci", "tagged/app", content=one) for one in (b"first", b"second"))
    assert bucketed.client.pull("ci", "tagged/app") == second
    bucketed.client.push("ci", "tagged/app", content=b"first")
    assert bucketed.client.pull("ci", "tagged/app") == first
    assert bucketed.client.send("ci", "DELETE", f"/v2/tagged/app/manifests/{first}").status == 202
    assert bucketed.client.send("ci", "GET", "/v2/tagged/app/manifests/v1").status == 404


def test_while_the_bucket_is_down_what_is_cached_still_pulls(bucketed: Bucketed) -> None:
    bucketed.served.configure(HASTY)
    content = BIG[: 2**20] + b"pulled before, of two pieces"
    digest = bucketed.client.push("ci", "warm/app", content=content)
    bucketed.client.push("ci", "cold/app", content=b"that nobody has pulled")
    assert bucketed.client.pull("ci", "warm/app") == digest
    accept = f"{MANIFEST}, application/vnd.oci.image.index.v1+json"
    assert bucketed.client.send("ci", "HEAD", "/v2/warm/app/manifests/v1", Accept=accept).status == 200
    # The registry is to be asked again.
    time.sleep(2.1)
    bucketed.bucket.go_down()
    for _ in range(2):
        assert bucketed.client.pull("ci", "warm/app") == digest
    # As Docker does, in any order.
    accept = f"application/vnd.oci.image.index.v1+json, {MANIFEST}"
    head = bucketed.client.send("ci", "HEAD", "/v2/warm/app/manifests/v1", Accept=accept)
    assert (head.status, head.headers["Docker-Content-Digest"]) == (200, digest)
    in_form(bucketed.client.send("", "GET", "/v2/warm/app/manifests/v1"), 401)
    others = [
        ("GET", "/v2/cold/app/manifests/v1"),
        ("GET", f"/v2/cold/app/blobs/{digest_of(b'that nobody has pulled')}"),
        ("GET", "/v2/warm/app/tags/list"),
        ("POST", "/v2/warm/app/blobs/uploads/"),
        ("DELETE", f"/v2/warm/app/blobs/{digest_of(content)}"),
    ]
    for method, path in others:
        got = bucketed.client.send("ci", method, path)
        in_form(got, 503)
        assert got.codes == ["UNAVAILABLE"], path
    bucketed.bucket.is_down = False
    assert bucketed.client.pull("ci", "cold/app").startswith("sha256:")
    bucketed.client.push("ci", "back/app")
    bucketed.bucket.delay = 30
    assert bucketed.client.pull("ci", "warm/app") == digest, "one that says nothing is as good as down"


def test_after_an_hour_the_registry_says_whether_a_repository_still_has_a_layer(bucketed: Bucketed) -> None:
    bucketed.served.configure(HASTY)
    content = b"deleted by another way"
    bucketed.client.push("ci", "aged/app", content=content)
    assert bucketed.pull("aged/app", content).status == 200
    time.sleep(2.1)
    assert bucketed.pull("aged/app", content).status == 200
    assert (bucketed.fetched(content), bucketed.read(content)) == (2, 1), "the bytes are still the same"
    assert bucketed.ask_registry("DELETE", f"/v2/aged/app/blobs/{digest_of(content)}").status == 202
    time.sleep(2.1)
    assert bucketed.pull("aged/app", content).status == 404


def test_layers_take_no_more_of_the_disk_than_they_may(bucketed: Bucketed) -> None:
    # What was there before a start, nginx counts a minute after it.
    run(["docker", "exec", bucketed.served.container("proxy"), "sh", "-c", f"rm -rf {CACHE}/?"])
    bucketed.served.configure(HASTY)
    for number in range(3):
        content = BIG[: 2 * 2**20] + str(number).encode()
        bucketed.client.push("ci", "many/app", content=content)
        assert bucketed.pull("many/app", content).body == content
    deadline = time.monotonic() + 40
    while (size := kept(bucketed.served)) > 3 * 2**20:
        assert time.monotonic() < deadline, size
        time.sleep(0.5)
    assert bucketed.pull("many/app", content).body == content


def kept(served: Served) -> int:
    """Return how many bytes nginx keeps."""
    script = f"find {CACHE} -type f -printf '%s\\n'"
    return sum(map(int, run(["docker", "exec", served.container("proxy"), "sh", "-c", script]).split()))


def test_another_storage_has_nothing_of_what_is_cached(bucketed: Bucketed) -> None:
    assert bucketed.pull("public/app", layer("public/app")).status == 200
    bucketed.served.cache = CacheConfig(1, "bb")
    bucketed.served.configure(SMALL)
    bucketed.registry.requests.clear()
    assert bucketed.pull("public/app", layer("public/app")).status == 200
    assert bucketed.fetched(layer("public/app")) == 1


def test_nothing_is_kept_before_there_is_a_volume_for_it(bucketed: Bucketed) -> None:
    inside = ["docker", "exec", bucketed.served.container("proxy")]
    run([*inside, "rmdir", f"{CACHE}/{CACHE_FOLDER}"])
    for _ in range(2):
        assert bucketed.pull("public/app", layer("public/app")).status == 200
    assert bucketed.fetched(layer("public/app")) == 2
    run([*inside, "mkdir", f"{CACHE}/{CACHE_FOLDER}"])
