"""Docker: a folder for each registry."""

from pathlib import Path

from .probe_image import payload
from .runtime import AUTHORITIES, KEEP_TRUST, Known, Placement, Proof, Runtime, by_alias

CERTS_D = "/etc/docker/certs.d"
"""Where Docker looks for authorities, in a folder named as images name the registry
(https://docs.docker.com/engine/security/certificates/)."""
REPOSITORY = "private-registry/verification"
"""Where the probe image is pushed to: always the same one, so that nothing grows."""

_FILES = Path(__file__).parents[1] / "hosts/files.sh"
_PROOF = Path(__file__).parent / "docker_proof.sh"


class Docker(Runtime):
    """``ca.crt`` in ``certs.d``. Docker reads it at each pull, and needs no restart.

    It looks up a folder for each way to name the registry: that with the port is a link to the other one.
    """

    name = "docker"
    meaning = "Docker's folder for this registry"

    def placement(self, registry: Known) -> Placement:
        """Return the registry's folder."""
        directory = f"{CERTS_D}/{registry.reference}"
        is_known = registry.has_authorities
        has_link = is_known and registry.full_reference != registry.reference
        link = f"{CERTS_D}/{registry.full_reference}" if has_link else ""
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
        also = tuple(f"{CERTS_D}/{alias}/{AUTHORITIES}" for alias in aliases)
        return Placement(directory, place, paths, _FILES, (KEEP_TRUST,), link, also)

    def proof(self, registry: Known, user: str) -> Proof:
        """TLS with the distributed authority and not without it, 401 without a login, login, push, remove, pull."""
        authority = "" if registry.is_public else self.placement(registry).paths.get(AUTHORITIES, "")
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
