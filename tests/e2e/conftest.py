"""Real hosts for real stacks: one bridge with its hosts, new for each file of tests."""

import os
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from lab import cache, docker, engine, hosts, images, servers
from lab.hosts import LabHost, Network
from lab.run import LabError, run
from tests.e2e.bucket import Bucket, serving
from tests.e2e.hosts import PREFIX, PREFIX6, WORKER, Hosts, free_addresses
from tests.e2e.stack import KINDS, RUNS, Stack
from tests.scripts.relay import Relay, relaying

CA = "/etc/docker/certs.d/registry.test/ca.crt"
"""By which a client of the tests trusts their registry."""
NETWORK = Network(
    f"private-registry-hosts-{WORKER}",
    PREFIX,
    (
        LabHost("one", f"{PREFIX}.11"),
        LabHost("two", f"{PREFIX}.12", user="ops", containerd=True),
        LabHost("three", f"{PREFIX}.13"),
        LabHost("stranger", f"{PREFIX}.14", listed=False),
        LabHost("server", f"{PREFIX}.15", user="ops", listed=False),
    ),
    prefix6=PREFIX6,
)

LONGEST = (
    *("servers", "documentation", "faults", "moves", "troubleshooting", "workflows", "changes", "drift", "restarts"),
    *("storage", "private_registry", "secrets", "kills", "system_trust", "backend", "rotation", "fleet", "failures"),
    *("login", "access"),
)
"""The files that take longest, which are begun first: else one would be left alone at the end."""

TABLES = {
    "load": f"{'under load':<28}"
    + "".join(
        f"{name:>12}"
        for name in ("requests", "failed", "reconnected", "images", "docker's", "failed", "streamed", "cut")
    ),
    "faults": f"{'fault, repaired by the next update':<46}{'served':<26}what the error said (its end)",
    "gap": "another image of nginx",
    "servers": f"{'one of three servers, under load':<32}{'requests':>10}{'failed':>8}  from when to when",
    "kills": "kill -9 of updates at random moments",
}
"""Recorded property -> the head of its table."""


@pytest.fixture(scope="session")
def _alone() -> Iterator[None]:
    """Hosts and stacks have fixed names: the tests of another clone would take away what these ones use."""
    refusal = f"other tests run on this machine as worker {WORKER}, of another clone perhaps; wait for them"
    with ExitStack() as held:
        try:
            held.enter_context(cache.alone(f"tests-{WORKER}", refusal))
        except LabError as error:
            pytest.exit(str(error))
        yield


@pytest.fixture(scope="session")
def found_images(_alone: None) -> dict[str, str]:
    engine.ensure()
    docker.ensure()
    os.environ.update(engine.environment())
    return images.ensure()


@pytest.fixture(scope="session")
def another(found_images: dict[str, str]) -> Iterator[dict[str, str]]:
    """The images of other releases: the same programs under other ids."""
    images = {
        name: run(
            ["docker", "build", "--quiet", "-"], stdin=f"FROM {found_images[name]}\nLABEL release=next-{WORKER}\n"
        )
        for name in ("registry", "nginx")
    }
    yield images
    for image in images.values():
        # A file that was ended in its middle may have left a container, which would keep the image.
        for container in run(["docker", "ps", "--all", "--quiet", "--filter", f"ancestor={image}"]).split():
            run(["docker", "rm", "--force", "--volumes", container])
        # Without --no-prune it would take images along that it was made from and that have no name.
        run(["docker", "image", "rm", "--force", "--no-prune", image])


@pytest.fixture(scope="module")
def client_hosts(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """New hosts for each file: what one leaves there is not the next one's. None runs before a test asks for it."""
    state = tmp_path_factory.mktemp("lab")
    hosts.remove(NETWORK)
    free_addresses()
    hosts.start(NETWORK, found_images["client"], state, [])
    yield Hosts(NETWORK, found_images["client"], state)
    hosts.remove(NETWORK)


@pytest.fixture(scope="module")
def relayed(client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bucket, Relay]]:
    """A bucket behind what a test cuts. The bridge of the hosts is there, whose gateway registries get to."""
    client_hosts.host("one")
    with (
        serving(servers.S3.ensure(), tmp_path_factory.mktemp("s3"), NETWORK.gateway) as bucket,
        relaying(NETWORK.gateway, bucket.place) as relay,
    ):
        yield replace(bucket, endpoint=f"http://{NETWORK.gateway}:{relay.port}"), relay


@pytest.fixture(scope="module")
def bucket(relayed: tuple[Bucket, Relay]) -> Bucket:
    return relayed[0]


def settings(found_images: dict[str, str], client_hosts: Hosts, *clients: str) -> dict[str, object]:
    """Return the settings of a stack in front of some of the hosts, which are started."""
    client_hosts.start(*clients)
    return {
        "domain": "registry.test",
        "bindAddress": NETWORK.gateway,
        "images": {"registry": found_images["registry"], "nginx": found_images["nginx"]},
        "users": [{"name": "ci", "password": "correct horse battery"}],
        "clients": [dict(client_hosts.clients[client]) for client in clients],
    }


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with Stack(folder, "test", settings(found_images, client_hosts, "one", "two")) as stack:
        yield stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; let the others of scripts, which often wait, run beside those that work."""
    begun = {f"test_{name}": number - len(LONGEST) for number, name in enumerate(LONGEST)}
    files: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in dict.fromkeys(item.path for item in items if item.path.stem not in begun):
        files[path.parent].append(path)
    places = {path: number / len(paths) for paths in files.values() for number, path in enumerate(paths)}
    items.sort(key=lambda item: begun.get(item.path.stem, places.get(item.path, 0)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let each report say what its part of a test has cost."""
    report = yield
    report.user_properties += RUNS.items()
    RUNS.clear()
    return report


def costs(reports: Iterable[pytest.TestReport]) -> Iterator[str]:
    """Return the lines of a table: what each file has cost, the longest first."""
    seconds: defaultdict[str, float] = defaultdict(float)
    runs: Counter[tuple[str, str]] = Counter()
    for report in reports:
        file = report.nodeid.partition("::")[0].rpartition("/")[2]
        seconds[file] += report.duration
        runs.update({(file, kind): int(str(count)) for kind, count in report.user_properties if kind in KINDS})
    yield f"{'file':<28}{'seconds':>9}" + "".join(f"{kind:>9}" for kind in KINDS)
    for file, spent in sorted(seconds.items(), key=lambda entry: -entry[1]):
        yield f"{file:<28}{spent:>9.0f}" + "".join(f"{runs[file, kind]:>9}" for kind in KINDS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests have recorded, also those of xdist's workers, and what each file has cost."""
    reports = [one for found in terminalreporter.stats.values() for one in found if isinstance(one, pytest.TestReport)]
    for line in costs(reports):
        terminalreporter.write_line(line)
    for key, head in TABLES.items():
        rows = [
            text for report in reports for name, text in report.user_properties if name == key and report.when == "call"
        ]
        if rows:
            terminalreporter.write_line(f"\n{head}")
            for row in rows:
                terminalreporter.write_line(str(row))
