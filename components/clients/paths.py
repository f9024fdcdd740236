"""Which files Docker, Podman and BuildKit read: as root, as a user without root, and from a snap.

``home`` is that of the user who runs the program. All follow ``XDG_CONFIG_HOME``, which is set for a service by nothing
but its unit; here it is the default, ``~/.config``.
"""

from .runtime import Known

ROOT_HOME = "/root"
"""Where programs of root look, whoever logs in and becomes root."""

PODMAN_ROOTFUL = "/etc/containers/certs.rootful.d"
"""Which Podman reads from 2026 on, as root."""

_SNAP = "/var/snap/docker/current"
"""The snap sees this folder's ``etc/docker`` as ``/etc/docker``: https://github.com/canonical/docker-snap,
``layout`` in ``snap/snapcraft.yaml``. Its README still names a folder of a patch that was dropped in 2021 (#42)."""


def names(registry: Known) -> list[str]:
    """Return all that names of images may start with, each once."""
    return list(dict.fromkeys((registry.reference, registry.full_reference, *registry.aliases)))


def config_home(home: str) -> str:
    """Return where a user's programs have their configuration."""
    return f"{home}/.config"


def docker_certificates(home: str, rootless: bool = False, snap: bool = False) -> str:
    """Return Docker's folder of folders for registries.

    Without root: ``CertsDir`` in https://github.com/moby/moby/blob/master/daemon/pkg/registry/config.go.

    Raises:
        ValueError: The snap runs as root.
    """
    _refuse_both(rootless, snap)
    if rootless:
        return f"{config_home(home)}/docker/certs.d"
    return f"{_SNAP}/etc/docker/certs.d" if snap else "/etc/docker/certs.d"


def docker_daemon(home: str, rootless: bool = False, snap: bool = False) -> str:
    """Return the configuration of Docker's daemon.

    https://docs.docker.com/engine/daemon/#configuration-file; of the snap: https://github.com/canonical/docker-snap.

    Raises:
        ValueError: The snap runs as root.
    """
    _refuse_both(rootless, snap)
    if rootless:
        return f"{config_home(home)}/docker/daemon.json"
    return f"{_SNAP}/config/daemon.json" if snap else "/etc/docker/daemon.json"


def docker_login(home: str, snap: bool = False) -> str:
    """Return where Docker's command line has its logins: of the user who calls it, whoever runs the daemon.

    The snap has a home of its own for each user: https://github.com/docker/cli/issues/3961.
    """
    return f"{home}/snap/docker/current/.docker/config.json" if snap else f"{home}/.docker/config.json"


def podman_certificates(home: str, rootless: bool = False) -> tuple[str, ...]:
    """Return the folders of folders for registries in Podman's order: the first one that has the registry wins.

    ``dockerCertDir`` in https://github.com/containers/container-libs/blob/main/image/docker/docker_client.go. The
    newest manual has ``certs.rootful.d`` between the first two, for root alone
    (https://github.com/containers/container-libs/blob/main/image/docs/containers-certs.d.5.md); what is older does not
    look there. Folders in ``/usr/share`` are what packages bring, and are meant to be hidden by those in ``/etc``.
    """
    own = f"{config_home(home if rootless else ROOT_HOME)}/containers/certs.d"
    of_root = () if rootless else (PODMAN_ROOTFUL,)
    return (own, *of_root, "/etc/containers/certs.d", "/etc/docker/certs.d")


def podman_registries(home: str, rootless: bool = False) -> tuple[str, ...]:
    """Return the files about registries that may be there; beside each is a folder ``registries.conf.d``.

    A user's own file replaces that of the machine: containers-registries.conf(5).
    """
    own = (f"{config_home(home)}/containers/registries.conf",) if rootless else ()
    return (*own, "/etc/containers/registries.conf")


def podman_login(home: str, rootless: bool = False) -> str:
    """Return where logins stay: ``podman login`` itself writes to a folder that a restart empties.

    Both are read: containers-auth.json(5). A login in the other one, ``$XDG_RUNTIME_DIR/containers/auth.json``, wins.
    With ``REGISTRY_AUTH_FILE`` set none but that file is read.
    """
    return f"{config_home(home if rootless else ROOT_HOME)}/containers/auth.json"


def buildkit_folder(home: str, rootless: bool = False) -> str:
    """Return where ``buildkitd.toml`` is.

    https://github.com/moby/buildkit/blob/master/docs/buildkitd.toml.md, and ``UserConfigDir`` in ``util/appdefaults``.
    """
    return f"{config_home(home)}/buildkit" if rootless else "/etc/buildkit"


def _refuse_both(rootless: bool, snap: bool) -> None:
    if rootless and snap:
        raise ValueError("snap and rootless cannot be used together: the snap of Docker runs as root")
