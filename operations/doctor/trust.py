"""Whether each program of a host trusts the registry, by which file, and why not: by the rules of these programs."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import yaml
from cryptography import x509

from components.clients.paths import buildkit_folder
from operations.doctor.facts import Facts
from operations.doctor.registry import Registry, anchors_in

DUMP = "containerd config dump"
"""What ``look.sh`` calls the configuration that containerd prints."""
_CRI = ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images")
"""The part of containerd that pulls for Kubernetes, of versions 1 and 2."""
_PODMANS = ("podman", "buildah", "skopeo", "crio")
"""The programs that read the same folders."""
_OF_USERS = {"podman-rootless": ".config/containers", "buildkit-rootless": ".config/buildkit"}
"""What each user of a host could run -> the folder in the home of who does."""
_ROOT_HOME = "/root"
_UNTRUSTED = 60
"""The status of curl for a certificate that no known CA has signed."""
_SYSTEM = "the trust store of the machine"


class State(StrEnum):
    """How it is about trust."""

    TRUSTED = "trusted"
    MISSING = "missing"
    """Nothing is there for this registry."""
    WRONG = "wrong"
    """Something is there, and does not help."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Trust:
    """How a program of a host trusts the registry."""

    runtime: str
    state: State
    by: str = ""
    """The folder or file that counts."""
    why: str = ""
    """What is wrong with it."""
    anchor: x509.Certificate | None = None
    """Of the CA certificates by which it trusts, the one that ends last; None where that is not known."""
    is_verifying: bool = True
    """Whether it verifies at all."""
    programs: tuple[str, ...] = ()
    """Which programs of this kind are installed, where there are several."""

    @property
    def label(self) -> str:
        """The runtime, with the programs where it is none of them."""
        is_clear = not self.programs or self.runtime in self.programs
        return self.runtime if is_clear else f"{self.runtime} ({', '.join(self.programs)})"

    @property
    def ends(self) -> datetime | None:
        """When that one ends."""
        return self.anchor.not_valid_after_utc if self.anchor else None


@dataclass(frozen=True)
class _Place:
    """What a program reads for a registry."""

    by: str = ""
    """The folder or file; nothing where there is none."""
    anchors: Sequence[x509.Certificate] = ()
    why: str = ""
    """Why the program can't use it, or takes no other one."""
    is_broken: bool = False
    is_verifying: bool = True
    has_system: bool = True
    """Whether the trust store of the machine counts too."""


def trusts(facts: Facts, registry: Registry) -> list[Trust]:
    """Return how each program that is installed trusts, and the machine's trust store."""
    found = [_judged(name, place(facts, registry.reference), facts, registry) for name, place in _places(facts)]
    podmans = tuple(name for name in _PODMANS if name in facts.programs)
    return [replace(one, programs=podmans) if one.runtime == "podman" else one for one in found]


def installed(facts: Facts) -> list[str]:
    """Return the runtimes whose programs are installed, by the names that the settings have."""
    return list(dict.fromkeys(name for name, _ in _places(facts) if name != "system"))


def used(facts: Facts) -> list[str]:
    """Return those that are used, as far as is seen: what each user could run counts once one has files for it."""
    return [name for name in installed(facts) if name not in _OF_USERS or _is_used(facts, _OF_USERS[name])]


def _is_used(facts: Facts, folder: str) -> bool:
    own = tuple(f"{home}/{folder}/" for home in facts.homes if home != _ROOT_HOME)
    return facts.uid != 0 or any(path.startswith(own) for path in (*facts.files, *facts.folders))


def users(facts: Facts) -> Sequence[str]:
    """Return the homes of users; that of root where no other one logs in."""
    return [home for home in facts.homes if home != _ROOT_HOME] or facts.homes


def _places(facts: Facts) -> Iterator[tuple[str, Callable[[Facts, str], _Place]]]:
    """Yield what is installed, by the names of ``RUNTIMES``, and what it reads."""
    if has_docker(facts):
        yield from _dockers(facts)
    for home in facts.rootless:
        yield "docker-rootless", partial(_docker, f"{home}/.config/docker")
    if any(name in facts.programs for name in _PODMANS):
        yield "podman", partial(_podman, _ROOT_HOME)
        yield from (("podman-rootless", partial(_podman, home)) for home in users(facts))
    if has_cri(facts):
        yield "containerd", _containerd
    if "buildkitd" in facts.programs:
        yield "buildkit", partial(_buildkit, _ROOT_HOME, False)
        yield from (("buildkit-rootless", partial(_buildkit, home, True)) for home in users(facts))
    for name in ("k3s", "rke2"):
        if name in facts.programs:
            yield name, partial(_rancher, name)
    yield "system", lambda found, reference: _Place()


def has_docker(facts: Facts) -> bool:
    """Tell whether Docker is there, and not a program of Podman's by that name."""
    return "podman" not in facts.programs.get("docker", "podman") or "dockerd" in facts.programs


