"""Who may do what, and what the specification asks for, where the images lie in a bucket.

The tests are one story, as those of ``tests.e2e.test_roles``, whose rows they take.
"""

import json
import os
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt
import pytest

from components.proxy.config import TOKEN_KEY, CacheConfig
from components.proxy.login.htpasswd import Login
from components.registry.config import PORT
from lab import servers
from lab.cache import built, digest_of
from lab.engine import go_build
from lab.places import PROJECT
from lab.run import run
from tests.client import PASSWORD, Client
from tests.e2e.bucket import Bucket, serving
from tests.e2e.test_roles import (
    EVERYWHERE,
    HOSTILE,
    IN_TEAM,
    MATRIX,
    MOUNTS,
    REPOSITORIES,
    SECRET,
    USERS,
    judged,
    levels,
    once_public_is_open,
)
from tests.scripts.served import Served

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
LOGINS = {
    name: Login([HASH], access, repositories)
    for names, repositories in ((EVERYWHERE, ["*"]), (IN_TEAM, ["team"]))
    for name, access in levels(names)
}
NO_REPOSITORY = "/v2/team/tags/list"
ROWS = [
    # The registry tells an unknown repository from an empty one by a folder, and a bucket has none.
    (method, target, 200 if target == NO_REPOSITORY else status, allowed)
    for method, target, status, allowed in MATRIX
]
PULLS = [row[1] for row in ROWS if row[0] == "GET" and row[2] == 200 and "/v2/_" not in row[1]]


