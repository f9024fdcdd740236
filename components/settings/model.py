"""What can be configured, with the rules. Keys are written in camelCase in the stack's file."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, WrapValidator, field_validator, model_validator

from ..clients import CACHES_FILES, RUNTIMES
from ..clients.docker_caches import HUB
from ..proxy.login.htpasswd import bcrypt_cost
from ..registry_reference import DEFAULT_HTTPS_PORT, is_ip_address, registry_reference
from .caches import Caches
from .certificates import Acme, SelfSigned, Source
from .clients_from import ClientsInventory, ClientsSsh, entries_of_file, listed, read
from .fields import (
    Domain,
    FloatingIpAddress,
    Image,
    IpAddresses,
    Name,
    Network,
    Password,
    PasswordFile,
    Port,
    Repository,
    UserName,
    unique,
    yaml_file,
)
from .section import Section, alias_of, either
from .servers import ServerEntry, can_take, go_together, told_apart
from .ssh import Client, ClientDefaults, DockerHostAccess, DockerHostUrl
from .storage import AnyStorage, Volume

VERIFICATION_USER = "verification"
"""The user with which the stack proves itself; nobody else may have this name."""


_DOCKER_HUB = ("docker.io", "index.docker.io")
"""The names that Docker takes for its own (https://github.com/distribution/reference/blob/main/normalize.go)."""


class User(Section):
    """A user who can log in.

    Rules:
        - `rotation` excludes `password` and `passwordFile`.
        - Names must differ. `verification` is the name of the stack's own user.

    Example:
        private-registry:users:
          # Its password is in a file that git ignores.
          - {name: ci, passwordFile: keys/ci.password, access: push}
          # Without a password the stack generates one.
          - {name: web, access: push, repositories: [web]}
          - {name: reader, access: pull}
    """

    name: UserName
    """The login name. Not allowed: spaces, `:`, `~`, and `#` as the first character.

    Change: next request: the user of the old name is removed, and one of the new name is added.
    """
    password: Password | None = None
    """The password, its bcrypt hash, or a line that `htpasswd -nB NAME` prints. Set it with `--secret`. Without a
    password the stack generates one: `pulumi stack output passwords --show-secrets`.

    Change: next request: the old password is refused. To avoid that, set `previousPassword` in the same update. Clients
    with this user as their `login` get the new one.
    """
    password_file: PasswordFile | None = None
    """The file that contains it. A line break at the end is ignored."""
    previous_password: Password | None = None
    """An old password, or its hash, that is accepted too, until all users of it have the new one.

    Change: next request: the user can log in with both. If you remove it, the old password is refused.
    """
    previous_password_file: PasswordFile | None = None
    """The file that contains it."""
    rotation: Name | None = None
    """Only for a generated password. Change it to any new text, and the next update generates a new password.

    Change: next request: the old password is refused.
    """
    access: Literal["pull", "push", "admin"] = "push"
    """`pull`; `push`, which includes pull; or `admin`, which also includes deletion.

    Change: next request: applies to requests from then on, also of users who are logged in.
    """
    repositories: Annotated[tuple[Repository, ...], Field(strict=False, min_length=1)] = ("*",)
    """The repositories to which `access` applies, each with all below it. `*` means all.

    Change: next request: applies to requests from then on, also of users who are logged in.
    """

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name == VERIFICATION_USER:
            raise ValueError(f"'{VERIFICATION_USER}' is the user of the stack itself; use another name")
        return name

    @model_validator(mode="after")
    def _rotates_what_is_made(self) -> Self:
        if self.rotation and self.secret is not None:
            raise ValueError(
                "rotation works only with a generated password; to change a configured password, set password or "
                "passwordFile"
            )
        return self

    @property
    def secret(self) -> SecretStr | None:
        """The password or its hash, wherever it came from; None where one is made."""
        return either(self.password, self.password_file)

    @property
    def has_hash(self) -> bool:
        """Whether a hash stands in the place of the password, so that nobody knows the password itself."""
        return isinstance(self.secret, SecretStr) and bcrypt_cost(self.secret.get_secret_value()) is not None

    @property
    def previous_secret(self) -> SecretStr | None:
        """The password before it, or its hash, if it is still accepted."""
        return either(self.previous_password, self.previous_password_file)


class Images(Section):
    """The images of the containers, pinned by digest.

    Rules:
        - `registry` and `nginx` are required, here or in `imagesFile`.
        - `lego` is required with `source: acme`.
        - `keepalived` is required with `floatingAddress`.

    Example:
        private-registry:images:
          # Placeholders: `docker buildx imagetools inspect NAME:TAG` shows the digest.
          registry: registry:3.1.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
          nginx: nginx:1.30.5-alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    """

    registry: Image | None = None
    """Required here or in `imagesFile`. `NAME:TAG@sha256:DIGEST`, or the ID of a local image (`sha256:…`).

    Change: restart: the new registry starts beside the old one, then nginx switches to it. No request fails.
    """
    nginx: Image | None = None
    """Required here or in `imagesFile`, in the same form. It must have nginx 1.25.1 or newer, njs 0.8.7 or newer, and
    `curl`: the official images have all three, except the `slim` ones.

    Change: interruption: nginx stops and starts again, and so does the container that checks passwords.
    """
    lego: Image | None = None
    """Required with `source: acme`, in the same form. lego 4.25 to 4.35, for example `goacme/lego:v4.35.2`.

    Change: restart: the container that renews the certificate starts again.
    """
    keepalived: Image | None = None
    """Required with `floatingAddress`, in the same form. It must have keepalived 2.2 or newer, `curl`, `setpriv` of
    util-linux, and `sh` (floating-address.md).

    Change: restart: keepalived starts again. The floating address moves to another server.
    """


class Limits(Section):
    """Memory of the containers, in MiB.

    Example:
        private-registry:limits:
          registryMemory: 1024
          nginxMemory: 512
    """

    registry_memory: Annotated[int, Field(ge=64, le=1048576)] = 512
    """Memory of the registry.

    Change: nothing: the limit changes while the container runs.
    """
    nginx_memory: Annotated[int, Field(ge=32, le=1048576)] = 256
    """Memory of nginx. It also decides the number of worker processes.

    Change: reload: the limit changes while the container runs. With another number of workers nginx reloads.
    """
    login_memory: Annotated[int, Field(ge=32, le=1048576)] = 128
    """Memory of the container that checks passwords.

    Change: restart: for some seconds, only users whose login is cached can continue.
    """
    lego_memory: Annotated[int, Field(ge=64, le=1048576)] = 128
    """Memory of lego, which `source: acme` needs.

    Change: nothing: the limit changes while the container runs.
    """
    cache_memory: Annotated[int, Field(ge=64, le=1048576)] = 256
    """Memory of each cache in `caches`.

    Change: nothing: the limit changes while the container runs.
    """


class Settings(Section):
    """All keys of a stack's file.

    Rules:
        - `dockerHost` and `dockerHostAccess` go together.
        - `servers` excludes `dockerHost`, `dockerHostAccess` and `bindAddress`.
        - More than one server needs `storage.type: s3`.
        - `floatingAddress` needs more than one server. `address` of each must be an IP address of the same version.
        - `protect: true` excludes `deleteData: true`.
        - `deleteData: true` works only with `storage.type: volume`.
        - A client must be in only one of `clients`, `clientsFile`, `clientsInventory` and `clientsSsh`.

    Example:
        private-registry:domain: registry.example.com
        private-registry:images:
          # Placeholders: `docker buildx imagetools inspect NAME:TAG` shows the digest.
          registry: registry:3.1.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
          nginx: nginx:1.30.5-alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
        private-registry:users:
          - {name: ci, access: push}
        private-registry:clients:
          - host: build-1.example.com
            user: ops
            privateKeyFile: keys/ops
            hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0I400OoYh/O+naavotbmBJOkJT2eD4gsjgojtV7rJN
        private-registry:protect: true
    """

    domain: Domain
    """The name that clients use: a DNS name or an IP address. On port 443 a DNS name must contain a dot, or Docker
    takes it for a repository on Docker Hub.

    Change: loss, clients, reload: the old name stops working. To keep it, list it in `aliases` in the same update
    (names.md).
    """
    aliases: Annotated[tuple[Domain, ...], Field(strict=False)] = ()
    """More names of the same registry, on the same port. Each is in the certificate, and clients trust each.

    Change: clients, reload: a new server certificate with all names. If you remove an alias, clients that use it fail.
    """
    https_port: Port = DEFAULT_HTTPS_PORT
    """The port that nginx publishes.

    Change: loss, clients, interruption: image names contain the port, so the old names stop working.
    """
    bind_address: IpAddresses = ()
    """One address of the server on which nginx listens, or a list of up to eight. Without it, all IPv4 and IPv6
    addresses.

    Change: interruption: nginx stops and starts again on the other addresses.
    """
    proxy_protocol: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    """The load balancers in front of nginx that send the PROXY protocol, as IP addresses and networks. nginx uses the
    client's address that they send, in the access log and in the limits on wrong passwords. With this key every
    connection needs the header of the PROXY protocol: nginx closes a connection without it. Only the load balancers
    listed here are believed.

    Change: loss, reload: with the first entry, clients that connect to the server itself are refused. Without any
    entry, load balancers that still send the header are refused. Change the load balancer at the same time.
    """
    docker_host: DockerHostUrl | None = None
    """The server, as `ssh://[USER@]HOST[:PORT]`. Without it, the server is the control machine.

    Change: loss: another server has neither the images nor the containers. If it is another name or user of the same
    server, nothing is lost.
    """
    docker_host_access: DockerHostAccess | None = None
    """How to log in to the server."""
    servers: Annotated[tuple[ServerEntry, ...], Field(strict=False)] = ()
    """The servers, if there are several: a list in place of `dockerHost`, `dockerHostAccess` and `bindAddress`. With
    `source: acme` each requests a certificate of its own: public CAs limit how many for the same names (acme.md).

    Change: reload: a new server starts, and a removed one is deleted. nginx of the others loads what it shares with
    them.
    """
    drain_seconds: Annotated[int, Field(ge=0, le=600)] = 10
    """With several servers: how long load balancers have to notice that a server leaves, before its nginx stops.

    Change: nothing: the next change that replaces nginx waits as long.
    """
    floating_address: FloatingIpAddress | None = None
    """With several servers: an IP address that moves between them, to one that serves. Clients use this address, and
    keepalived moves it (floating-address.md).

    Change: loss, restart: clients that use the old address no longer reach the registry. A first address changes
    nothing for them.
    """
    server_directory: Annotated[str, Field(pattern=r"^(/[a-zA-Z0-9._/-]+)?$")] = ""
    """The folder on the server for the files of the containers. Each stack has its own folder in it.

    Change: interruption: the files move, and all containers start again.
    """
    certificate: Source = SelfSigned()
    """The CA and the server certificate.

    Change: clients, reload: another `source` needs two updates, with `protect` up to three, so that clients always
    trust the certificate in use (change-source.md).
    """
    storage: AnyStorage = Volume()
    """Where the images are stored.

    Change: loss, interruption: with another `type`, images that are not copied before cannot be pulled (storage.md).
    """
    caches: Caches = Field(default={})
    """Pull-through caches of other registries: the name of the registry, and its settings (caches.md).

    Change: interruption, clients: nginx stops and starts again with another network. A removed cache is deleted. On
    clients with `caches: true` the files change.
    """
    users: Annotated[tuple[User, ...], Field(strict=False)] = ()
    """Who can log in.

    Change: next request: a removed user is refused at once.
    """
    anonymous_pull: Annotated[tuple[Repository, ...], Field(strict=False)] = ()
    """Repositories that can be pulled without a login, each with all below it. `*` means all.

    Change: next request: applies to requests from then on.
    """
    image_pull_secrets: Annotated[tuple[UserName, ...], Field(strict=False)] = ()
    """Users for whom the output `image_pull_secrets` has what Kubernetes needs to pull as them (clients.md).

    Change: nothing: only the output changes.
    """
    client_defaults: ClientDefaults = ClientDefaults()
    """What holds for each client that does not say otherwise, wherever the client is listed."""
    clients: Annotated[tuple[Client, ...], Field(strict=False), WrapValidator(listed)] = ()
    """The hosts that pull from the registry.

    Change: clients: a new client gets the CA certificate and is verified. On a removed client, the files of the stack
    are removed.
    """
    clients_share: Annotated[int, Field(ge=1, le=100)] = 100
    """The percentage of the clients that must trust the registry before nginx serves with a new certificate. An update
    continues without the others, and the next one tries them again. `required` of a client says otherwise for it.

    Change: nothing.
    """
    clients_at_once: Annotated[int, Field(ge=1, le=1000)] = 50
    """The number of clients that an update works on at the same time.

    Change: nothing.
    """
    clients_file: Annotated[
        tuple[Client, ...], Field(strict=False), WrapValidator(listed), BeforeValidator(entries_of_file)
    ] = ()
    """A YAML file with more clients, as a list.

    Change: clients: as `clients`.
    """
    clients_inventory: Annotated[ClientsInventory | None, WrapValidator(read)] = None
    """More clients, from an inventory of Ansible."""
    clients_ssh: Annotated[ClientsSsh | None, WrapValidator(read)] = None
    """More clients, from an `ssh_config`."""
    images: Images = Images()
    """The images of the containers."""
    images_file: Annotated[Images, BeforeValidator(yaml_file)] = Images()
    """A YAML file with the keys of `images`, for images that only this machine has. `images` overrides it.

    Change: interruption: as the keys of `images`.
    """
    limits: Limits = Limits()
    """Memory limits of the containers, in MiB."""
    verification: bool = True
    """`true`: after a change, each client verifies login, push and pull.

    Change: nothing: only the checks are added or left out.
    """
    verification_share: Annotated[int, Field(ge=1, le=100)] = 100
    """The percentage of the clients that verify it: always the same ones, as long as the list is the same. The others
    verify it with `make prove`.

    Change: nothing: only the checks are added or left out.
    """
    delete_data: bool = False
    """`true`: `pulumi destroy` also deletes the images.

    Change: loss: nothing is deleted now. After the update, a `pulumi destroy` deletes all pushed images.
    """
    protect: bool = False
    """`true`: no update and no destroy can delete the image volume, the signing CA or the seed of the generated
    passwords.

    Change: nothing: applies to updates after this one.
    """

    @model_validator(mode="after")
    def _whole(self) -> Self:
        unique("users", (user.name for user in self.users))
        for name in ("registry", "nginx"):
            if getattr(self.images, name) is None and getattr(self.images_file, name) is None:
                raise ValueError(f"images.{name} is missing: NAME:TAG@sha256:<digest>, or set it in imagesFile")
        return self

    @model_validator(mode="after")
    def _clients_differ(self) -> Self:
        places: dict[str, list[str]] = {}
        for client, place in self._places_of_clients():
            places.setdefault(client.host, []).append(place)
        repeated = [f"{host} is listed more than once ({', '.join(at)})" for host, at in places.items() if len(at) > 1]
        if repeated:
            raise ValueError(f"clients: {'; '.join(repeated)}; list each only once")
        return self

    def _places_of_clients(self) -> Iterator[tuple[Client, str]]:
        """Yield each client, and where it is listed."""
        for key, clients in (("clients", self.clients), ("clientsFile", self.clients_file)):
            yield from ((client, f"{key}[{number}]") for number, client in enumerate(clients))
        for source in (self.clients_inventory, self.clients_ssh):
            # There are no clients where defaults with a mistake keep them from being checked.
            yield from zip(source.clients, source.places, strict=False) if source else ()

    @model_validator(mode="after")
    def _passwords_are_known(self) -> Self:
        unique("imagePullSecrets", self.image_pull_secrets)
        wanted = [(f"{place}.login", client.login) for client, place in self._places_of_clients() if client.login]
        wanted += [(f"imagePullSecrets[{number}]", name) for number, name in enumerate(self.image_pull_secrets)]
        users = {user.name: user for user in self.users}
        for place, name in wanted:
            if name not in users:
                raise ValueError(
                    f"{place}: there is no user {name} in users; add it there, or use one of: {_of(users)}"
                )
            if users[name].has_hash:
                raise ValueError(
                    f"{place}: the password of {name} is a hash, and a login needs the password itself: set password "
                    "(with --secret) or passwordFile of this user to it, or remove it, so that the stack generates one"
                )
        return self

    @model_validator(mode="after")
    def _clients_can_use_caches(self) -> Self:
        using = [(client, place) for client, place in self._places_of_clients() if client.caches]
        if using and not self.caches:
            raise ValueError(f"{using[0][1]}.caches: the stack has no caches; set caches of the stack, or remove it")
        if HUB not in self.caches or {"*", HUB} & set(self.anonymous_pull):
            return self
        for client, place in using:
            # Docker sends its mirrors no login but that of Docker Hub.
            if mirrored := [runtime for runtime in client.runtimes if RUNTIMES[runtime].caches in CACHES_FILES]:
                raise ValueError(
                    f"{place}.caches: the runtime {mirrored[0]} pulls from the cache of {HUB} without a login: "
                    f"add {HUB} to anonymousPull, or remove caches of this client"
                )
        return self

    @model_validator(mode="after")
    def _acme_has_its_program(self) -> Self:
        if isinstance(self.certificate, Acme) and not self.lego_image:
            raise ValueError(
                "certificate: source: acme needs images.lego: goacme/lego:v4.35.2@sha256:<digest>, or set it in "
                "imagesFile"
            )
        return self

    @model_validator(mode="after")
    def _protected_data_stay(self) -> Self:
        if self.protect and self.delete_data:
            raise ValueError("protect and deleteData cannot both be true; to delete the images, set protect to false")
        return self

    @model_validator(mode="after")
    def _storage_can_be_deleted(self) -> Self:
        if self.delete_data and not self.storage.can_be_deleted:
            raise ValueError(
                f"deleteData cannot be used with storage.type: {self.storage.type}: the stack never deletes images "
                "there; remove deleteData"
            )
        return self

    @model_validator(mode="after")
    def _server_is_reachable(self) -> Self:
        go_together(self.docker_host, self.docker_host_access)
        return self

    @model_validator(mode="after")
    def _servers_are_in_one_place(self) -> Self:
        alone = ("docker_host", "docker_host_access", "bind_address")
        given = [alias_of(type(self), key) for key in alone if getattr(self, key)]
        if self.servers and given:
            raise ValueError(
                f"servers cannot be used with {', '.join(given)}: move what {given[0]} says into an entry of servers"
            )
        return self

    @model_validator(mode="after")
    def _servers_work_together(self) -> Self:
        told_apart(self.servers)
        if len(self.servers) > 1 and not self.storage.is_shared:
            raise ValueError(
                "servers: more than one server needs storage.type: s3, because the images of a volume are on one "
                "server only (storage.md); set it, or list one server"
            )
        return self

    @model_validator(mode="after")
    def _floating_address_has_its_servers(self) -> Self:
        if self.floating_address is None:
            return self
        can_take(self.servers, self.floating_address)
        if not self.keepalived_image:
            raise ValueError(
                "floatingAddress needs images.keepalived: NAME:TAG@sha256:<digest>, or set it in imagesFile; "
                "floating-address.md says how to make one"
            )
        return self

    @model_validator(mode="after")
    def _images_go_there(self) -> Self:
        for key, host in [("domain", self.reference), *(("aliases", host) for host in self.aliases_known_as.values())]:
            if host in _DOCKER_HUB or not set(host) & set(".:"):
                raise ValueError(
                    f"{key}: Docker does not accept {host} as the name of a registry: it would push {host}/team/app "
                    f"to Docker Hub; use a name with a dot, such as {host}.test, or another httpsPort, as in "
                    f"{host}:5000"
                )
        return self

    @model_validator(mode="after")
    def _caches_are_of_others(self) -> Self:
        for name in (self.domain, *self.aliases):
            if name in self.caches:
                raise ValueError(f"caches: {name} is this registry; list only other registries there")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if self.domain in self.aliases:
            raise ValueError(f"aliases: {self.domain} is the domain; list only additional names there")
        unique("aliases", self.aliases)
        return self

    @model_validator(mode="after")
    def _certificate_works(self) -> Self:
        found = list(self.certificate.mistakes(self.domain, self.aliases)) if self.certificate.is_known else []
        if found:
            raise ValueError("certificate: " + "; ".join(found))
        return self

    @property
    def logins_on_clients(self) -> tuple[User, ...]:
        """The users as whom a client logs in."""
        names = {client.login for client in self.all_clients}
        return tuple(user for user in self.users if user.name in names)

    @property
    def each_server(self) -> tuple[ServerEntry, ...]:
        """The servers, wherever they are listed."""
        # Its values are checked already.
        alone = ServerEntry.model_construct(
            docker_host=self.docker_host, docker_host_access=self.docker_host_access, bind_address=self.bind_address
        )
        return self.servers or (alone,)

    @property
    def all_clients(self) -> tuple[Client, ...]:
        """The clients of all sources."""
        return tuple(client for client, _ in self._places_of_clients())

    @property
    def registry_image(self) -> str:
        """The registry's pinned image, or the id of a local one."""
        return str(self.images.registry or self.images_file.registry)

    @property
    def nginx_image(self) -> str:
        """The proxy's pinned image, or the id of a local one."""
        return str(self.images.nginx or self.images_file.nginx)

    @property
    def lego_image(self) -> str:
        """The pinned image of lego, or the id of a local one; nothing where there is none."""
        return str(self.images.lego or self.images_file.lego or "")

    @property
    def keepalived_image(self) -> str:
        """The pinned image of keepalived, or the id of a local one; nothing where there is none."""
        return str(self.images.keepalived or self.images_file.keepalived or "")

    @property
    def reference(self) -> str:
        """HOST[:PORT], what image names start with."""
        return registry_reference(self.domain, self.https_port)

    @property
    def host_names(self) -> str:
        """The names for a line of a hosts file: the domain, then the aliases that are no addresses."""
        return " ".join([self.domain, *(alias for alias in self.aliases if not is_ip_address(alias))])

    @property
    def aliases_known_as(self) -> dict[str, str]:
        """Alias -> HOST[:PORT], what image names may start with too."""
        return {alias: registry_reference(alias, self.https_port) for alias in self.aliases}


def _of(users: Iterable[str]) -> str:
    return ", ".join(users) or "none, as there are no users"
