"""Real hosts for real stacks: one bridge with its hosts, new for each file of tests."""

import os
from collections.abc import Iterator

import pytest
import yaml

from lab import docker, engine, hosts, images
from lab.hosts import LabHost, Network
from lab.run import run
from tests.e2e.hosts import PREFIX, PREFIX6, WORKER, Hosts
from tests.e2e.stack import Stack

NETWORK = Network(
    f"private-registry-hosts-{WORKER}",
    PREFIX,
    (
        LabHost("one", f"{PREFIX}.11"),
        LabHost("two", f"{PREFIX}.12", user="ops"),
        LabHost("three", f"{PREFIX}.13"),
        LabHost("stranger", f"{PREFIX}.14", listed=False),
        LabHost("server", f"{PREFIX}.15", user="ops", listed=False),
    ),
    prefix6=PREFIX6,
)

LONGEST = ("faults", "drift", "troubleshooting", "documentation", "changes", "workflows", "kills")
"""The files that take longest, which are begun first: else one would be left alone at the end."""

TABLES = {
    "load": f"{'under load':<28}"
    + "".join(f"{name:>12}" for name in ("requests", "failed", "reconnected", "images", "docker's", "failed")),
    "faults": f"{'fault, repaired by the next update':<46}{'served':<26}what the error said (its end)",
    "gap": "another image of nginx",
    "kills": "kill -9 of updates at random moments",
}
"""Recorded property -> the head of its table."""


@pytest.fixture(scope="session")
def found_images() -> dict[str, str]:
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
        run(["docker", "image", "rm", "--force", image])


@pytest.fixture(scope="module")
def client_hosts(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """New hosts for each file: what one leaves there is not the next one's."""
    state = tmp_path_factory.mktemp("lab")
    hosts.remove(NETWORK)
    hosts.ensure(NETWORK, found_images["client"], state)
    clients = yaml.safe_load((state / "clients.yaml").read_text())
    yield Hosts(NETWORK, {host.name: client for host, client in zip(NETWORK.hosts, clients, strict=False)})
    hosts.remove(NETWORK)


def settings(found_images: dict[str, str], client_hosts: Hosts, *clients: str) -> dict[str, object]:
    """Return the settings of a stack in front of some of the hosts."""
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
    stack = Stack(folder, "test", settings(found_images, client_hosts, "one", "two"))
    yield stack
    stack.destroy()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    names = [f"test_{name}" for name in LONGEST]
    items.sort(key=lambda item: names.index(item.path.stem) if item.path.stem in names else len(names))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that tests have recorded, also those of xdist's workers."""
    for key, head in TABLES.items():
        rows = [
            text
            for reports in terminalreporter.stats.values()
            for report in reports
            for name, text in getattr(report, "user_properties", ())
            if name == key and getattr(report, "when", "") == "call"
        ]
        if rows:
            terminalreporter.write_line(f"\n{head}")
            for row in rows:
                terminalreporter.write_line(str(row))
