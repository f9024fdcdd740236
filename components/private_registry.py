"""The whole stack: certificate, registry, proxy, and clients that trust it."""

from typing import Any

import pulumi

from .advice import advising
from .args import PrivateRegistryArgs
from .caches import CachesArgs, served_caches
from .certificates import CertificateArgs, certificate_from, ends
from .clients.access import Login
from .clients.clients import Clients
from .clients.login_files import docker_config
from .clients.probe_image import REPOSITORY
from .clients.runtime import Known
from .clients.trust import Password
from .component import Component
from .containers.container import ContainerArgs
from .containers.images import pulling
from .containers.orphans import removing_orphans
from .containers.running import answering, started
from .instance import Instance
from .ordering import keep_all_without, without_dependencies
from .positions import without_positions
from .proxy.login.users import Users, clear_password, verification_password
from .proxy.proxy import Proxy, ProxyArgs
from .registry.registry import PROBE as REGISTRY_PROBE
from .registry.registry import Registry, RegistryArgs
from .registry_reference import full_reference
from .seed import Seed
from .server import Server
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
        server, instance = Server(settings), Instance(name)
        shell = server.shell
        super().__init__(name, pulling(removing_orphans(advising(opts, instance), shell, instance), shell, instance))
        host, on_server = server.host, server.opts(f"{name}-docker-host", self.child())
        prefix, directory = instance.prefix, f"{server.directory}/{instance.folder}"

        self._seed = Seed(f"{name}-seed", settings.protect, opts=self.child())
        owner = started(self._seed.fingerprint("owner"), shell)

        def container(image: str, memory: int) -> ContainerArgs:
            return ContainerArgs(
                host=host,
                prefix=prefix,
                directory=directory,
                image=image,
                user=server.user,
                memory=memory,
                seed=self._seed,
                owner=owner,
            )

        certificate = certificate_from(
            settings.certificate,
            f"{name}-certificate",
            CertificateArgs(
                domain=settings.domain,
                title=instance.title,
                protect=settings.protect,
                delete_data=settings.delete_data,
                container=container(settings.lego_image, settings.limits.lego_memory),
                nginx_image=settings.nginx_image,
                bind_addresses=settings.bind_address,
                reference=settings.reference,
                aliases=settings.aliases_known_as,
            ),
            opts=on_server,
        )
        registry = Registry(
            f"{name}-registry",
            RegistryArgs(
                container=container(settings.registry_image, settings.limits.registry_memory),
                storage=settings.storage,
                delete_data=settings.delete_data,
                protect=settings.protect,
            ),
            opts=on_server,
        )
        caches = served_caches(
            f"{name}-caches",
            CachesArgs(
                container=container(settings.registry_image, settings.limits.cache_memory),
                image_id=registry.image_id,
                network=registry.declared_network,
                caches=settings.caches,
            ),
            opts=on_server,
        )
        password = without_dependencies(self._seed.derivation.apply(verification_password))
        users = Users(
            f"{name}-users",
            settings.users,
            settings.anonymous_pull,
            (VERIFICATION_USER, REPOSITORY),
            self._seed,
            opts=self.child(),
        )
        proxy = Proxy(
            f"{name}-proxy",
            ProxyArgs(
                container=container(settings.nginx_image, settings.limits.nginx_memory),
                domain=settings.domain,
                reference=settings.reference,
                aliases=settings.aliases_known_as,
                bind_addresses=settings.bind_address,
                is_root=server.is_root,
                https_port=settings.https_port,
                users=users.file,
                login_memory=settings.limits.login_memory,
                upstream=registry.container,
                network=registry.network,
                data=registry.data,
                layers_on_disk=registry.layers_on_disk,
                cache=registry.cache,
                before=certificate.before_nginx,
                caches=caches.containers,
                cache_networks=caches.networks,
                proxy_protocol=settings.proxy_protocol,
            ),
            opts=on_server,
        )
        registry.retire_predecessors(proxy.container, proxy.site)
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
        trusted_by = clients.trust(certificate.ca_certificate, proxy.refused(with_users=bool(logins)))
        generation = pulumi.Output.concat(
            proxy.serve(certificate.pair, trusted_by),
            "-",
            registry.container_id.apply(lambda container: container[:12]),
            "-",
            self._seed.fingerprint(certificate.ca_certificate or ""),
        )
        certificate.keep_renewed(proxy.live)
        self.url = pulumi.Output.from_input(f"https://{settings.reference}")
        self.registry = pulumi.Output.from_input(settings.reference)
        self.ca_certificate = pulumi.Output.from_input(certificate.ca_certificate)
        self.renewal = pulumi.Output.from_input(settings.certificate.renewal.told)
        self.ends = pulumi.Output.all(certificate.until, certificate.ca_certificate).apply(lambda two: ends(*two))
        self.clients = pulumi.Output.from_input(clients.trusting)
        self.verification = clients.verify(password, without_dependencies(generation), proxy.proven)
        self.passwords = users.made
        self.image_pull_secrets = self._image_pull_secrets(settings, known)
        keep_all_without(
            [*certificate.pair.obtained, proxy.live],
            [*trusted_by, *proxy.proven],
            certificate.is_missed_without,
            "The new certificate is not in use yet, so nothing that the previous one needs is removed.",
        )
        served = proxy.live.stdout
        answering(name, owner, shell, [(registry.container, REGISTRY_PROBE), *proxy.probes, *caches.probes], served)
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
            "passwords",
            "image_pull_secrets",
        )
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _given(args: PrivateRegistryArgs, name: str) -> Settings:
    try:
        return given(args, name)
    except InvalidSettings as error:
        raise pulumi.RunError(str(error)) from None
