"""What makes trust useless on a host: lines of a program's own configuration, and builders with old copies of it."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from components.clients import RUNTIMES
from components.clients import host_file as planned
from components.clients.paths import ROOT_HOME
from components.clients.runtime import Known
from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, Kind, note
from operations.doctor.registry import Registry, anchors_in, fingerprint
from operations.doctor.trust import buildkit_config, users

_COPYING = ("docker-container", "kubernetes")
"""The drivers of builders that have copies."""
_IN_A_BUILDER = re.compile(r"[^a-zA-Z0-9.-]+")
"""What the folder of a registry has as one ``_``: ``LoadConfigFiles`` in
https://github.com/docker/buildx/blob/master/util/confutil/container.go."""
_AGAIN = "create it again, as in docs/clients.md#buildkit"


def pitfalls(facts: Facts, registry: Registry, meant: Collection[str]) -> Iterator[Finding]:
    """Yield the lines by which a program does not do what its trust is for.

    Args:
        facts: Of the host.
        registry: Which is to be pulled from.
        meant: The runtimes that count on this host.
    """
    known = Known(registry.reference, registry.full_reference, registry.mark, True, aliases=registry.aliases)
    for name, runtime in RUNTIMES.items():
        homes = users(facts) if runtime.is_of_user else [ROOT_HOME]
        for home in homes if name in meant else ():
            for what in runtime.pitfalls(known, _as_planned(facts, home, runtime.is_of_user)):
                yield Finding(Kind.PITFALL, f"{name}: {what}")


def _as_planned(facts: Facts, home: str, is_of_user: bool) -> planned.Facts:
    """Return facts as an update has them; the answer to a runtime's question as far as a running service says it."""
    files = {path: planned.There(text) for path, text in facts.files.items()}
    return planned.Facts(files, f"--config {buildkit_config(facts, home, is_of_user)}", home)


def old_builders(facts: Facts, registry: Registry) -> Iterator[Finding]:
    """Yield builders of ``docker buildx create`` without the CA certificates that clients have now."""
    if registry.is_public or not registry.trusted:
        return
    folder = f"certs/{_IN_A_BUILDER.sub('_', registry.reference)}/"
    for builder in facts.builders:
        if builder.driver in _COPYING:
            path = PurePosixPath(builder.path)
            nodes = [_copied(node, folder) for node in builder.nodes]
            yield from _of_builder(f"builder {path.name} in {path.parent}", nodes, registry)


def _of_builder(name: str, nodes: list[list[str]], registry: Registry) -> Iterator[Finding]:
    anchors = [[one for text in node for one in anchors_in(text)] for node in nodes]
    wanted = set(map(fingerprint, registry.trusted))
    if not any(nodes):
        yield note(Kind.TRUST, f"{name} has no CA certificate of {registry.reference}: to use it, {_AGAIN}")
    elif not all(registry.is_trusted_by(node) for node in anchors):
        yield Finding(Kind.TRUST, f"{name} has an older CA certificate of {registry.reference}: {_AGAIN}")
    elif not all(wanted <= set(map(fingerprint, node)) for node in anchors):
        yield note(Kind.TRUST, f"{name} lacks a CA certificate that clients have for a rotation: {_AGAIN}")


def _copied(node: Mapping[str, str], folder: str) -> list[str]:
    return [text for name, text in node.items() if name.startswith(folder)]
