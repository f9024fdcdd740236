"""The whole stack: certificate, registry, proxy, and clients that trust it."""

from itertools import pairwise
from typing import Any

import pulumi

from .advice import advising
from .args import PrivateRegistryArgs
from .certificates import ends
from .clients.access import Login
from .clients.clients import Clients
from .clients.login_files import docker_config
from .clients.probe_image import REPOSITORY
from .clients.runtime import Known
from .clients.trust import Password
from .component import Component
from .instance import Instance
from .ordering import keep_all_without, without_dependencies
from .positions import without_positions
from .proxy.login.users import Users, clear_password, verification_password
from .registry_reference import full_reference
from .rolling import keep_those_that_leave, tell_where_it_stopped
from .seed import Seed
from .server import Server
from .server_certificates import ServerCertificates
from .serving import Serving
from .settings import InvalidSettings, Settings, given
from .settings.model import VERIFICATION_USER, User


class PrivateRegistry(Component):
    """A registry behind TLS, with users, that every listed client trusts."""

    url: pulumi.Output[str]
    """Where it is served: ``https://HOST[:PORT]``."""
    registry: pulumi.Output[str]
    """HOST[:PORT], what the names of images start with."""
    ca_certificate: pulumi.Output[str | None]
    """All authorities that clients are to trust, PEM; None where they trust the issuer already."""
    clients: pulumi.Output[dict[str, str]]
    """Client -> what it trusts the registry by: a file, or several."""
    verification: pulumi.Output[dict[str, str]]
    """Client -> what it has proven."""
    renewal: pulumi.Output[dict[str, str | int]]
    """Who sees to it that there is another server certificate in time: ``by`` an ``update`` in its last ``days``, the
    ``server`` alone, or ``you``."""
    ends: pulumi.Output[dict[str, str]]
    """The server certificate, where the stack knows it, and each authority that clients are given -> when it ends."""
    servers: pulumi.Output[dict[str, dict[str, str | bool]]] | None
    """Server -> its ``address``, and whether nginx waits for balancers there, ``proxyProtocol``; None of one alone."""
    passwords: pulumi.Output[dict[str, str]] | None
    """User -> the password that was made, secret; None where each user brings one."""
    image_pull_secrets: pulumi.Output[dict[str, str]] | None
    """User -> what a Kubernetes secret has as ``.dockerconfigjson``, secret; None where nobody asks for it."""

    @without_positions()
    def __init__(
        self, name: str, args: PrivateRegistryArgs | Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare a registry.

        Args:
            name: What tells it from other registries of the program; in the names of its resources and containers.
            args: What is to be there: a dictionary, or settings that were loaded from a stack's file.
            opts: Of the component.

        Raises:
            pulumi.RunError: The arguments have mistakes; says all of them, and shows no secret.
        """
        settings = args if isinstance(args, Settings) else _given(args, name)
        instance = Instance(name)
        super().__init__(name, advising(opts, instance))
        self._seed = Seed(f"{name}-seed", settings.protect, opts=self.child())
        serving = [
            Serving(Server(settings, entry, instance), settings, self._seed, self.child())
            for entry in settings.each_server
        ]
        first = serving[0]
        certificates = ServerCertificates(settings, instance, serving)
        certificate = certificates.in_turn(first)
        password = without_dependencies(self._seed.derivation.apply(verification_password))
        users = Users(
            f"{name}-users",
            settings.users,
            settings.anonymous_pull,
            (VERIFICATION_USER, REPOSITORY),
            self._seed,
            opts=self.child(),
        )
        first.declare(certificate, users.file)
        known = Known(
            settings.reference,
            full_reference(settings.domain, settings.https_port),
            instance.mark,
            certificate.ca_certificate is not None,
            settings.certificate.is_public,
            tuple(settings.aliases_known_as.values()),
        )
        logins = {user.name: self._login(user) for user in settings.logins_on_clients}
        clients = Clients(name, settings, known, logins, self)
        # Clients move to another port, or to another password, only when the server can follow.
        trusted_by = clients.trust(certificate.ca_certificate, first.proxy.refused(with_users=bool(logins)))
        releases = [first.serve(certificate.pair, trusted_by)]
        failed = []
        for before, one in pairwise(serving):
            done = before.proven(clients, password, releases[-1])
            failed.append(done)
            own = certificates.in_turn(one, done)
            one.declare(own, users.file, done)
            releases.append(one.serve(own.pair, trusted_by))
        failed.append(serving[-1].proven(clients, password, releases[-1]) if failed else serving[-1].missing)
        tell_where_it_stopped([one.server.entry.said for one in serving], failed)
        keep_those_that_leave(name, [one.server.named("registry") for one in serving], failed)
        generation = pulumi.Output.concat(
            *(part for release in releases for part in (release, "-")),
            self._seed.fingerprint(certificate.ca_certificate or ""),
        )
        certificates.keep_renewed()
        self.url = pulumi.Output.from_input(f"https://{settings.reference}")
        self.registry = pulumi.Output.from_input(settings.reference)
        self.ca_certificate = pulumi.Output.from_input(certificate.ca_certificate)
        self.renewal = pulumi.Output.from_input(settings.certificate.renewal.told)
        self.ends = pulumi.Output.all(certificate.until, certificate.ca_certificate).apply(lambda two: ends(*two))
        self.clients = pulumi.Output.from_input(clients.trusting)
        proven = [step for one in serving for step in one.proxy.proven]
        self.verification = clients.verify(password, without_dependencies(generation), proven)
        self.servers = _told(settings)
        self.passwords = users.made
        self.image_pull_secrets = self._image_pull_secrets(settings, known)
        keep_all_without(
            [*certificates.obtained, *(one.proxy.live for one in serving)],
            [*trusted_by, *proven],
            certificates.is_missed_without,
            "The new certificate is not in use yet, so nothing that the previous one needs is removed.",
        )
        for one in serving:
            one.answer(name)
        self.register_outputs(self.outputs)

    def _login(self, user: User) -> Password:
        password = clear_password(user, self._seed)
        # The name is in it, so that nobody sees which users share a password.
        digest = self._seed.fingerprint(pulumi.Output.concat(user.name, " ", password))
        return Password(without_dependencies(password), without_dependencies(digest))

    def _image_pull_secrets(self, settings: Settings, known: Known) -> pulumi.Output[dict[str, str]] | None:
        users = [user for user in settings.users if user.name in settings.image_pull_secrets]
        if not users:
            return None
        passwords = {user.name: clear_password(user, self._seed) for user in users}
        return pulumi.Output.secret(
            pulumi.Output.all(**passwords).apply(
                lambda found: {name: docker_config(known, Login(name, one)) for name, one in found.items()}
            )
        )

    @property
    def outputs(self) -> dict[str, pulumi.Output[Any]]:
        """Name -> output, as a stack exports them; passwords only where the stack makes some."""
        names = (
            "url",
            "registry",
            "ca_certificate",
            "renewal",
            "ends",
            "clients",
            "verification",
            "servers",
            "passwords",
            "image_pull_secrets",
        )
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _told(settings: Settings) -> pulumi.Output[dict[str, dict[str, str | bool]]] | None:
    if len(settings.each_server) == 1:
        return None
    is_behind = bool(settings.proxy_protocol)
    return pulumi.Output.from_input(
        {one.said: {"address": one.reached_at, "proxyProtocol": is_behind} for one in settings.each_server}
    )


def _given(args: PrivateRegistryArgs, name: str) -> Settings:
    try:
        return given(args, name)
    except InvalidSettings as error:
        raise pulumi.RunError(str(error)) from None