def has_cri(facts: Facts) -> bool:
    """Tell whether containerd is there for others than Docker, which brings one along."""
    if "containerd" not in facts.programs or "cri" in _config(facts).get("disabled_plugins", []):
        return "nerdctl" in facts.programs and "containerd" in facts.programs
    return not has_docker(facts) or "kubelet" in facts.processes or bool({"crictl", "nerdctl"} & facts.programs.keys())


def _judged(name: str, place: _Place, facts: Facts, registry: Registry) -> Trust:
    if place.is_broken:
        return Trust(name, State.WRONG, place.by, place.why)
    trusted = registry.is_trusted_by(place.anchors) if place.anchors else False
    if trusted:
        return Trust(name, State.TRUSTED, place.by, place.why, _anchor(place.anchors, registry), place.is_verifying)
    if place.has_system and facts.curl == 0:
        return Trust(name, State.TRUSTED, _SYSTEM, "", _anchor_in_store(facts, registry), place.is_verifying)
    if trusted is None or (name == "system" and not _is_refused(facts)):
        return Trust(name, State.UNKNOWN, place.by, _why_unknown(facts, registry), None, place.is_verifying)
    if not place.by or not place.anchors:
        why = place.why or (f"no CA certificate is in {place.by}" if place.by else "")
        state = State.WRONG if place.by else State.MISSING
        return Trust(name, state, place.by, why, None, place.is_verifying)
    why = f"no CA certificate in {place.by} signed what the registry serves"
    return Trust(name, State.WRONG, place.by, f"{why}; {place.why}" if place.why else why, None, place.is_verifying)


def _is_refused(facts: Facts) -> bool:
    return facts.curl == _UNTRUSTED


def _why_unknown(facts: Facts, registry: Registry) -> str:
    if facts.curl is None:
        return "curl is not installed"
    return "the registry does not answer" if not registry.served else "this host does not reach the registry"


def _anchor(anchors: Sequence[x509.Certificate], registry: Registry) -> x509.Certificate | None:
    helping = (one for one in anchors if registry.knows([one]))
    return max(helping, key=lambda one: one.not_valid_after_utc, default=None)


def _anchor_in_store(facts: Facts, registry: Registry) -> x509.Certificate | None:
    own = (text for path, text in facts.certificates.items() if "/private-registry_" in path)
    return _anchor([one for text in own for one in anchors_in(text)], registry)


def _folder(facts: Facts, roots: Sequence[str], name: str) -> _Place:
    """Return the first folder that is there: a program looks into no other one, even if that one is empty."""
    candidates = [f"{root}/certs.d/{name}" for root in roots]
    there = [folder for folder in candidates if folder in facts.folders]
    if not there:
        return _Place()
    first = there[0]
    hidden = [folder for folder in there[1:] if facts.certificates_in(folder)]
    found = [one for text in facts.certificates_in(first).values() for one in anchors_in(text)]
    if lone := _lone(facts, first):
        return _Place(first, found, f"{lone}: Docker and Podman refuse the whole folder for it", is_broken=True)
    return _Place(first, found, f"{first} comes first, and hides {hidden[0]}" if hidden else "")


def _lone(facts: Facts, folder: str) -> str:
    """Return what a client certificate or a key in a folder lacks, if anything."""
    for entry in sorted(facts.entries):
        path = PurePosixPath(entry)
        if str(path.parent) != folder:
            continue
        other = path.with_suffix(".key" if path.suffix == ".cert" else ".cert")
        if str(other) not in facts.entries:
            return f"{entry} has no {other.name} beside it; a CA certificate must be named *.crt"
    return ""


def _dockers(facts: Facts) -> Iterator[tuple[str, Callable[[Facts, str], _Place]]]:
    """Yield Docker of a package, of the snap, or both."""
    if facts.is_snap:
        yield "docker-snap", partial(_docker, "/var/snap/docker/current/etc/docker")
    if not facts.is_snap or "dockerd" in facts.programs:
        yield "docker", partial(_docker, "/etc/docker")


def _docker(folder: str, facts: Facts, reference: str) -> _Place:
    """The same of a package, a snap and a user.

    https://docs.docker.com/engine/security/certificates/, https://docs.docker.com/engine/security/rootless/, and the
    docs of the snap.
    """
    return _folder(facts, [folder], reference)


def _podman(home: str, facts: Facts, reference: str) -> _Place:
    """https://github.com/containers/image/blob/main/docs/containers-certs.d.5.md: the first folder that exists wins."""
    return _folder(facts, [f"{home}/.config/containers", "/etc/containers", "/etc/docker"], reference)


