"""Docker's own files by which images of other registries come from our caches, apart from what Docker trusts by."""

import json
import re
from collections.abc import Sequence
from functools import partial

from . import json_text, paths
from .access import TRUST, Access
from .host_file import Facts, HostFile, Refused, Shared
from .hosts_toml import HOSTS, cache_file
from .managed import refuse_managed
from .runtime import AUTHORITIES, Known, Planned

HUB = "docker.io"
"""The only registry of which Docker's own image store knows mirrors."""

_KEY = "registry-mirrors"
_FLAG = "--registry-mirror"
_OLDEST = 25
"""The first version of Docker that takes a mirror with a path."""


class DockerCaches(Planned):
    """A mirror in ``daemon.json``, and ``hosts.toml`` in the folder of each of the other registries.

    - Docker's own image store knows mirrors of Docker Hub alone, and sends them no login but that of Docker Hub. A
      change of them needs no restart: dockerd reads them again when it gets SIGHUP
      (https://docs.docker.com/reference/cli/dockerd/#configuration-reload-behavior). A path is taken from version 25
      on: before, dockerd does not start with one. Nor does it with mirrors both in the file and as a flag.
    - containerd's store in Docker 28 and newer reads ``hosts.toml`` at each pull, as containerd does: ``RegistryHosts``
      in https://github.com/moby/moby/blob/master/daemon/hosts.go. With one for Docker Hub, it leaves the mirrors of
      ``daemon.json`` out. Which store is in use may change, so both files are there. The other store takes from those
      folders only certificates and keys.
    """

    def __init__(self, name: str, rootless: bool = False, snap: bool = False) -> None:
        """Make one.

        Args:
            name: What it is called among what is placed on a client.
            rootless: Whether it is of the user who logs in.
            snap: Whether Docker comes from the snap.
        """
        self.name, self.is_of_user = name, rootless
        self._rootless, self._snap = rootless, snap

    @property
    def question(self) -> str:
        """Prints Docker's version, and how its service starts."""
        version = "snap list docker" if self._snap else 'PATH="$PATH:$HOME/bin" dockerd --version'
        systemctl = "systemctl --user" if self._rootless else "systemctl"
        return f"{version}; {systemctl} show -p ExecStart {self._unit}.service; true"

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]:
        """Return the configuration, and what is in the folders of the other registries."""
        folders = [self._folder(home, upstream) for upstream in access.caches]
        return [self._config(home), *(f"{folder}/{file}" for folder in folders for file in (HOSTS, "*.crt"))]

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return nothing."""
        return []

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> Sequence[HostFile]:
        """Return the folders' files, and the configuration where Docker Hub is cached.

        Raises:
            Refused: Docker is too old, or others have set something that can't be kept beside it.
        """
        _refuse_old(facts.said)
        files = self.placed(registry, authorities, facts, access)
        for file in files:
            if file.path == self._config(facts.home):
                self._refuse(file, facts, _mirror(registry))
        return files

    def placed(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> Sequence[HostFile]:
        """Return the same, whatever Docker is there now."""
        # By the way from one folder to the other: the snap sees both elsewhere.
        trusted = f"../{registry.reference}/{AUTHORITIES}" if registry.has_authorities else ""
        files: list[HostFile] = [
            cache_file(registry, self._folder(facts.home, upstream), upstream, trusted, access.login, facts)
            for upstream in access.caches
        ]
        if HUB in access.caches:
            files.append(mirror_file(self._config(facts.home), _mirror(registry), self._unit))
        return files

    @property
    def _unit(self) -> str:
        return "snap.docker.dockerd" if self._snap else "docker"

    def _config(self, home: str) -> str:
        return paths.docker_daemon(home, self._rootless, self._snap)

    def _folder(self, home: str, upstream: str) -> str:
        return f"{paths.docker_certificates(home, self._rootless, self._snap)}/{upstream}"

    def _refuse(self, file: HostFile, facts: Facts, mirror: str) -> None:
        """Refuse a configuration that another tool writes, or mirrors that are given as a flag."""
        line = json.dumps({_KEY: [mirror]})
        if isinstance(file, Shared) and file.put(facts.text(file.path)) != facts.text(file.path):
            refuse_managed(file.path, facts, line)
        if _FLAG in facts.said:
            raise Refused(
                f"{self._unit}.service starts dockerd with {_FLAG}, and dockerd does not start with mirrors both there "
                f"and in {file.path}: move them to the file first. It was not changed"
            )


def mirror_file(path: str, mirror: str, unit: str) -> Shared:
    """Return a mirror of Docker Hub in ``daemon.json``, behind those that are there.

    Args:
        path: The file.
        mirror: Its URL.
        unit: The service of dockerd.
    """
    return Shared(path, partial(_put, path, mirror), partial(_take, path, mirror), reload=unit)


def _put(path: str, mirror: str, text: str) -> str:
    there = _mirrors(path, text)
    if there is not None and mirror in there:
        return text
    if not text.strip():
        return json.dumps({_KEY: [mirror]}, indent=2) + "\n"
    if there is not None:
        return json_text.with_element(text, (_KEY,), json.dumps(mirror))
    indent, above, below = json_text.breaks(text)
    # The white space in it tells a list of ours from one of others, when nothing else is left.
    before, after = (below, above) if indent else (" ", " ")
    return json_text.with_member(text, (), f'"{_KEY}": [{before}{json.dumps(mirror)}{after}]', above)


def _take(path: str, mirror: str, text: str) -> str:
    there = _mirrors(path, text) or []
    if mirror not in there:
        return text
    is_ours = text[json_text.span(text, (_KEY,))[0] + 1].isspace()
    text = json_text.without_element(text, (_KEY,), there.index(mirror))
    if not is_ours or not json_text.is_empty(text, (_KEY,)):
        return text
    text = json_text.without_member(text, (), _KEY)
    return "" if json_text.is_empty(text, ()) and not json_text.is_bare(text, ()) else text


def _mirrors(path: str, text: str) -> list[str] | None:
    """Return the mirrors in a file, or None where it has no list of them."""
    said = json_text.parse(path, text.strip())
    if not isinstance(said, dict) or not isinstance(said.get(_KEY, []), list):
        raise Refused(f"{path} is not a configuration of Docker; it was not changed")
    return said.get(_KEY)


def _mirror(registry: Known) -> str:
    return f"https://{registry.reference}/{HUB}"


def _refuse_old(said: str) -> None:
    found = re.search(r"^(?:Docker version|docker) +(\d+)\.", said, re.MULTILINE)
    if found is None:
        raise Refused("dockerd printed no version: Docker is not installed on this host")
    if int(found[1]) < _OLDEST:
        raise Refused(
            f"Docker {found[1]} takes no mirror with a path, and {_OLDEST} does: bring a newer one, or leave `caches` "
            "out for this client"
        )
