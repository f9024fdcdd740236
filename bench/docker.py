"""What the bench has in Docker: all of it has names that start the same."""

from contextlib import AbstractContextManager

from lab import cache, docker
from lab.run import run

PREFIX = "private-registry-bench"


def alone() -> AbstractContextManager[None]:
    """Let nobody else measure on this machine meanwhile: names are fixed, and two runs would take away each other's.

    Raises:
        LabError: Somebody does.
    """
    return cache.alone("bench", "another 'make bench' runs on this machine, of another clone perhaps; wait for it")


def remove() -> None:
    """Remove all of it, also what a run left that was killed."""
    if found := _named("container", "--all"):
        run(["docker", "container", "rm", "--force", "--volumes", *found])
    for network in _named("network"):
        # The next run uses again what Docker keeps.
        docker.remove_network(network)
    if found := _named("volume"):
        run(["docker", "volume", "rm", *found])


def make_network(name: str, *options: str) -> None:
    """Create a network where it is not there."""
    if name not in run(["docker", "network", "ls", "--format", "{{.Name}}"]).splitlines():
        run(["docker", "network", "create", *options, name])


def _named(kind: str, *options: str) -> list[str]:
    return run(["docker", kind, "ls", *options, "--quiet", "--filter", f"name=^{PREFIX}"]).split()
