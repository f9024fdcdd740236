"""The whole stack: certificate, registry, proxy, and clients that trust it."""

import pulumi
from pydantic import SecretStr

from components.advice import advising
from components.certificate import Certificate, ProvidedCertificate, SelfSignedCertificate
from components.client_trust import ClientTrust
from components.component import Component
from components.gate import Command, untracked
from components.host_files import Host
from components.leftovers import clearing
from components.proxy import Proxy, ProxyArgs
from components.registry import Registry, RegistryArgs
from components.seed import Seed
from components.ssh import client_host, docker_host, docker_provider, docker_shell
from components.verification import REPOSITORY, Verification
from rendering.htpasswd import Login, bcrypt_cost, bcrypt_hash, htpasswd
from settings import Client, Settings, User
from settings.model import VERIFICATION_USER

_SALT_BYTES = 16
_PASSWORD_COST = 10
_RANDOM_PASSWORD_COST = 4
"""A password of 256 random bits needs no slow hash."""


class PrivateRegistry(Component):
    """A registry behind TLS, with users, that every listed client trusts."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, clearing(advising(opts), _server_shell(settings)))
        self._settings = settings
        server, on_server = self._server(f"{name}-docker-host")
        prefix = f"{pulumi.get_project()}-{pulumi.get_stack()}"
        directory = f"{settings.directory}/{pulumi.get_stack()}"

        self._seed = Seed(f"{name}-seed", settings.protect, opts=self.child())
        certificate = self._certificate(f"{name}-certificate")
        registry = Registry(
            f"{name}-registry",
            RegistryArgs(
                host=server,
                prefix=prefix,
                directory=directory,
                image=settings.registry_image,
                user=settings.container_user,
                memory=settings.limits.registry_memory,
                delete_data=settings.delete_data,
                protect=settings.protect,
                seed=self._seed,
            ),
            opts=on_server,
        )
        password = self._seed.derive_hex("verification.password")
        proxy = Proxy(
            f"{name}-proxy",
            ProxyArgs(
                host=server,
                prefix=prefix,
                directory=directory,
                image=settings.nginx_image,
                user=settings.container_user,
                memory=settings.limits.nginx_memory,
                domain=settings.domain,
                reference=settings.reference,
                bind_address=settings.bind_address,
                https_port=settings.https_port,
                users=self._users_file(password),
                login_memory=settings.limits.login_memory,
                upstream=registry.container,
                network=registry.network,
                data=registry.data,
                before=[certificate],
                seed=self._seed,
            ),
            opts=on_server,
        )
        registry.retire_predecessors(proxy.container, proxy.site)
        trusts = {
            client.host: self._trust(name, client, certificate, proxy.address_refused)
            for client in settings.all_clients
        }
        placed = [command for trust in trusts.values() for command in trust.commands]
        generation = pulumi.Output.concat(
            proxy.serve(certificate.server_certificate, certificate.server_key, placed),
            "-",
            registry.container_id.apply(lambda container: container[:12]),
            "-",
            self._seed.fingerprint(certificate.ca_certificate or ""),
        )
        verifications = {
            client.host: Verification(
                f"{name}-verification-{client.host}",
                client_host(client),
                settings.reference,
                trusts[client.host].authority,
                password,
                untracked(generation),
                [proxy, trusts[client.host]],
                opts=self.child(),
            )
            for client in settings.all_clients
            if settings.verification
        }
        self.outputs: dict[str, pulumi.Input[object]] = {
            "url": f"https://{settings.reference}",
            "registry": settings.reference,
            "ca_certificate": certificate.ca_certificate,
            "clients": {host: trust.authority or "the authorities of its system" for host, trust in trusts.items()},
            "verification": {host: verification.result for host, verification in verifications.items()},
        }
        made = {user.name: self._made_password(user) for user in settings.users if user.secret is None}
        if made:
            self.outputs["passwords"] = pulumi.Output.secret(made)
        self.register_outputs(dict(self.outputs))

    def _server(self, name: str) -> tuple[Host, pulumi.ResourceOptions]:
        """Return the server, and the options of the components that are on it."""
        url, access = self._settings.docker_host, self._settings.docker_host_access
        if url is None or access is None:
            return Host("localhost"), self.child()
        provider = docker_provider(name, url, access, self.child())
        return docker_host(url, access), pulumi.ResourceOptions.merge(
            self.child(), pulumi.ResourceOptions(providers=[provider])
        )

    def _certificate(self, name: str) -> Certificate:
        certificate = self._settings.certificate
        if certificate.source == "self-signed":
            return SelfSignedCertificate(
                name, self._settings.domain, certificate, self._settings.protect, opts=self.child()
            )
        if certificate.public:
            pulumi.log.info("certificate.public is set: clients trust the issuer already, nothing is distributed", self)
        return ProvidedCertificate(name, certificate, opts=self.child())

    def _trust(
        self, name: str, client: Client, certificate: Certificate, held_back: pulumi.Output[list[Command]]
    ) -> ClientTrust:
        return ClientTrust(
            f"{name}-trust-{client.host}",
            client_host(client),
            self._settings.reference,
            certificate.ca_certificate,
            self._seed,
            (client.hosts_entry, self._settings.domain) if client.hosts_entry else None,
            # Clients move to another port only when the server can follow.
            held_back,
            opts=self.child(),
        )

    def _users_file(self, verification_password: pulumi.Output[str]) -> pulumi.Output[str]:
        settings = self._settings
        hashes = {user.name: self._hashes(user) for user in settings.users}
        hashes[VERIFICATION_USER] = pulumi.Output.all(
            self._hash("verification.salt", verification_password, _RANDOM_PASSWORD_COST)
        )
        rights = {user.name: (user.access, user.repositories) for user in settings.users}
        rights[VERIFICATION_USER] = ("push", (REPOSITORY,))
        return pulumi.Output.all(**hashes).apply(
            lambda known: htpasswd(
                {name: Login(hashes, *rights[name]) for name, hashes in known.items()}, settings.anonymous_pull
            )
        )

    def _hashes(self, user: User) -> pulumi.Output[list[str]]:
        """Return the hash of the user's password, and of the one before it if that is still accepted."""
        if user.secret is None:
            current: pulumi.Input[str] = self._hash(
                f"salt {user.name}", self._made_password(user), _RANDOM_PASSWORD_COST
            )
        else:
            current = self._hash_of_given(user.name, user.secret)
        before = [] if user.previous_secret is None else [self._hash_of_given(user.name, user.previous_secret)]
        return pulumi.Output.all(current, *before)

    def _hash_of_given(self, name: str, secret: SecretStr) -> pulumi.Input[str]:
        text = secret.get_secret_value()
        if bcrypt_cost(text) is not None:
            return text
        # The salt depends on the password too, so that a new password gets a new salt.
        return self._hash(f"salt {name} {text}", text, _PASSWORD_COST)

    def _hash(self, purpose: str, password: pulumi.Input[str], cost: int) -> pulumi.Output[str]:
        """Hash with a salt that is derived, so that a second run gives the same hash."""
        salt = self._seed.derive(purpose, _SALT_BYTES)
        return pulumi.Output.all(password, salt).apply(lambda parts: bcrypt_hash(parts[0], parts[1], cost))

    def _made_password(self, user: User) -> pulumi.Output[str]:
        return self._seed.derive_hex(f"password {user.name} {user.rotation or ''}")


def _server_shell(settings: Settings) -> list[str]:
    if settings.docker_host is None or settings.docker_host_access is None:
        return ["sh", "-s", "--"]
    return docker_shell(settings.docker_host, settings.docker_host_access)
