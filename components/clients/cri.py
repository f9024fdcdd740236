"""How a client proves that Kubernetes' runtime trusts: by the interface that the kubelet uses."""

from pathlib import Path

from .probe_image import REPOSITORY, payload
from .runtime import PROOF, Known, Proof, by_alias

_PROOF = Path(__file__).parent / "cri_proof.sh"


def proof(runtime: str, registry: Known, user: str, authority: str) -> Proof:
    """Return the proof of a runtime, with the file by which it trusts, or none where the system trusts already."""
    return Proof(
        ("TLS", "401 without a login", "push", "pull", *by_alias("pull", registry)),
        {
            "runtime": runtime,
            "registry": registry.reference,
            "repository": REPOSITORY,
            "user": user,
            "authority": authority,
            "aliases": ",".join(registry.aliases),
        },
        _PROOF,
        (PROOF,),
        payload(registry.reference),
    )
