"""The trust store of the machine: what curl, Go programs and most others trust by."""

import hashlib
import re
from pathlib import Path

from .runtime import AUTHORITIES, Known, Placement, Proof, ScriptRuntime, by_alias

_FOLDER = Path(__file__).parent
_SHOWN = 100
"""So many characters of a registry's reference stand in a file's name, which may have 255."""


class System(ScriptRuntime):
    """One certificate a file where the distribution wants it, and its own tool makes the store anew of them.

    Which distribution it is, the host knows: that of Debian and those like it
    (https://manpages.debian.org/update-ca-certificates), of Alpine (https://github.com/alpinelinux/ca-certificates), of
    SUSE (https://github.com/openSUSE/ca-certificates), of Fedora and RHEL, or of Arch
    (https://man.archlinux.org/man/update-ca-trust.8). Programs that run read the store when they start.
    """

    name = "system"
    meaning = "the trust store of the machine, which curl, Go programs and most others use"

    def placement(self, registry: Known) -> Placement:
        """Return the registry's files in the store: each ends with the fingerprint of its certificate."""
        store = _store_name(registry)
        paths = {AUTHORITIES: f"the system's store, {store}_*.crt"} if registry.has_authorities else {}
        return Placement(store, {"store": store, "registry": registry.reference}, paths, _FOLDER / "system.sh")

    def proof(self, registry: Known, user: str) -> Proof:
        """TLS by the system's store, by curl alone, and 401 without a login. Nothing needs Docker."""
        words = {"registry": registry.reference, "aliases": ",".join(registry.aliases)}
        steps = ("TLS", "401 without a login", *by_alias("TLS", registry))
        return Proof(steps, words, _FOLDER / "system_proof.sh")


def _store_name(registry: Known) -> str:
    """Return what the names of a registry's files start with: no other stack's, and no other registry's, do."""
    shown = re.sub(r"[^a-z0-9.-]", "_", registry.reference)[:_SHOWN]
    # Versions before 0.3 had other names, and take away what has them.
    own = hashlib.sha256(f"{registry.mark} (client) {registry.reference}".encode()).hexdigest()[:8]
    return f"private-registry_{shown}_{own}"
