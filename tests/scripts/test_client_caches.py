"""Real programs pull images of another registry by their usual names, with nothing but what the stack has placed."""

from collections.abc import Iterator
from dataclasses import dataclass

import bcrypt
import pytest

from components.proxy.login.htpasswd import Login
from lab import client_programs
from lab.go_programs import GoPrograms
from tests.client import PASSWORD
from tests.scripts.cached import Cached, served_with_a_cache
from tests.scripts.client_hosts import ClientHost
from tests.scripts.placed import Placed, Way, reached
from tests.scripts.served import Served

USERS = {"ci": Login([bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()], "pull", ["docker.io"])}
ENDPOINT = "export CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock"
DAEMON = "/etc/docker/daemon.json"
THEIRS = '{"registry-mirrors": ["https://127.0.0.1:1"], "debug": false}'
STORE = '{"features": {"containerd-snapshotter": true}}'


@dataclass(frozen=True)
class Case:
    """A runtime, and how its programs pull: shell scripts with ``image``, which keep nothing of it."""

    name: str
    pulls: tuple[str, ...]
    programs: tuple[GoPrograms, ...] = ()
    runtime: str = ""
    """Its name, where that is another one."""
    before: str = "true"
    after: str = "true"
    logs_in: bool = True
    """Whether it pulls by the client's login; else the cache asks for none."""


PULL = "docker pull --quiet $image && docker rmi $image"
CASES = (
    Case(
        "docker",
        (PULL,),
        before=f"echo '{THEIRS}' > {DAEMON} && systemctl reload docker",
        after=f"rm {DAEMON} && systemctl reload docker",
        logs_in=False,
    ),
    Case(
        "docker-containerd",
        (PULL,),
        runtime="docker",
        before=f"echo '{STORE}' > {DAEMON} && systemctl restart docker",
        after=f"rm {DAEMON} && systemctl restart docker",
    ),
    Case(
        "containerd",
        (
            "ctr images pull --hosts-dir /etc/containerd/certs.d $image && ctr images rm $image",
            f"{ENDPOINT}; crictl pull $image && crictl rmi $image",
        ),
        (client_programs.CRICTL,),
    ),
    Case("podman", ("podman pull --quiet $image && podman rmi $image", "skopeo copy docker://$image dir:copy")),
    Case(
        "buildkit",
        (
            """printf "FROM $image\\nCOPY Dockerfile /\\n" > Dockerfile
buildctl build --progress plain --frontend dockerfile.v0 --local context=. --local dockerfile=. --no-cache
buildctl prune --all""",
        ),
        (client_programs.BUILDKIT,),
        before="systemctl start buildkit",
        after="systemctl stop buildkit",
    ),
    Case("k3s", ("k3s-registries /etc/rancher/k3s/registries.yaml $image",), (client_programs.K3S,)),
)


@pytest.fixture(scope="module")
def cached(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cached]:
    with served_with_a_cache("client_caches", found_images, tmp_path_factory, USERS) as cached:
        yield cached


@pytest.fixture(scope="module")
def served(cached: Cached) -> Served:
    return cached.served


@pytest.fixture(scope="module")
def way(client_host: ClientHost) -> Iterator[Way]:
    # Without our cache there is nobody to ask: so a program does not wait for one.
    client_host.done("echo 127.0.0.1 docker.io index.docker.io registry-1.docker.io auth.docker.io >> /etc/hosts")
    with reached(client_host) as found:
        yield found


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_images_of_another_registry_come_from_the_cache_by_their_names(
    client_host: ClientHost, cached: Cached, way: Way, case: Case
) -> None:
    # Without its own hosts.toml, Docker has no login for a cache.
    logs_in = case.logs_in and (case.runtime != "docker" or client_host.generation != "trixie")
    cached.served.let_in(USERS, [] if logs_in else ["docker.io"])
    client_host.bring(*case.programs)
    client_host.done(case.before)
    cached.upstream.open()
    repository = f"library/{case.name}-{client_host.generation}"
    cached.upstream.push_runnable(repository, "v1")
    pulls = [f'cd "$(mktemp -d)" && image=docker.io/{repository}:v1\n{pull}' for pull in case.pulls]

    placed = Placed(
        client_host, case.runtime or case.name, way, password=PASSWORD if logs_in else "", cached="docker.io"
    )
    started = client_host.done("systemctl show -p MainPID docker")
    before = placed.listing()
    placed.place(cached.served.authority)
    for pull in pulls:
        client_host.done(pull)
    assert cached.upstream.asked(f"/v2/{repository}/manifests/v1")
    cached.upstream.status = 500
    for pull in pulls:
        client_host.done(pull)
    assert placed.findings() == []
    placed.take_away()
    cached.upstream.open()
    for pull in pulls:
        client_host.refused(pull)
    assert cached.upstream.requests == []
    assert placed.listing() == before
    assert client_host.done("systemctl show -p MainPID docker") == started, "Docker was not restarted"
    client_host.done(case.after)