def _containerd(facts: Facts, reference: str) -> _Place:
    """The order of ``hostPaths`` in https://github.com/containerd/containerd/blob/main/core/remotes/docker/config/hosts.go."""
    roots = [root.removesuffix("/") for root in config_path(facts).split(":") if root]
    if not roots:
        return _Place(why="config_path is not set, so containerd reads no folder")
    name, _, port = reference.rpartition(":")
    among = [f"{name}_{port}_"] if name and port.isdigit() else []
    candidates = [f"{root}/{folder}" for root in roots for folder in (*among, reference, "_default")]
    there = [folder for folder in candidates if folder in facts.folders]
    if not there:
        return _Place(why=f"{roots[0]} has no folder for it")
    hidden = [folder for folder in there[1:] if not folder.endswith("/_default")]
    return _hosts_toml(facts, there[0], reference, f"{there[0]} comes first, and hides {hidden[0]}" if hidden else "")


def _hosts_toml(facts: Facts, folder: str, reference: str, why: str) -> _Place:
    path = f"{folder}/hosts.toml"
    if path not in facts.files:
        found = [one for text in facts.certificates_in(folder).values() for one in anchors_in(text)]
        return _Place(folder, found, why)
    try:
        said = tomllib.loads(facts.files[path])
    except tomllib.TOMLDecodeError as error:
        return _Place(path, (), f"{path} can't be read: {error}", is_broken=True)
    sections = [said, *(section for url, section in _tables(said.get("host")).items() if _is_at(url, reference))]
    names = [str(PurePosixPath(folder, name)) for section in sections for name in _texts(section.get("ca"))]
    is_verifying = not any(section.get("skip_verify") is True for section in sections)
    return _Place(path, list(_all(facts, names)), why or _lost(facts, names), is_verifying=is_verifying)


def _is_at(url: str, reference: str) -> bool:
    return re.sub(r"^https?://", "", url).partition("/")[0] in (reference, reference.removesuffix(":443"))


def buildkit_config(facts: Facts, home: str, is_rootless: bool) -> str:
    """Return what buildkitd was started with, or the file that it reads without that."""
    named = facts.processes.get("buildkitd", "")
    is_of_user = any(named.startswith(f"{one}/") for one in facts.homes if one != _ROOT_HOME)
    if named and (named.startswith(f"{home}/") if is_rootless else not is_of_user):
        return named
    return f"{buildkit_folder(home, is_rootless)}/buildkitd.toml"


def _buildkit(home: str, is_rootless: bool, facts: Facts, reference: str) -> _Place:
    """https://docs.docker.com/build/buildkit/configure/: one file, a section for each registry."""
    path = buildkit_config(facts, home, is_rootless)
    try:
        said = tomllib.loads(facts.files.get(path, ""))
    except tomllib.TOMLDecodeError as error:
        return _Place(path, (), f"{path} can't be read: {error}", is_broken=True)
    section = _tables(said.get("registry")).get(reference)
    if section is None:
        return _Place()
    names = _texts(section.get("ca"))
    is_verifying = not (section.get("insecure") is True or section.get("http") is True)
    return _Place(path, list(_all(facts, names)), _lost(facts, names), is_verifying=is_verifying)


def _rancher(name: str, facts: Facts, reference: str) -> _Place:
    """https://docs.k3s.io/installation/private-registry: one file, read when the service starts."""
    path = f"/etc/rancher/{name}/registries.yaml"
    try:
        said = yaml.safe_load(facts.files.get(path, "")) or {}
    except yaml.YAMLError:
        return _Place(path, (), f"{path} can't be read as YAML", is_broken=True)
    section = _tables(said.get("configs") if isinstance(said, dict) else None).get(reference)
    if section is None:
        return _Place()
    tls = section.get("tls") if isinstance(section.get("tls"), dict) else {}
    names = _texts(tls.get("ca_file")) if tls else []
    is_verifying = not (tls and tls.get("insecure_skip_verify") is True)
    return _Place(path, list(_all(facts, names)), _lost(facts, names), is_verifying=is_verifying)


def _config(facts: Facts) -> Mapping[str, Any]:
    try:
        return tomllib.loads(facts.files.get(DUMP, ""))
    except tomllib.TOMLDecodeError:
        return {}


def config_path(facts: Facts) -> str:
    """Return the folders that containerd reads for Kubernetes, with colons between; nothing where none are set."""
    plugins = _tables(_config(facts).get("plugins"))
    found = (_tables(plugins.get(name)).get("registry", {}).get("config_path") for name in _CRI)
    return next((path for path in found if isinstance(path, str) and path), "")


def _tables(value: Any) -> dict[str, dict[str, Any]]:
    """Return the tables of a table by name: what others wrote may be anything."""
    return (
        {str(key): table for key, table in value.items() if isinstance(table, dict)} if isinstance(value, dict) else {}
    )


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [text for text in found if isinstance(text, str) and text]


def _all(facts: Facts, names: Sequence[str]) -> Iterator[x509.Certificate]:
    for name in names:
        yield from anchors_in(facts.certificates.get(name, ""))


def _lost(facts: Facts, names: Sequence[str]) -> str:
    lost = [name for name in names if name not in facts.certificates and name not in facts.unreadable]
    return f"{lost[0]} is named there, and does not exist" if lost else ""
