"""K3s and RKE2: one file for all registries, which they read when they start."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from . import paths, yaml_keys
from .access import TRUST, Access, refuse_readable
from .cri import proof
from .host_file import Facts, HostFile, Own, Refused, Shared
from .managed import refuse_managed
from .marked_lines import is_marked
from .runtime import AUTHORITIES, FilesRuntime, Known, Proof


class _Rancher(FilesRuntime):
    """``registries.yaml`` with ``configs`` for each name of the registry, and a file of our own with the authorities.

    - https://docs.k3s.io/installation/private-registry and https://docs.rke2.io/install/private_registry: the file, its
      keys, and that it is read at the start.
    - https://github.com/rancher/wharfie, ``pkg/registries``: the parser of both. ``configs`` is looked up by the host
      as names of images have it, with the port if there is one; what is in ``ca_file`` comes to the system's CAs.
    - https://github.com/k3s-io/k3s, ``pkg/agent/containerd/config.go``: it makes a ``hosts.toml`` of each for its
      containerd; the path of an endpoint is taken as it is.
    """

    _units: ClassVar[str]
    """What the names of its services match: which of them is active, is asked."""

    def places(self, registry: Known) -> list[str]:
        """Return the one file for all registries."""
        return [self._path]

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]:
        """Return the one file that is shared."""
        return [self._path]

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return nothing: that file names no others of its kind."""
        return []

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> list[HostFile]:
        """Return the authorities, and ``registries.yaml`` with our keys.

        Raises:
            Refused: Others have set something that can't be kept beside it.
        """
        path, tree = self._path, self._tree(registry, access)
        text = facts.text(path)

        def put(text: str) -> str:
            _refuse_unverified(path, yaml_keys.take(path, text, registry.mark), tree)
            return yaml_keys.put(path, text, tree, registry.mark)

        def take(text: str) -> str:
            return yaml_keys.take(path, text, registry.mark)

        if not tree and not is_marked(text, registry.mark):
            return []
        if put(text) != text:
            refuse_managed(path, facts, yaml_keys.shown(tree))
        if access.login:
            refuse_readable(path, facts)
        own = [Own(self._authorities(registry), authorities)] if registry.has_authorities else []
        return [*own, Shared(path, put, take, "0600", self._unit(facts))]

    def proof(self, registry: Known, user: str) -> Proof:
        """TLS with the distributed authority, 401 without a login, push, and a pull as Kubernetes does it."""
        return proof(self.name, registry, user, "" if registry.is_public else self._authorities(registry))

    @property
    def _path(self) -> str:
        return f"/etc/rancher/{self.name}/registries.yaml"

    def _authorities(self, registry: Known) -> str:
        return f"/etc/rancher/{self.name}/private-registry/{registry.reference}/{AUTHORITIES}"

    def _tree(self, registry: Known, access: Access) -> dict[str, Any]:
        config: dict[str, Mapping[str, str]] = {}
        if registry.has_authorities:
            config["tls"] = {"ca_file": self._authorities(registry)}
        if access.login:
            config["auth"] = {"username": access.login.user, yaml_keys.SECRET: access.login.password}
        names = paths.names(registry)
        tree: dict[str, Any] = {"configs": dict.fromkeys(names, config)} if config else {}
        if access.caches:
            root = f"https://{registry.reference}/v2"
            tree["mirrors"] = {upstream: {"endpoint": [f"{root}/{upstream}"]} for upstream in access.caches}
        return tree

    def _unit(self, facts: Facts) -> str:
        """Return the service that runs; one that does not will read the file when it starts."""
        found = re.search(rf"^\W*({self._units})\.service", facts.said, re.MULTILINE)
        return found[1] if found else ""


def _refuse_unverified(path: str, text: str, tree: Mapping[str, Any]) -> None:
    """Refuse a registry of ours whose certificate others have not checked at all."""
    there = yaml_keys.parse(path, text).get("configs")
    for name in tree.get("configs", {}):
        tls = there[name].get("tls") if isinstance(there, Mapping) and isinstance(there.get(name), Mapping) else None
        if isinstance(tls, Mapping) and tls.get("insecure_skip_verify"):
            raise Refused(
                f"{path} has insecure_skip_verify: true for {name}, which this stack did not write: no certificate is "
                "checked then. Remove that line; the file was not changed"
            )


class K3s(_Rancher):
    """A server or an agent of K3s; its installer may give them names of their own, ``k3s-NAME``."""

    name = "k3s"
    meaning = "K3s' list of registries; K3s restarts when it changes"
    login = name
    caches = name
    question = "systemctl list-units --state=active --plain --no-legend 'k3s*.service'"
    _units = r"k3s(?:-[\w-]+)?"


class RKE2(_Rancher):
    """A server or an agent of RKE2."""

    name = "rke2"
    meaning = "RKE2's list of registries; RKE2 restarts when it changes"
    login = name
    caches = name
    question = "systemctl list-units --state=active --plain --no-legend 'rke2-*.service'"
    _units = "rke2-(?:server|agent)"
