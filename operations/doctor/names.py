"""What stands in the way of the registry's name on a host: its hosts file, DNS, and folders of another name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from components.clients.runtime import is_entry_mark
from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, Kind, note
from operations.doctor.registry import Registry, anchors_in

HOSTS = "/etc/hosts"
_NOT_RESOLVED, _NO_CONNECTION, _TIMEOUT = 6, 7, 28
"""Statuses of curl."""


@dataclass(frozen=True)
class Entry:
    """A line of the hosts file."""

    number: int
    address: str
    names: tuple[str, ...]
    comment: str


def entries(text: str) -> Iterator[Entry]:
    """Yield the lines of a hosts file that give a name to an address."""
    for number, line in enumerate(text.splitlines(), start=1):
        said, _, comment = line.partition("#")
        address, *names = said.split() or [""]
        if names:
            yield Entry(number, address, tuple(name.lower() for name in names), comment.strip())


def name_findings(facts: Facts, registry: Registry, wanted: Sequence[str]) -> Iterator[Finding]:
    """Yield what is wrong with the name.

    Args:
        facts: Of the host.
        registry: Whose name it is.
        wanted: The addresses that the settings want in the hosts file, or none.
    """
    lines = [entry for entry in entries(facts.files.get(HOSTS, "")) if registry.host.lower() in entry.names]
    yield from _entry_findings(lines, facts, registry, wanted)
    if not lines and not wanted and facts.curl == _NOT_RESOLVED:
        yield Finding(Kind.NAME, f"{registry.host} is not known to DNS here; add it there, or set hostsEntry")
    if registry.is_deployed and facts.curl in (_NO_CONNECTION, _TIMEOUT):
        where = f" ({', '.join(facts.resolved)})" if facts.resolved else ""
        yield Finding(
            Kind.NAME, f"{registry.host}{where} does not answer on port {registry.port}: see firewall and DNS"
        )
    yield from _folder_findings(facts, registry)


def _entry_findings(lines: list[Entry], facts: Facts, registry: Registry, wanted: Sequence[str]) -> Iterator[Finding]:
    ours = {entry.address for entry in lines if _mark(entry, registry)}
    foreign = [entry for entry in lines if not _mark(entry, registry)]
    missing = [address for address in wanted if address not in ours]
    if missing and registry.is_deployed:
        which = f" with {', '.join(missing)}" if ours else ""
        yield Finding(
            Kind.NAME, f"{HOSTS} has no entry of this stack for {registry.host}{which}; 'make drift REPAIR=1' adds it"
        )
    if not missing:
        yield from _resolver_findings(facts, registry, wanted)
    for entry in foreign:
        right = set(wanted or facts.dns)
        if right and entry.address not in right:
            whose = "hostsEntry" if wanted else "DNS"
            yield Finding(
                Kind.NAME,
                f"line {entry.number} of {HOSTS} gives {registry.host} the address {entry.address}, and {whose} says "
                f"{', '.join(sorted(right))}; remove that line",
            )
    if facts.dns and not set(wanted) <= set(facts.dns):
        yield note(
            Kind.NAME,
            f"DNS gives {registry.host} the address {', '.join(facts.dns)}, and hostsEntry says {', '.join(wanted)}, "
            "which counts",
        )


def _resolver_findings(facts: Facts, registry: Registry, wanted: Sequence[str]) -> Iterator[Finding]:
    """Yield a resolver that takes the first line of a name alone, as glibc's does unless it is told otherwise."""
    # A host without IPv6 is not told such addresses.
    ignored = [address for address in wanted if address not in facts.resolved and ":" not in address]
    if len(wanted) > 1 and facts.resolved and ignored:
        yield Finding(
            Kind.NAME,
            f"programs find {registry.host} at {', '.join(facts.resolved)} alone, and {HOSTS} has {', '.join(ignored)} "
            "too: add the line 'multi on' to /etc/host.conf",
        )


def _folder_findings(facts: Facts, registry: Registry) -> Iterator[Finding]:
    """Yield folders that people take for the registry's, where the right one is not there."""
    for folder in sorted(facts.folders):
        path = PurePosixPath(folder)
        if str(path.parent / registry.reference) in facts.folders:
            continue
        if _has_another_port(path.name, registry):
            yield Finding(Kind.NAME, f"{folder} is not read for {registry.reference}: its name has another port")
        elif path.name == registry.full_reference:
            counts = f"{folder} counts for images named {path.name}/… alone"
            yield Finding(Kind.NAME, f"{counts}; for {registry.reference}/… the folder is {registry.reference}")


def _has_another_port(name: str, registry: Registry) -> bool:
    return name in {f"{registry.host}:443", f"{registry.host}_443_", registry.host} - registry.references


def leftovers(facts: Facts, registry: Registry, wanted: Sequence[str]) -> Iterator[Finding]:
    """Yield what is there of this stack and is needed no more."""
    if registry.is_deployed:
        yield from _left_lines(facts, registry, wanted)
    for folder in sorted(facts.folders):
        name = PurePosixPath(folder).name
        if name in registry.references or name.rstrip("_").replace("_", ":") in registry.references:
            continue
        has_right_one = str(PurePosixPath(folder).parent / registry.reference) in facts.folders
        if _has_another_port(name, registry) and not has_right_one:
            continue
        if _is_of_this(facts, registry, folder):
            what = f"{folder} trusts a CA of this registry for another name or port; remove it if nothing pulls by that"
            yield Finding(Kind.LEFTOVER, what) if registry.has_own_ca else note(Kind.LEFTOVER, what)


def _left_lines(facts: Facts, registry: Registry, wanted: Sequence[str]) -> Iterator[Finding]:
    names, needed = tuple(registry.host_names.lower().split()), list(wanted)
    for entry in entries(facts.files.get(HOSTS, "")):
        if not _mark(entry, registry):
            continue
        if entry.names == names and entry.address in needed:
            # A second line for the same address is too much.
            needed.remove(entry.address)
            continue
        yield Finding(
            Kind.LEFTOVER,
            f"line {entry.number} of {HOSTS} is of this stack, for {entry.names[0]} at {entry.address}: the next "
            "update should have changed it; run it, or remove the line",
        )


def _is_of_this(facts: Facts, registry: Registry, folder: str) -> bool:
    found = [one for text in facts.certificates_in(folder).values() for one in anchors_in(text)]
    return registry.knows(found)


def _mark(entry: Entry, registry: Registry) -> bool:
    return bool(registry.mark) and is_entry_mark(entry.comment, registry.mark)
