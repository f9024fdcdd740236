"""What a client host gets, and its proof that it works: one file a runtime. A new one gets a line in the table."""

from collections.abc import Mapping

from .buildkit import BuildKit, BuildKitRootless
from .containerd import Containerd
from .docker import Docker, DockerRootless, DockerSnap
from .k3s import RKE2, K3s
from .podman import Podman, PodmanRootless
from .runtime import Runtime
from .system import System

_ALL: tuple[Runtime, ...] = (
    *(Docker(), DockerRootless(), DockerSnap(), System(), Containerd()),
    *(Podman(), PodmanRootless(), BuildKit(), BuildKitRootless(), K3s(), RKE2()),
)
RUNTIMES: Mapping[str, Runtime] = {runtime.name: runtime for runtime in _ALL}
"""What clients may come to trust by."""
DEFAULT = Docker.name

__all__ = ["DEFAULT", "RUNTIMES", "Runtime"]
