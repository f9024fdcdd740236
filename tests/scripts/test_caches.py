"""Pull-through caches: real nginx, login and registries, with an upstream that fails in each way that one can fail."""

import http.client
import json
import time
from collections.abc import Iterator

import bcrypt
import pytest

from components.proxy.login.htpasswd import Login
from components.registry.config import DATA
from lab.run import run
from tests.client import PASSWORD, basic, digest_of
from tests.scripts.cached import HASTY, Cached, served_with_a_cache
from tests.scripts.upstream import PASSWORD as UPSTREAM_PASSWORD
from tests.scripts.upstream import Upstream

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = {
    "ci": Login([HASH], "admin", ["*"]),
    "library": Login([HASH], "pull", ["docker.io/library"]),
    "team": Login([HASH], "push", ["team"]),
}
APP, OTHER = b"a layer of the app", b"a layer that the cache does not have"
MOST_KIB = 3000
NOTHING = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def started(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cached]:
    with served_with_a_cache("caches", found_images, tmp_path_factory, USERS, limit=MOST_KIB) as cached:
        yield cached


@pytest.fixture
def cached(started: Cached) -> Iterator[Cached]:
    """With an image in the cache, and one that only the upstream has."""
    started.upstream.open()
    started.upstream.push("library/app", "v1", APP)
    started.upstream.push("library/other", "v1", OTHER)
    assert started.client.pull("ci", "docker.io/library/app").startswith("sha256:")
    started.upstream.requests.clear()
    yield started
    started.upstream.open()
    started.served.let_in(USERS)


def test_what_is_cached_is_asked_for_by_name_alone(cached: Cached) -> None:
    new = cached.upstream.push("library/app", "v1", APP, b"another layer")
    assert cached.client.pull("ci", "docker.io/library/app") == new, "a name that moved upstream moves here at once"
    assert len(cached.upstream.asked(f"GET /v2/library/app/blobs/{digest_of(APP)}")) == 0
    cached.upstream.requests.clear()
    assert cached.client.pull("ci", "docker.io/library/app") == new
    asked = [one for one in cached.upstream.requests if "/token?" not in one]
    assert asked == ["HEAD /v2/library/app/manifests/v1"]
    assert cached.shell(f"ls {DATA}").split() == ["docker"], "the registry keeps no list of what is to expire"


def test_a_mirror_of_docker_needs_no_login_where_everybody_may_pull(cached: Cached) -> None:
    root = "/docker.io/v2/"
    assert cached.client.send("", "GET", root).status == 401
    assert cached.client.send("library", "GET", root).status == 200
    cached.served.let_in(USERS, ["docker.io"])
    # A client that is asked for a login here would send the one that it has for Docker Hub.
    assert cached.client.send("", "GET", root).status == 200
    got = cached.client.send("", "GET", f"{root}library/app/manifests/v1?ns=docker.io")
    [described] = json.loads(got.body)["layers"]
    assert cached.client.send("", "GET", f"{root}library/app/blobs/{described['digest']}").body == APP
    assert cached.client.pull("", "docker.io/library/app").startswith("sha256:")


def test_tags_are_listed_page_by_page_where_they_were_asked_for(cached: Cached) -> None:
    for tag in ("v2", "v3"):
        cached.upstream.push("library/app", tag, APP)
    for root in ("/v2/docker.io/", "/docker.io/v2/"):
        got = cached.client.send("ci", "GET", f"{root}library/app/tags/list?n=2")
        assert json.loads(got.body)["tags"] == ["v1", "v2"]
        target, _, rel = got.headers["Link"].partition(">")
        assert (target.startswith(f"<{root}library/app/tags/list?"), rel) == (True, '; rel="next"')
        assert json.loads(cached.client.send("ci", "GET", target[1:]).body)["tags"] == ["v3"]


