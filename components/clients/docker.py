"""Docker: a folder for each registry."""

from pathlib import Path
from typing import ClassVar

from . import paths
from .access import TRUST, Access
from .host_file import Facts, HostFile, Own
from .probe_image import REPOSITORY, payload
from .runtime import AUTHORITIES, KEEP_TRUST, FilesRuntime, Known, Placement, Proof, ScriptRuntime, by_alias

CERTS_D = "/etc/docker/certs.d"
"""Where Docker looks for authorities, in a folder named as images name the registry
(https://docs.docker.com/engine/security/certificates/)."""

_FILES = Path(__file__).parents[1] / "hosts/files.sh"
_PROOF = Path(__file__).parent / "docker_proof.sh"


class Docker(ScriptRuntime):
    """``ca.crt`` in ``certs.d``. Docker reads it at each pull, and needs no restart.

    It looks up a folder for each way to name the registry: that with the port is a link to the other one.
    """

    name = "docker"
    meaning = "Docker's folder for this registry"
    login = "docker-login"
    caches = "docker-caches"
    _certs_d: ClassVar[str] = CERTS_D

    def placement(self, registry: Known) -> Placement:
        """Return the registry's folder."""
        directory = f"{self._certs_d}/{registry.reference}"
        is_known = registry.has_authorities
        has_link = is_known and registry.full_reference != registry.reference
        link = f"{self._certs_d}/{registry.full_reference}" if has_link else ""
        known_as = registry.reference if is_known else ""
        aliases = registry.aliases if is_known else ()
        place = {
            "directory": directory,
            "link": link,
            "marker": f"{registry.mark} (client)",
            "registry": known_as,
            "aliases": ",".join(aliases),
        }
        paths = {AUTHORITIES: f"{directory}/{AUTHORITIES}"} if is_known else {}
        also = tuple(f"{self._certs_d}/{alias}/{AUTHORITIES}" for alias in aliases)
        return Placement(directory, place, paths, _FILES, (KEEP_TRUST,), link, also)

    def proof(self, registry: Known, user: str) -> Proof:
        """TLS with the distributed authority and not without it, 401 without a login, login, push, remove, pull."""
        return _proof(registry, user, "" if registry.is_public else self.placement(registry).paths.get(AUTHORITIES, ""))


def _proof(registry: Known, user: str, authority: str) -> Proof:
    return Proof(
        ("TLS", "401 without a login", "login", "push", "remove", "pull", *by_alias("pull", registry)),
        {
            "registry": registry.reference,
            "repository": REPOSITORY,
            "user": user,
            "authority": authority,
            "aliases": ",".join(registry.aliases),
        },
        _PROOF,
        payload=payload(registry.reference),
    )


class DockerSnap(Docker):
    """The same of the snap, which has a folder of its own."""

    name = "docker-snap"
    meaning = "the folder of Docker from the snap"
    login = "docker-snap-login"
    caches = "docker-snap-caches"
    _certs_d = paths.docker_certificates("", snap=True)


class DockerRootless(FilesRuntime):
    """The same of the user who logs in, without root: a file for each name, as links of others may be there."""

    name = "docker-rootless"
    meaning = "Docker of the user who logs in, without root"
    login = "docker-rootless-login"
    caches = "docker-rootless-caches"
    is_of_user = True
    question = ""

    def places(self, registry: Known) -> list[str]:
        """Return the files for the registry's names."""
        return self.reads(registry, "~")

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]:
        """Return the files for the registry's names."""
        folder = paths.docker_certificates(home, rootless=True)
        return [f"{folder}/{name}/{AUTHORITIES}" for name in paths.names(registry)]

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return nothing."""
        return []

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> list[HostFile]:
        """Return a file with the authorities for each name."""
        return [Own(path, authorities) for path in self.reads(registry, facts.home)]

    def proof(self, registry: Known, user: str) -> Proof:
        """The same as with root, by the user's own daemon."""
        authority = "" if registry.is_public or not registry.has_authorities else self.places(registry)[0]
        return _proof(registry, user, authority)
