"""Files of users' programs with logins, apart from what a runtime trusts by: so a refusal there is none of trust."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from . import paths
from .access import TRUST, Access
from .access import Login as Credentials
from .auth_file import AuthFile, Login, login_file
from .host_file import Facts, HostFile, Shared
from .runtime import Known, Planned


def docker_config(registry: Known, login: Credentials) -> str:
    """Return a whole file of that form, as Kubernetes wants it in a secret of type ``dockerconfigjson``.

    https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
    """
    entry = {"auth": login.basic().removeprefix("Basic ")}
    return json.dumps({"auths": dict.fromkeys(paths.names(registry), entry)})


class LoginFile(Planned):
    """Docker's ``config.json``, which buildctl, crane, oras, helm, cosign and regctl read too."""

    question = ""

    def __init__(self, name: str, path: Callable[[str], str], is_of_user: bool = False) -> None:
        """Make one.

        Args:
            name: What it is called among what is placed on a client.
            path: Returns where it is, by the home of the user.
            is_of_user: Whether it is of the user who logs in.
        """
        self.name, self._path, self.is_of_user = name, path, is_of_user

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]:
        """Return the file."""
        return [self._path(home)]

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return nothing."""
        return []

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> Sequence[HostFile]:
        """Return the file with a login for each name of the registry.

        Raises:
            Refused: The login would not count, is somebody else's, or others can read the file.
        """
        if access.login is None:
            return []
        path = self._path(facts.home)
        login = Login(paths.names(registry), access.login.user, access.login.password)
        file, former = AuthFile(path), _former(access, login)

        def put(text: str) -> str:
            return file.put(file.take(text, former) if former else text, login)

        there = facts.files.get(path)
        cleared = {path: replace(there, text=file.take(there.text, former))} if there and former else {}
        shared = login_file(path, login, replace(facts, files={**facts.files, **cleared}))
        return [Shared(path, put, shared.take, shared.mode)]

    def placed(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> Sequence[HostFile]:
        """Return the file for who takes the login away: what others have changed in it since is no reason to refuse."""
        if access.login is None:
            return []
        path = self._path(facts.home)
        login = Login(paths.names(registry), access.login.user, access.login.password)
        return [Shared(path, str, lambda text: AuthFile(path).take(text, login))]


class PodmanLoginFile(LoginFile):
    """Podman's ``auth.json`` that stays: ``podman login`` itself writes to another one, which is read first."""

    question = 'id=$(id -u); echo "/run/containers/$id/auth.json"; echo "/run/user/$id/containers/auth.json"'

    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]:
        """Return the files that are read first."""
        return facts.said.splitlines()

    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> Sequence[HostFile]:
        """Return the file with a login for each name of the registry.

        Raises:
            Refused: As with any such file, or one that is read first has another login.
        """
        if access.login:
            login = Login(paths.names(registry), access.login.user, access.login.password)
            for path in facts.said.splitlines():
                AuthFile(path).refuse_another(facts.text(path), login)
        return super().wants(registry, authorities, facts, access)


def _former(access: Access, login: Login) -> Login | None:
    """Return what was written before and is not to stay; an older password of the same user is replaced there."""
    if access.former is None:
        return None
    kept = login.names if access.former.user == login.user else ()
    names = [name for name in access.former_names if name not in kept]
    return Login(names, access.former.user, access.former.password) if names else None