@pytest.mark.parametrize(
    ("user", "target", "status"),
    [
        ("library", "/v2/docker.io/library/app/manifests/v1", 200),
        ("library", "/v2/docker.io/other/app/manifests/v1", 403),
        ("library", "/docker.io/v2/other/app/manifests/v1", 403),
        ("team", "/v2/docker.io/library/app/manifests/v1", 403),
        ("team", f"/docker.io/v2/library/app/blobs/{digest_of(APP)}", 403),
        ("", "/v2/docker.io/library/app/manifests/v1", 401),
        ("", f"/docker.io/v2/library/app/blobs/{digest_of(APP)}", 401),
        ("ci", "/v2/docker.io/../team/app/manifests/v1", 404),
        ("ci", "/docker.io/v2/../../v2/team/app/manifests/v1", 404),
        ("ci", "/docker.io/v2/library/%61pp/manifests/v1", 404),
        ("ci", "/docker.io/v2/_catalog", 404),
        ("ci", "/dockerxio/v2/", 404),
        ("ci", "/upstream", 404),
        ("ci", "/upstream-name", 404),
        ("ci", "/upstream-reason", 404),
    ],
)
def test_the_login_and_its_rights_hold_for_a_cache(cached: Cached, user: str, target: str, status: int) -> None:
    got = cached.client.send(user, "GET", target)
    assert got.status == status, got.body
    assert got.headers.get_all("Strict-Transport-Security") == ["max-age=86400"]
    assert status == 200 or got.codes


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "library/app/blobs/uploads/"),
        ("POST", f"library/app/blobs/uploads/?mount={digest_of(APP)}&from=team/app"),
        ("PUT", "library/app/manifests/v1"),
        ("PATCH", "library/app/blobs/uploads/a"),
        ("DELETE", "library/app/manifests/v1"),
        ("DELETE", f"library/app/blobs/{digest_of(APP)}"),
    ],
)
@pytest.mark.parametrize("root", ["/v2/docker.io/", "/docker.io/v2/"])
def test_nothing_is_pushed_to_a_cache(cached: Cached, root: str, method: str, target: str) -> None:
    for user in ("ci", "library"):
        got = cached.client.send(user, method, root + target)
        assert (got.status, got.codes) == (405, ["UNSUPPORTED"])
        assert b"cache of another registry" in got.body
    assert cached.client.send("", method, root + target).status == 401
    assert cached.upstream.requests == []


def test_repositories_of_our_own_are_where_they_were(cached: Cached) -> None:
    pushed = cached.client.push("team", "team/app")
    assert cached.client.pull("team", "team/app") == pushed
    # An image that was pulled through the cache is pushed under a name of our own: nothing is mounted from there.
    mount = f"/v2/team/app/blobs/uploads/?mount={digest_of(APP)}&from=docker.io/library/app"
    assert cached.client.send("ci", "POST", mount).status == 202
    assert json.loads(cached.client.send("ci", "GET", "/v2/_catalog").body)["repositories"] == ["team/app"]


def is_down(found: Upstream) -> None:
    found.status = 500


def is_silent(found: Upstream) -> None:
    found.silence.clear()


def is_busy(found: Upstream) -> None:
    found.status = 429


def takes_another_password(found: Upstream) -> None:
    found.password = "another"


FAILURES = {
    is_down: (503, "UNAVAILABLE"),
    is_silent: (503, "UNAVAILABLE"),
    is_busy: (429, "TOOMANYREQUESTS"),
    takes_another_password: (403, "DENIED"),
}
"""What is wrong upstream -> what a client gets that asks for what is not in the cache."""


@pytest.mark.parametrize("fail", FAILURES)
def test_what_is_cached_is_pulled_whatever_is_wrong_upstream(cached: Cached, fail: object) -> None:
    assert callable(fail)
    fail(cached.upstream)
    began = time.monotonic()
    assert cached.client.pull("library", "docker.io/library/app").startswith("sha256:")
    assert time.monotonic() - began < 4
    for target in ("manifests/v1", f"blobs/{digest_of(OTHER)}", f"manifests/{NOTHING}"):
        if fail is is_silent and "v1" not in target:
            # Without a name to look up nginx waits for a minute.
            continue
        got = cached.client.send("library", "GET", f"/v2/docker.io/library/other/{target}")
        assert (got.status, got.codes) == (FAILURES[fail][0], [FAILURES[fail][1]]), got.body
        assert b"marker" not in got.body
        head = cached.client.send("library", "HEAD", f"/v2/docker.io/library/other/{target}")
        assert (head.status, head.headers["WWW-Authenticate"]) == (got.status, None)
    cached.upstream.open()
    assert cached.client.pull("library", "docker.io/library/app").startswith("sha256:")


