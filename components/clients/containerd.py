"""containerd: a folder for each registry, below the one that its configuration names."""

from collections.abc import Iterable
from dataclasses import replace

from . import paths
from .access import TRUST, Access, Login
from .containerd_config import CERTS_D, CONFIG, config_file, state_of
from .cri import proof
from .host_file import Facts, HostFile, Own, Refused
from .hosts_toml import HOSTS, Host, cache_file, hosts_file
from .runtime import AUTHORITIES, FilesRuntime, Known, Proof

_BESIDE = "private-registry.crt"
"""What the authorities are called beside a file of others."""
_ALL = ("pull", "resolve", "push")


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
    caches = name

    def places(self, registry: Known) -> list[str]:
        """Return the files for the registry's names, where nothing names another folder."""
        return [f"{CERTS_D}/{name}/{HOSTS}" for name in paths.names(registry)]

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]:
        """Return the files by which is known what else to read."""
        return [CONFIG, *_folders_files(registry, access, CERTS_D)]

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return what else to read, now that these are known; a name with ``*`` stands for all files that match.

        Asked again until it names nothing new: an imported file may import others.
        """
        try:
            state = state_of(facts, registry.mark)
        except Refused:
            return []
        folders = [] if state.root == CERTS_D else _folders_files(registry, access, state.root)
        return [path for path in [*state.imports, *folders] if path not in facts.files]

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> list[HostFile]:
        """Return the folders' files, and then the configuration if it has to name their folder.

        Raises:
            Refused: Others have set something that can't be kept beside it.
        """
        state = state_of(facts, registry.mark)
        files: list[HostFile] = []
        for name in paths.names(registry) if registry.has_authorities or access.login else []:
            files += _folder(registry, name, authorities, facts, state.root, access.login)
        trusted = files[0].path if registry.has_authorities else ""
        for upstream in access.caches:
            folder = _place(facts, state.root, upstream)
            files.append(cache_file(registry, folder, upstream, trusted, access.login, facts))
        return [*files, *config_file(facts, state, registry.mark, is_needed=bool(files))]

    def proof(self, registry: Known, user: str) -> Proof:
        """TLS with the distributed authority, 401 without a login, push, and a pull as Kubernetes does it."""
        trusted = f"{CERTS_D}/{registry.reference}/{AUTHORITIES}"
        return proof(self.name, registry, user, "" if registry.is_public else trusted)


def _places(root: str, name: str) -> list[str]:
    """Return the folders in which containerd looks for a registry, in order."""
    host, _, port = name.rpartition(":")
    return [*([f"{root}/{host}_{port}_"] if host else []), f"{root}/{name}"]


def _folder_files(names: Iterable[str], root: str) -> list[str]:
    return [f"{place}/{file}" for name in names for place in _places(root, name) for file in (HOSTS, AUTHORITIES)]


def _folders_files(registry: Known, access: Access, root: str) -> list[str]:
    """Return the files by which containerd knows the registry, and those whose images come from our caches."""
    theirs = [f"{place}/*.crt" for upstream in access.caches for place in _places(root, upstream)]
    return [*_folder_files([*paths.names(registry), *access.caches], root), *theirs]


def _place(facts: Facts, root: str, name: str) -> str:
    """Return the folder that containerd takes: that with underscores only where it is there already."""
    *first, last = _places(root, name)
    return next((one for one in first if any(f"{one}/{file}" in facts.files for file in (HOSTS, AUTHORITIES))), last)


def _folder(
    registry: Known, name: str, authorities: str, facts: Facts, root: str, login: Login | None
) -> list[HostFile]:
    """Return the files for one of the registry's names, the authorities first."""
    folder, url = _place(facts, root, name), f"https://{name}"
    host = Host(f"{folder}/{HOSTS}", url, url, _ALL, AUTHORITIES, login, registry.mark)
    if not registry.has_authorities:
        return [hosts_file(replace(host, authority=""), facts)]
    if not host.is_own(facts):
        host = replace(host, authority=_BESIDE)
    own = Own(f"{folder}/{host.authority}", authorities)
    if not facts.text(host.path) and facts.text(own.path).split() not in ([], authorities.split()):
        raise Refused(
            f"{own.path} has CA certificates that this stack did not write, and containerd would ignore it "
            f"beside a {HOSTS}. If no client needs them any more, remove the file; it was not changed"
        )
    return [own, hosts_file(host, facts)]
