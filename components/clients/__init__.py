"""What a client host gets, and its proof that it works: one file a runtime. A new one gets a line in the table."""

from collections.abc import Mapping

from . import paths
from .buildkit import BuildKit, BuildKitRootless
from .containerd import Containerd
from .docker import Docker, DockerRootless, DockerSnap
from .docker_caches import DockerCaches
from .k3s import RKE2, K3s
from .login_files import LoginFile, PodmanLoginFile
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
LOGIN_FILES: Mapping[str, LoginFile] = {
    file.name: file
    for file in (
        LoginFile("docker-login", lambda _: paths.docker_login(paths.ROOT_HOME)),
        LoginFile("docker-snap-login", lambda _: paths.docker_login(paths.ROOT_HOME, snap=True)),
        LoginFile("docker-rootless-login", paths.docker_login, is_of_user=True),
        PodmanLoginFile("podman-login", paths.podman_login),
        PodmanLoginFile("podman-rootless-login", lambda home: paths.podman_login(home, rootless=True), is_of_user=True),
    )
}
"""The files with logins that are apart from what a runtime trusts by."""
CACHES_FILES: Mapping[str, DockerCaches] = {
    files.name: files
    for files in (
        DockerCaches("docker-caches"),
        DockerCaches("docker-snap-caches", snap=True),
        DockerCaches("docker-rootless-caches", rootless=True),
    )
}
"""The files by which a runtime pulls from our caches, apart from what it trusts by."""

__all__ = ["CACHES_FILES", "DEFAULT", "LOGIN_FILES", "RUNTIMES", "Runtime"]