def test_what_failed_for_a_moment_is_asked_for_once_more(cached: Cached) -> None:
    layer = b"a layer that nobody has pulled"
    cached.upstream.push("library/new", "v1", layer)
    cached.upstream.failing = 1
    path = f"/v2/docker.io/library/new/blobs/{digest_of(layer)}"
    assert cached.client.send("ci", "GET", path).body == layer


@pytest.mark.parametrize("repository", ["library/app", "library/nothing"])
def test_what_the_upstream_does_not_have_is_unknown(cached: Cached, repository: str) -> None:
    got = cached.client.send("ci", "GET", f"/v2/docker.io/{repository}/manifests/nothing")
    assert (got.status, got.codes) == (404, ["MANIFEST_UNKNOWN"])
    got = cached.client.send("ci", "GET", f"/v2/docker.io/{repository}/blobs/{NOTHING}")
    assert (got.status, got.codes) == (404, ["BLOB_UNKNOWN"])


def test_a_cache_starts_while_its_upstream_says_nothing(cached: Cached) -> None:
    is_silent(cached.upstream)
    cached.restart()
    assert cached.client.pull("ci", "docker.io/library/app").startswith("sha256:")


def test_a_cache_that_is_away_takes_nothing_else_with_it(cached: Cached) -> None:
    run(["docker", "stop", "--time", "5", cached.container])
    try:
        # nginx starts without it too.
        cached.served.configure(HASTY)
        assert cached.client.send("ci", "GET", "/v2/docker.io/library/app/manifests/v1").status == 503
        pushed = cached.client.push("team", "team/app")
        assert cached.client.pull("team", "team/app") == pushed
    finally:
        run(["docker", "start", cached.container])
        cached.wait()
    assert cached.client.pull("ci", "docker.io/library/app").startswith("sha256:")


def test_a_registry_of_a_cache_that_ends_is_started_again(cached: Cached) -> None:
    # As Docker does with a container that ends: those of tests have no restart policy.
    cached.shell("kill -9 $(pidof registry | cut -d ' ' -f 1)")
    run(["docker", "wait", cached.container])
    run(["docker", "start", cached.container])
    cached.wait()


def test_above_the_mark_a_cache_is_emptied_and_no_pull_breaks(cached: Cached) -> None:
    layers = [bytes([number]) * 1_500_000 for number in range(3)]
    for number, content in enumerate(layers):
        cached.upstream.push("library/large", f"v{number}", content)
    path = f"/v2/docker.io/library/large/blobs/{digest_of(layers[0])}"
    with cached.client.connected().sock as slow:
        for number in range(3):
            assert cached.client.pull("ci", "docker.io/library/large", f"v{number}").startswith("sha256:")
            if number == 0:
                slow.sendall(request(path))
                response = http.client.HTTPResponse(slow)
                response.begin()
                first = response.read(1000)
        until(lambda: used(cached) < MOST_KIB)
        assert first + response.read() == layers[0]
    assert "more than the 3000 of maximumSize" in cached.served.logged("cache")
    assert cached.client.pull("ci", "docker.io/library/large", "v2").startswith("sha256:")
    assert cached.shell(f"ls {DATA}").split() == ["docker"]


def request(path: str) -> bytes:
    head = [f"GET {path} HTTP/1.1", "Host: registry.test", f"Authorization: {basic('ci', PASSWORD)}", "", ""]
    return "\r\n".join(head).encode()


def used(cached: Cached) -> int:
    return int(cached.shell(f"du -sk {DATA}").split()[0])


def until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_password_of_the_upstream_stands_nowhere_but_in_its_file(cached: Cached) -> None:
    seen = {
        "the container": run(["docker", "inspect", cached.container]),
        "the processes": run(["docker", "top", cached.container, "-eo", "pid,args"]),
        "the log": cached.served.logged("cache"),
        "nginx's log": cached.served.logged("proxy"),
        "the volume": cached.shell(f"grep -rl {UPSTREAM_PASSWORD} {DATA} || true"),
    }
    assert [place for place, text in seen.items() if UPSTREAM_PASSWORD in text] == []
    assert seen["the volume"] == ""
