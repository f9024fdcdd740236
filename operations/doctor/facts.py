"""What ``look.sh`` printed of a host, as typed values. Nothing here judges."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

_BAR = "| "
_TEXTS = ("file", "certificates", "copy")
"""Keys after which the lines of a text come."""


@dataclass(frozen=True)
class Proxy:
    """What a service, or a file, says of proxies."""

    url: str = ""
    """Of the proxy for HTTPS, without its password."""
    exceptions: str = ""
    """The names that are reached without it, as they stand there."""


@dataclass(frozen=True)
class Builder:
    """What ``docker buildx create`` keeps of a builder."""

    path: str
    driver: str = ""
    nodes: tuple[Mapping[str, str], ...] = ()
    """Of each node: name of a file that was copied into it -> the certificates in it, PEM."""


@dataclass(frozen=True)
class Facts:
    """What is on a host."""

    now: int = 0
    """Its clock: seconds since 1970."""
    uid: int = 0
    """Of whoever has looked: not 0 where the login does not get to be root."""
    os: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)
    """Name -> what it says of its version, if it was asked."""
    docker: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What Docker answers of itself: ``version``, ``store``, ``security``, ``insecure``, ``proxy``, ``exceptions``."""
    processes: Mapping[str, str] = field(default_factory=dict)
    """Name of a service that runs -> the configuration that it was started with, if that was said."""
    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    """Service or file -> what it was started with."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path -> text."""
    certificates: Mapping[str, str] = field(default_factory=dict)
    """Path -> the certificates in it, PEM."""
    folders: frozenset[str] = frozenset()
    """Folders for registries, links to such among them."""
    ours: frozenset[str] = frozenset()
    """Those that a stack of this project has created."""
    entries: frozenset[str] = frozenset()
    """Keys and certificates of clients in such folders."""
    builders: tuple[Builder, ...] = ()
    unreadable: frozenset[str] = frozenset()
    homes: tuple[str, ...] = ()
    rootless: tuple[str, ...] = ()
    """Homes of those who run a Docker of their own."""
    is_snap: bool = False
    """Whether Docker is a snap."""
    resolved: tuple[str, ...] = ()
    """Where the registry's name leads to."""
    dns: tuple[str, ...] = ()
    """The same, by DNS alone."""
    curl: int | None = None
    """With what the host's own curl ended at the registry, by the trust store of the machine; None without curl."""
    is_whole: bool = False
    """Whether the script got to its end."""

    def certificates_in(self, folder: str) -> dict[str, str]:
        """Return path -> PEM of the files of a folder that programs read as CA certificates."""
        return {
            path: text
            for path, text in self.certificates.items()
            if path.endswith(".crt") and str(PurePosixPath(path).parent) == folder
        }


def read(output: str) -> Facts:
    """Return what a host's script printed; a line that is not known does not count."""
    lines = list(_lines(output))

    def values(key: str) -> list[str]:
        return [value for found, value, _ in lines if found == key]

    def texts(key: str) -> dict[str, str]:
        return {value: text for found, value, text in lines if found == key}

    return Facts(
        now=_number(values("now")),
        uid=_number(values("uid")),
        os="".join(values("os")[:1]),
        programs=dict(map(_pair, values("program"))),
        docker=_grouped(values("docker")),
        processes=dict(map(_pair, values("process"))),
        proxies=_proxies(values("proxy")),
        files=texts("file"),
        certificates=texts("certificates"),
        folders=frozenset(values("folder") + values("link")),
        ours=frozenset(values("ours")),
        entries=frozenset(values("entry")),
        builders=tuple(_builders(lines)),
        unreadable=frozenset(values("unreadable")),
        homes=tuple(values("home")),
        rootless=tuple(values("rootless")),
        is_snap=bool(values("snap")),
        resolved=tuple(values("resolved")),
        dns=tuple(values("dns")),
        curl=_number(values("curl")) if values("curl") else None,
        is_whole="end" in {found for found, _, _ in lines},
    )


def _lines(output: str) -> Iterator[tuple[str, str, str]]:
    """Yield key, value, and the text that follows, if any."""
    key, value, text = "", "", list[str]()
    for line in output.splitlines():
        if line.startswith(_BAR) and key in _TEXTS:
            text.append(line.removeprefix(_BAR) + "\n")
        elif line.strip():
            yield key, value, "".join(text)
            key, value = _pair(line)
            text = []
    yield key, value, "".join(text)


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(" ")
    return key, value.strip()


def _number(values: list[str]) -> int:
    return int(values[0]) if values and values[0].isdigit() else 0


def _grouped(lines: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key, value in map(_pair, lines):
        if value:
            found[key] = (*found.get(key, ()), value)
    return found


def _builders(lines: Sequence[tuple[str, str, str]]) -> list[Builder]:
    """Read what stands below the line of each builder."""
    found = list[Builder]()
    for key, value, text in lines:
        if key == "builder":
            found.append(Builder(value))
        elif found:
            found[-1] = _more(found[-1], key, value, text)
    return found


def _more(builder: Builder, key: str, value: str, text: str) -> Builder:
    if key == "driver":
        return replace(builder, driver=value)
    if key == "node":
        return replace(builder, nodes=(*builder.nodes, {}))
    if key == "copy":
        *before, node = builder.nodes or ({},)
        return replace(builder, nodes=(*before, {**node, value: text}))
    return builder


def _proxies(lines: list[str]) -> dict[str, Proxy]:
    """Read ``SERVICE VARIABLE=VALUE``: what comes later counts, as in an environment."""
    found: dict[str, Proxy] = {}
    for service, setting in map(_pair, lines):
        name, _, value = setting.removeprefix("export ").partition("=")
        before, value = found.get(service, Proxy()), value.strip("\"' ")
        is_exception = name.strip().lower() == "no_proxy"
        found[service] = Proxy(before.url, value) if is_exception else Proxy(value, before.exceptions)
    return found
