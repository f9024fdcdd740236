"""BuildKit's own daemon: a key for each name of the registry in ``buildkitd.toml``."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from . import paths, toml_keys
from .access import TRUST, Access
from .host_file import Facts, HostFile, Own, Refused, Shared
from .managed import refuse_managed
from .probe_image import REPOSITORY
from .runtime import AUTHORITIES, FilesRuntime, Known, Proof, by_alias
from .toml_keys import Tables, table_in

_PROOF = Path(__file__).parent / "buildkit_proof.sh"
_UNITS = ("buildkit", "buildkitd")
_CONFIG_FLAG = re.compile(r"--config[= ]([^\s;]+)")


class BuildKit(FilesRuntime):
    """``ca`` for each name of the registry, beside whatever else the table has; the file is in a folder of our own.

    The name is that of images, with the port or without: ``NewRegistryConfig`` looks it up as it is
    (https://github.com/moby/buildkit/blob/master/util/resolver/resolver.go). What ``ca`` names is added to the
    system's, and is read at each request: a rotation needs no restart. ``buildkitd.toml`` is read at the start alone.
    A file that ``ca`` names and that is not there fails all requests to that registry: it comes before the key, and
    goes after it.

    A builder of ``docker buildx create`` is no such daemon: it has copies of the configuration that was given by
    ``--buildkitd-config`` and of the files that it names (``LoadConfigFiles`` in
    https://github.com/docker/buildx/blob/master/util/confutil/container.go). One that was made before has to be made
    again: the doctor finds it.

    With tokens ``buildctl`` asks for them itself, and needs ``--registry-auth-tlscontext host=NAME,ca=FILE`` or the
    system's store: https://github.com/moby/buildkit/blob/master/docs/buildkitd.toml.md.
    """

    name = "buildkit"
    meaning = "BuildKit's own daemon, buildkitd; not the one in Docker, and not builders of `docker buildx create`"
    # buildctl sends the logins of the user who calls it, and reads Docker's file.
    login = "docker-login"
    caches = name

    _rootless: ClassVar[bool] = False

    def places(self, registry: Known) -> list[str]:
        """Return the configuration, where the service names no other."""
        return [f"{paths.buildkit_folder('~', self._rootless)}/buildkitd.toml"]

    @property
    def question(self) -> str:
        """Prints the unit's name and how it starts."""
        systemctl = "systemctl --user" if self._rootless else "systemctl"
        return (
            f"for unit in {' '.join(_UNITS)}; do {systemctl} cat $unit.service > /dev/null 2>&1 && "
            f'echo "unit $unit" && {systemctl} show -p ExecStart $unit.service; done'
        )

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]:
        """Return the configuration's usual place."""
        return [f"{paths.buildkit_folder(home, self._rootless)}/buildkitd.toml"]

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return the configuration that the unit names."""
        return [self._config(facts)]

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> list[HostFile]:
        """Return the file with the authorities, the keys that name it, and those of caches.

        A cache that is down is left out: the upstream itself is asked next.

        Raises:
            Refused: The configuration is not valid, is managed by another tool, or names other authorities.
        """
        own = self._own(registry, facts) if registry.has_authorities else ""
        names = paths.names(registry) if own else []
        mirrors = {upstream: f"{registry.reference}/{upstream}" for upstream in access.caches}
        tables = {**_tables("ca", dict.fromkeys(names, own)), **_tables("mirrors", mirrors)}
        shared = self._shared(registry, facts, tables, own)
        return [Own(own, authorities), shared] if own else [shared]

    def pitfalls(self, registry: Known, facts: Facts) -> list[str]:
        """Return what makes trust useless, though nothing is wrong with it."""
        path = self._config(facts)
        found = toml_keys.parsed(facts.text(path))
        return [
            f'{path}: {key} = true in [registry."{name}"] turns off the check of certificates: remove it'
            for name in paths.names(registry)
            for key in ("insecure", "http")
            if table_in(found, "registry", name).get(key) is True
        ]

    def proof(self, registry: Known, user: str) -> Proof:
        """TLS, 401 without a login, then a build that pushes an image, and one that starts from it."""
        has_file = registry.has_authorities and not registry.is_public
        return Proof(
            ("TLS", "401 without a login", "build and push", "build from it", *by_alias("build from it", registry)),
            {
                "registry": registry.reference,
                "repository": REPOSITORY,
                "user": user,
                "authority": self._own(registry, Facts(home="~")) if has_file else "",
                "aliases": ",".join(registry.aliases),
            },
            _PROOF,
            payload=lambda password: {"password": f"{password}\n"},
        )

    def _own(self, registry: Known, facts: Facts) -> str:
        folder = paths.buildkit_folder(facts.home, self._rootless)
        return f"{folder}/private-registry/{registry.reference}/{AUTHORITIES}"

    def _config(self, facts: Facts) -> str:
        """Return what the unit names, or the usual place."""
        named = _CONFIG_FLAG.search(facts.said)
        return named[1] if named else f"{paths.buildkit_folder(facts.home, self._rootless)}/buildkitd.toml"

    def _shared(self, registry: Known, facts: Facts, tables: Tables, own: str) -> Shared:
        path, mark = self._config(facts), registry.mark

        def put(text: str) -> str:
            after = toml_keys.put(path, text, tables, mark)
            if after != text:
                _refuse_changed(path, text, mark)
            return after

        def take(text: str) -> str:
            _refuse_changed(path, text, mark)
            after = toml_keys.take(path, text, mark)
            _refuse_by_hand(path, after, own)
            return after

        if put(facts.text(path)) != facts.text(path):
            refuse_managed(path, facts, toml_keys.shown(tables))
        unit = re.search(r"^unit (\S+)$", facts.said, re.MULTILINE)
        return Shared(path, put, take, restart=unit[1] if unit else "")


class BuildKitRootless(BuildKit):
    """The same of the user who logs in, without root."""

    name = "buildkit-rootless"
    meaning = "buildkitd of the user who logs in"
    login = "docker-rootless-login"
    caches = name
    is_of_user = True
    _rootless = True


def _tables(key: str, values: Mapping[str, str]) -> dict[tuple[str, ...], dict[str, list[str]]]:
    return {("registry", name): {key: [one]} for name, one in values.items()}


def _refuse_changed(path: str, text: str, mark: str) -> None:
    """Refuse to remove a line of ours to which others have added something: a list has one text of ours.

    Raises:
        Refused: It names the line.
    """
    said = toml_keys.parse(path, text)
    for table, key in toml_keys.ours(text, mark):
        found = table_in(said, *table).get(key)
        if not isinstance(found, list) or len(found) != 1:
            raise Refused(f"{path}: lines of this stack were changed. Remove by hand: {key} = {json.dumps(found)}")


def _refuse_by_hand(path: str, text: str, own: str) -> None:
    """Refuse to leave a line that was added by hand and names our file: without it all requests there would fail.

    Raises:
        Refused: It names the line.
    """
    for name, table in (toml_keys.parse(path, text).get("registry") or {}).items():
        if own and own in (table.get("ca") or []):
            raise Refused(
                f'{path} has {json.dumps(own)} in [registry."{name}"] by hand. Remove it there first: '
                "BuildKit fails where a file of that list is missing"
            )
