"""containerd: a folder for each registry, below the one that its configuration names."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from . import toml_keys
from .access import TRUST, Access, Login, refuse_readable
from .containerd_config import CERTS_D, CONFIG, config_file, state_of
from .cri import proof
from .host_file import Facts, HostFile, Own, Refused, Shared
from .managed import refuse_managed
from .runtime import AUTHORITIES, FilesRuntime, Known, Proof
from .toml_keys import Tables, table_in

HOSTS = "hosts.toml"
_BESIDE = "private-registry.crt"
"""What the authorities are called beside a file of others."""
_ALL = ("pull", "resolve", "push")
_CACHED = ("pull", "resolve")


class Containerd(FilesRuntime):
    """``hosts.toml`` with ``ca.crt`` beside it: read at each pull, with no restart.

    All paths are those of https://github.com/containerd/containerd, where is said:

    - https://github.com/containerd/containerd/blob/main/docs/hosts.md: the keys of ``hosts.toml``, that paths may be
      relative to it, and that ``server`` is tried when no host has what is asked for, by the keys at the file's top.
    - ``core/remotes/docker/config/config_unix.go``, ``hostPaths``: of the folders ``HOST_PORT_``, ``HOST:PORT`` and
      ``_default`` the first that exists wins. Names are taken as images have them, so each alias has one of its own.
    - ``hosts.go`` there, ``loadHostDir``: ``*.crt`` count only where ``hosts.toml`` is absent, empty or not valid. 1.x
      (``getSortedHosts``) finds one without a table ``host`` not valid. What is in ``ca`` comes to the system's CAs.
    - ``docs/cri/registry.md``: a login in ``config.toml`` is deprecated, and asks for a restart. So it is a header of
      the host (``hosts.go``, ``docker.WithAuthHeader``), which serves for a token too.
    """

    name = "containerd"
    meaning = "containerd's folder for this registry, which Kubernetes, crictl and, as root, nerdctl use"
    question = "containerd --version"
    login = name

    def places(self, registry: Known) -> list[str]:
        """Return the files for the registry's names, where nothing names another folder."""
        return [f"{CERTS_D}/{name}/{HOSTS}" for name in _names(registry)]

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]:
        """Return the files by which is known what else to read."""
        return [CONFIG, *_folder_files([*_names(registry), *access.caches], CERTS_D)]

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return what else to read, now that these are known; a name with ``*`` stands for all files that match.

        Asked again until it names nothing new: an imported file may import others.
        """
        try:
            state = state_of(facts, registry.mark)
        except Refused:
            return []
        folders = [] if state.root == CERTS_D else _folder_files([*_names(registry), *access.caches], state.root)
        return [path for path in [*state.imports, *folders] if path not in facts.files]

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> list[HostFile]:
        """Return the folders' files, and then the configuration if it has to name their folder.

        Raises:
            Refused: Others have set something that can't be kept beside it.
        """
        state = state_of(facts, registry.mark)
        files: list[HostFile] = []
        for name in _names(registry) if registry.has_authorities or access.login else []:
            files += _folder(registry, name, authorities, facts, state.root, access.login)
        trusted = files[0].path if registry.has_authorities else ""
        for upstream, address in access.caches.items():
            folder = _place(facts, state.root, upstream)
            files.append(_hosts_file(_cache(registry, folder, upstream, address, trusted, access), facts))
        return [*files, *config_file(facts, state, registry.mark, is_needed=bool(files))]

    def proof(self, registry: Known, user: str) -> Proof:
        """TLS with the distributed authority, 401 without a login, push, and a pull as Kubernetes does it."""
        trusted = f"{CERTS_D}/{registry.reference}/{AUTHORITIES}"
        return proof(self.name, registry, user, "" if registry.is_public else trusted)


@dataclass(frozen=True)
class _Host:
    """One address to pull from, in a registry's folder."""

    path: str
    """The file ``hosts.toml``."""
    server: str
    """Where containerd goes when no host answers."""
    url: str
    capabilities: tuple[str, ...]
    authority: str
    """The file with the authorities, or nothing."""
    login: Login | None
    mark: str

    def tables(self, there: str = "", server: str = "") -> Tables:
        """Return the tables of this address.

        Args:
            there: How a file of others writes the address already, if it does.
            server: Where that file sends containerd in the end, if it says so.
        """
        keys: dict[str, Any] = {}
        tables: dict[tuple[str, ...], dict[str, Any]] = {}
        if _plain(server or self.server) == _plain(self.url):
            # Without it, what is not there would be asked for again, and the error would be one of trust.
            tables = self._tables((), {})
        if not there:
            keys["capabilities"] = list(self.capabilities)
            keys |= {"override_path": True} if urlsplit(self.url).path else {}
        return {**tables, **self._tables(("host", there or self.url), keys)}

    def _tables(self, table: tuple[str, ...], keys: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
        ca = {"ca": self.authority} if self.authority else {}
        header = {(*table, "header"): {toml_keys.SECRET: self.login.basic()}} if self.login else {}
        return {table: {**keys, **ca}, **header}

    def whole(self) -> str:
        """Return a file of our own."""
        begin = f"# {self.mark}: this file is written as a whole, changes of it are lost"
        tables = {(): {"server": self.server}, **self.tables()}
        tables[()] = {"server": self.server, **tables[()]}
        return f"{begin}\n{toml_keys.written(tables)}"

    def is_own(self, facts: Facts) -> bool:
        """Tell whether the file is ours, or there is none."""
        text = facts.text(self.path)
        # Another name of the registry is marked otherwise.
        stack = self.mark.partition("@")[0]
        return not text or text.startswith((f"# {stack}: ", f"# {stack}@"))

    def put(self, text: str) -> str:
        """Return a file of others with our tables."""
        return toml_keys.put(self.path, text, self.tables(*self._there(text)), self.mark)

    def take(self, text: str) -> str:
        """Return a file of others without our tables."""
        return toml_keys.take(self.path, text, self.mark)

    def _there(self, text: str) -> tuple[str, str]:
        """Return the address as others have it, and their server."""
        said = toml_keys.parse(self.path, self.take(text))
        hosts = table_in(said, "host")
        there = next((one for one in hosts if _plain(one) == _plain(self.url)), "")
        if table_in(hosts, there).get("skip_verify"):
            raise Refused(
                f"{self.path} has skip_verify = true for {there}, which this stack did not write: no certificate is "
                "checked then. Remove that line; the file was not changed"
            )
        return there, str(said.get("server", ""))


def _names(registry: Known) -> list[str]:
    """Return all that names of images may start with."""
    return list(dict.fromkeys((registry.reference, registry.full_reference, *registry.aliases)))


def _places(root: str, name: str) -> list[str]:
    """Return the folders in which containerd looks for a registry, in order."""
    host, _, port = name.rpartition(":")
    return [*([f"{root}/{host}_{port}_"] if host else []), f"{root}/{name}"]


def _folder_files(names: Iterable[str], root: str) -> list[str]:
    return [f"{place}/{file}" for name in names for place in _places(root, name) for file in (HOSTS, AUTHORITIES)]


def _place(facts: Facts, root: str, name: str) -> str:
    """Return the folder that containerd takes: that with underscores only where it is there already."""
    *first, last = _places(root, name)
    return next((one for one in first if any(f"{one}/{file}" in facts.files for file in (HOSTS, AUTHORITIES))), last)


def _folder(
    registry: Known, name: str, authorities: str, facts: Facts, root: str, login: Login | None
) -> list[HostFile]:
    """Return the files for one of the registry's names, the authorities first."""
    folder, url = _place(facts, root, name), f"https://{name}"
    host = _Host(f"{folder}/{HOSTS}", url, url, _ALL, AUTHORITIES, login, registry.mark)
    if not registry.has_authorities:
        return [_hosts_file(replace(host, authority=""), facts)]
    if not host.is_own(facts):
        host = replace(host, authority=_BESIDE)
    own = Own(f"{folder}/{host.authority}", authorities)
    if not facts.text(host.path) and facts.text(own.path).split() not in ([], authorities.split()):
        raise Refused(
            f"{own.path} has CA certificates that this stack did not write, and containerd would ignore it "
            f"beside a {HOSTS}. If no client needs them any more, remove the file; it was not changed"
        )
    return [own, _hosts_file(host, facts)]


def _cache(registry: Known, folder: str, upstream: str, address: str, trusted: str, access: Access) -> _Host:
    """Return how images of another registry come from our cache of it, and from there where the cache is down."""
    server = "https://registry-1.docker.io" if upstream == "docker.io" else f"https://{upstream}"
    return _Host(f"{folder}/{HOSTS}", server, address, _CACHED, trusted, access.login, registry.mark)


def _hosts_file(host: _Host, facts: Facts) -> HostFile:
    mode = "0600" if host.login else "0644"
    if host.is_own(facts):
        return Own(host.path, host.whole(), mode)
    text = facts.text(host.path)
    if host.put(text) != text:
        refuse_managed(host.path, facts, toml_keys.shown(host.tables()))
    if host.login:
        refuse_readable(host.path, facts)
    return Shared(host.path, host.put, host.take, mode)


def _plain(url: str) -> str:
    return url.removesuffix("/").removesuffix("/v2").removesuffix(":443")
