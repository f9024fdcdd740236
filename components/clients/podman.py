"""Podman, Buildah, Skopeo and CRI-O: a file in the folder for the registry that wins."""

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from . import paths
from .access import TRUST, Access
from .host_file import Facts, HostFile, Own, Refused
from .probe_image import REPOSITORY, payload
from .runtime import FilesRuntime, Known, Proof, by_alias
from .toml_keys import parsed

FILE = "private-registry.crt"
"""All ``*.crt`` of a folder count, so somebody else's ``ca.crt`` stays what it is, and ours is known by its name."""

_PROOF = Path(__file__).parent / "podman_proof.sh"
_READ_ONLY = "read-only "
_DEFAULT = "/etc/containers/certs.d"
_PITFALLS = {
    "insecure": "turns off the check of certificates: remove it",
    "blocked": "refuses all pulls: remove it",
    "block": "refuses all pulls: remove it",
}


class Podman(FilesRuntime):
    """A file for each name of the registry; the folder's name is exactly that of images, with the port or without.

    Folders for one registry are not merged: the first of ``paths.podman_certificates`` that exists wins, even if it is
    empty (containers-certs.d(5); ``dockerCertDir`` in
    https://github.com/containers/container-libs/blob/main/image/docker/docker_client.go). So:

    - The file goes where a folder wins already, whoever made it: there it is one more, and nothing that was read before
      is hidden. Without any it goes to ``/etc/containers/certs.d``, which serves all users without one of their own.
    - A folder that wins for new versions alone gets the file too, as each program has a version of its own.
    - Without root it goes to the user's own folder, which wins always. That hides the machine's folder from this user:
      refused if there is a client certificate in it.
    - A folder that wins and is read-only (a store of NixOS, an image of a whole system) is refused.

    All of them read the folder at each request, and nothing has to be restarted.
    """

    name = "podman"
    meaning = "the folder of Podman, Buildah, Skopeo and CRI-O for this registry"
    login = "podman-login"
    caches = name

    _rootless: ClassVar[bool] = False

    def places(self, registry: Known) -> list[str]:
        """Return the files for the registry's names, where no other folder wins."""
        root = paths.podman_certificates("~", rootless=True)[0] if self._rootless else _DEFAULT
        return [f"{root}/{name}/{FILE}" for name in paths.names(registry)]

    @property
    def question(self) -> str:
        """Prints what is in all folders for registries, and the names of files about registries."""
        folders = " ".join(f'"{one}"/*/ "{one}"/*/*' for one in paths.podman_certificates("$HOME", self._rootless))
        files = " ".join(f'"{one}".d/*.conf' for one in paths.podman_registries("$HOME", self._rootless))
        return (
            f'for one in {folders} {files}; do if [ -w "$one" ]; then echo "$one"; '
            f'elif [ -e "$one" ]; then echo "{_READ_ONLY}$one"; fi; done'
        )

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]:
        """Return the files that may say more of registries."""
        return list(paths.podman_registries(home, self._rootless))

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return the files beside them, and ours that are there."""
        ours = tuple(f"/{name}/{FILE}" for name in paths.names(registry))
        return [path for path in _found(facts) if path.endswith((".conf", *ours))]

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> list[HostFile]:
        """Return the files with the authorities, and one by which images of other registries come from our caches.

        Raises:
            Refused: The folder that wins cannot be written, or a client certificate would be hidden; or as of
                ``mirrors``.
        """
        found = _found(facts)
        names = paths.names(registry) if registry.has_authorities else []
        folders = [folder for name in names for folder in self._folders(name, found, facts.home)]
        files = [Own(f"{folder}/{FILE}", authorities) for folder in dict.fromkeys(folders)]
        for file in files:
            _refuse_read_only(file, found, facts)
        return [*files, *self.mirrors(registry, access.caches, facts)]

    def mirrors(self, registry: Known, caches: Sequence[str], facts: Facts) -> list[HostFile]:
        """Return a file by which images of other registries come from our caches.

        A cache that is down is left out: the upstream itself is asked next (containers-registries.conf(5)). Logins and
        authorities are those of the registry whose name the mirror's begins with.

        Raises:
            Refused: Another file has the upstream already, which ours would replace as a whole.
        """
        base = paths.podman_registries(facts.home, self._rootless)[0]
        path = f"{base}.d/private-registry_{registry.reference}.conf"
        others = self._registries(facts, without=path)
        for upstream in caches:
            cache = f"{registry.reference}/{upstream}"
            file, table = others.get(upstream, ("", {}))
            if file and cache not in [one.get("location") for one in table.get("mirror") or []]:
                raise Refused(
                    f"{file} has a [[registry]] for {upstream}, and a file for caches would replace it. "
                    f'Add below it by hand:\n[[registry.mirror]]\nlocation = "{cache}"'
                )
        begin = f"# {registry.mark}: this file is written as a whole, changes of it are lost\n"
        ours = [_mirrored(one, f"{registry.reference}/{one}") for one in caches if one not in others]
        return [Own(path, "\n".join([begin, *ours]))] if ours else []

    def pitfalls(self, registry: Known, facts: Facts) -> list[str]:
        """Return what makes trust useless, though nothing is wrong with it."""
        return [
            f'{path}: {key} = true for "{prefix}" {what}'
            for prefix, (path, table) in self._registries(facts).items()
            if any(_is_prefix(prefix, name) for name in paths.names(registry))
            for key, what in _PITFALLS.items()
            if table.get(key) is True
        ]

    def proof(self, registry: Known, user: str) -> Proof:
        """TLS by the file that wins and not without it, 401 without a login, login, push, remove, pull."""
        has_file = registry.has_authorities and not registry.is_public
        return Proof(
            ("TLS", "401 without a login", "login", "push", "remove", "pull", *by_alias("pull", registry)),
            {
                "registry": registry.reference,
                "repository": REPOSITORY,
                "user": user,
                "folders": ":".join(paths.podman_certificates("~", self._rootless)) if has_file else "",
                "crt": FILE if has_file else "",
                "aliases": ",".join(registry.aliases),
            },
            _PROOF,
            payload=payload(registry.reference),
        )

    def _folders(self, name: str, found: Mapping[str, bool], home: str) -> list[str]:
        """Return where the file for one name goes."""
        order = [f"{folder}/{name}" for folder in paths.podman_certificates(home, self._rootless)]
        if self._rootless:
            return [_not_hiding(order, found)]
        older = [folder for folder in order if not folder.startswith(paths.PODMAN_ROOTFUL)]
        return [_winner(known, found) or f"{_DEFAULT}/{name}" for known in (older, order)]

    def _registries(self, facts: Facts, without: str = "") -> dict[str, tuple[str, Mapping[str, Any]]]:
        """Return the prefix of each registry that is configured -> the file that counts, and the table there."""
        known: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for path in self._loaded(facts):
            if path != without:
                tables = {_prefix(table): (path, table) for table in reversed(_tables(facts.text(path)))}
                known.update(tables)
        return known

    def _loaded(self, facts: Facts) -> list[str]:
        """Return the files about registries in the order in which they are loaded: what is last counts.

        A user's own file replaces that of the machine with its folder: containers-registries.conf.d(5).
        """
        bases = list(paths.podman_registries(facts.home, self._rootless))
        only_own = self._rootless and bases[0] in facts.files
        bases = bases[:1] if only_own else bases[::-1]
        more = sorted(path for path in facts.files if path.endswith(".conf"))
        beside = [path for base in bases for path in more if posixpath.dirname(path) == f"{base}.d"]
        return [*bases, *beside]


class PodmanRootless(Podman):
    """The same of the user who logs in, without root."""

    name = "podman-rootless"
    meaning = "the folder of Podman, Buildah and Skopeo of the user who logs in"
    login = "podman-rootless-login"
    caches = name
    is_of_user = True
    _rootless = True


def _found(facts: Facts) -> dict[str, bool]:
    """Return what the question found -> whether it can be written; a folder ends with a slash."""
    return {line.removeprefix(_READ_ONLY): not line.startswith(_READ_ONLY) for line in facts.said.splitlines()}


def _winner(order: Sequence[str], found: Mapping[str, bool]) -> str:
    return next((folder for folder in order if f"{folder}/" in found), "")


def _refuse_read_only(file: Own, found: Mapping[str, bool], facts: Facts) -> None:
    """Refuse a folder that cannot be written, unless it has the file already."""
    folder = posixpath.dirname(file.path)
    if not found.get(f"{folder}/", True) and facts.text(file.path) != file.content:
        raise Refused(
            f"{folder} is the folder that Podman reads for this registry, and it cannot be written: "
            f"add the CA there as {FILE}, where that folder is made, or remove the folder"
        )


def _not_hiding(order: Sequence[str], found: Mapping[str, bool]) -> str:
    """Return a user's own folder, which wins always.

    Raises:
        Refused: It is new, and hides a client certificate.
    """
    own, *others = order
    hidden = "" if f"{own}/" in found else _winner(others, found)
    keys = [path for path in found if hidden and path.startswith(f"{hidden}/") and path.endswith((".cert", ".key"))]
    if keys:
        raise Refused(f"{own} would hide the client certificate {keys[0]} from this user: copy it to {own} first")
    return own


def _tables(text: str) -> list[Mapping[str, Any]]:
    """Return what a file says of each registry, in the form of today or of version 1."""
    found = parsed(text).get("registry") or []
    old = parsed(text).get("registries") or {}
    return [*found, *({"location": one, key: True} for key in ("insecure", "block") for one in _listed(old, key))]


def _listed(old: Mapping[str, Any], key: str) -> list[str]:
    return (old.get(key) or {}).get("registries") or []


def _prefix(table: Mapping[str, Any]) -> str:
    return str(table.get("prefix") or table.get("location") or "").rstrip("/")


def _is_prefix(prefix: str, name: str) -> bool:
    """Return whether a table counts for images of a registry, or for some of them."""
    if prefix.startswith("*."):
        return name.rpartition(":")[0].endswith(prefix[1:]) or name.endswith(prefix[1:])
    return prefix.partition("/")[0] == name


def _mirrored(upstream: str, cache: str) -> str:
    return (
        f'[[registry]]\nprefix = "{upstream}"\nlocation = "{upstream}"\n\n[[registry.mirror]]\nlocation = "{cache}"\n'
    )