@pytest.fixture(scope="module")
def bucket(gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with serving(servers.S3.ensure(), tmp_path_factory.mktemp("s3"), gateway) as bucket:
        yield bucket


def server(name: str, images: dict[str, str], folder: Path, bucket: Bucket) -> Served:
    folder.chmod(0o755)
    server = Served(name, images, folder, bucket.driver)
    server.cache = CacheConfig(1, "aa")
    return server


@pytest.fixture(scope="module")
def served(found_images: dict[str, str], bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = server("stored", found_images, tmp_path_factory.mktemp("stored"), bucket)
    served.place("site", TOKEN_KEY, f"{'cd' * 32}\n")
    served.start(LOGINS)
    yield served
    served.stop()


@pytest.fixture
def second(served: Served, found_images: dict[str, str], bucket: Bucket, tmp_path: Path) -> Iterator[Served]:
    """Another server of the same registry."""
    folder = tmp_path / "second"
    folder.mkdir()
    second = server("second", found_images, folder, bucket)
    second.join(served)
    second.start(LOGINS)
    yield second
    second.stop()


@pytest.fixture(scope="module")
def client(served: Served) -> Client:
    """Everything is cached already that somebody may pull."""
    client = served.client()
    for repository in REPOSITORIES:
        client.push("pusher", repository)
    for target in PULLS:
        assert client.send("admin", "GET", target).status == 200
    return client


@pytest.mark.parametrize(("method", "target", "status", "allowed"), ROWS)
def test_a_role_may_do_what_it_says(client: Client, method: str, target: str, status: int, allowed: str) -> None:
    for user in (*USERS, ""):
        judged(client, user, method, target, status, allowed)


@pytest.mark.parametrize("user", [*USERS, ""])
@pytest.mark.parametrize(("to", "digest", "source", "pushers", "readers"), MOUNTS)
def test_a_mount_of_what_one_may_not_pull_is_an_upload(
    client: Client, user: str, to: str, digest: str, source: str, pushers: str, readers: str
) -> None:
    repository, reads = f"{to}/{user or 'nobody'}", user in readers.split()
    target = f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}"
    judged(client, user, "POST", target, 201 if reads else 202, pushers)
    assert client.send("admin", "GET", f"/v2/{repository}/blobs/{digest}").status == (200 if reads else 404)


INSIDE = [("GET", "/layer"), ("GET", "/%6cayer?x"), ("GET", "/manifest"), ("DELETE", "/deletion")]


@pytest.mark.parametrize(("method", "target"), [*HOSTILE, *INSIDE])
def test_a_detour_leads_nowhere(client: Client, method: str, target: str) -> None:
    answer = client.send("team-admin", method, target)
    assert 400 <= answer.status < 500
    assert answer.codes, "an error as the specification has it"
    assert SECRET.encode() not in answer.body


@pytest.fixture(scope="module")
def opened(served: Served, client: Client) -> Client:
    """The same once everybody may pull ``public``."""
    served.let_in(LOGINS, ["public"])
    return client


@pytest.mark.parametrize(("method", "target", "status", "allowed"), [once_public_is_open(*row) for row in ROWS])
def test_a_role_may_do_what_it_says_where_everybody_may_pull(
    opened: Client, method: str, target: str, status: int, allowed: str
) -> None:
    for user in (*USERS, ""):
        judged(opened, user, method, target, status, allowed)


def conformance(image: str, folder: Path, client: Client, registry: str, **words: str) -> Counter[tuple[str, str]]:
    """Ask a registry all that the specification's own suite asks; return how often what was said of each part.

    Args:
        image: One in which a program can run.
        folder: An empty one, for the results and what they name.
        client: What knows nginx and whom it trusts.
        registry: HOST:PORT.
        words: More of the suite's variables.
    """
    source = PROJECT / "tests/conformance"
    package = "github.com/opencontainers/distribution-spec/conformance"
    program = built(
        "conformance", digest_of([source]), lambda made: go_build(source, package, made / "conformance", cgo=False)
    )
    (folder / "ca.crt").write_text(client.authority)
    env = {
        "OCI_REGISTRY": registry,
        "OCI_REPO1": f"{folder.name}/one",
        "OCI_REPO2": f"{folder.name}/two",
        "OCI_RESULTS_DIR": "/results",
        "OCI_VERSION": "1.1",
        # The registry has no other digests.
        "OCI_DATA_SHA512": "false",
        "SSL_CERT_FILE": "/results/ca.crt",
        **words,
    }
    command = ["docker", "run", "--rm", "--network", "host", "--add-host", f"registry.test:{client.address}"]
    command += ["--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{folder}:/results"]
    command += ["--volume", f"{program}:/program:ro", "--entrypoint", "sh"]
    for name, word in env.items():
        command += ["--env", f"{name}={word}"]
    # It fails where the registry lacks anything.
    run([*command, image, "-c", "/program/conformance > /dev/null 2>&1 || true"])
    cases = ElementTree.parse(folder / "junit.xml").iter("testcase")  # noqa: S314 - the suite's own
    return Counter((case.attrib["name"], case.attrib["status"]) for case in cases)


def test_the_specification_is_met_as_by_the_registry_alone(
    served: Served, second: Served, found_images: dict[str, str], tmp_path: Path
) -> None:
    """By a server, and by two of them where each request goes to another one than the request before."""
    served.let_in(LOGINS)
    client, balancer = served.client(), served.start_balancer([second])
    login = {"OCI_USERNAME": "admin", "OCI_PASSWORD": PASSWORD}
    asked = {
        "alone": (client, f"{served.address('registry')}:{PORT}", {"OCI_TLS": "disabled"}),
        "stack": (client, f"registry.test:{client.port}", login),
        "balanced": (balancer, f"registry.test:{balancer.port}", login),
    }
    for name in asked:
        (tmp_path / name).mkdir()

    def ask(name: str) -> Counter[tuple[str, str]]:
        through, registry, words = asked[name]
        return conformance(found_images["registry"], tmp_path / name, through, registry, **words)

    with ThreadPoolExecutor() as both:
        alone, stack, balanced = both.map(ask, asked)
    assert sum(count for (_, status), count in alone.items() if status == "passed") > 500
    assert stack == alone
    assert balanced == alone
    token = json.loads(balancer.send("admin", "GET", "/token").body)["token"]
    through_each = [balancer.send("", "GET", "/v2/", Authorization=f"Bearer {token}").status for _ in range(2)]
    assert through_each == [200, 200], "the suite asks for none"
    to_each = Counter(line for line in served.logged("balancer").splitlines() if line.startswith("to "))
    assert len(to_each) == 2
    assert max(to_each.values()) - min(to_each.values()) <= 1, "each request goes to another server"
