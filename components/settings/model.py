"""What can be configured, with the rules. Keys are written in camelCase in the stack's file."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from ..registry_reference import DEFAULT_HTTPS_PORT, is_ip_address, registry_reference
from .certificates import Acme, SelfSigned, Source
from .fields import (
    Domain,
    Image,
    IpAddresses,
    Name,
    Password,
    PasswordFile,
    Port,
    Repository,
    UserName,
    unique,
    yaml_file,
)
from .section import Section, either
from .ssh import Client, DockerHostAccess, DockerHostUrl
from .storage import AnyStorage, Volume

VERIFICATION_USER = "verification"
"""The user with which the stack proves itself; nobody else may have this name."""


_DOCKER_HUB = ("docker.io", "index.docker.io")
"""The names that Docker takes for its own (https://github.com/distribution/reference/blob/main/normalize.go)."""


class User(Section):
    """Somebody who may log in."""

    name: UserName
    """What the user logs in with: printable, without spaces, ':' and '~'."""
    password: Password | None = None
    """The password, its bcrypt hash, or what `htpasswd -nB NAME` prints; set it with --secret. Without any, one is
    made, see `pulumi stack output`."""
    password_file: PasswordFile | None = None
    """Or the file that holds it; its last line break does not count."""
    previous_password: Password | None = None
    """A password, or its hash, that is accepted besides, until all who use it have the new one."""
    previous_password_file: PasswordFile | None = None
    """Or the file that holds it."""
    rotation: Name | None = None
    """Where the password is made: any text; another one makes another password."""
    access: Literal["pull", "push", "admin"] = "push"
    """`pull`; `push`, which may pull too; or `admin`, which may also delete."""
    repositories: Annotated[tuple[Repository, ...], Field(strict=False, min_length=1)] = ("*",)
    """Where: each repository with all below it; `*` for all there are."""

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
    def previous_secret(self) -> SecretStr | None:
        """The password before it, or its hash, if it is still accepted."""
        return either(self.previous_password, self.previous_password_file)


class Images(Section):
    """The images of the containers, pinned."""

    registry: Image | None = None
    """NAME:TAG@sha256:DIGEST, or the id of a local image."""
    nginx: Image | None = None
    """The same; nginx 1.25.1 or newer with njs 0.8.7 and curl: the official images, but for the slim ones."""
    lego: Image | None = None
    """The same; lego 4.25 to 4.35, which `source: acme` needs, and nothing else: `goacme/lego:v4.35.2`."""


class Limits(Section):
    """Memory of the containers, in MiB."""

    registry_memory: Annotated[int, Field(ge=64, le=1048576)] = 512
    """Of the registry."""
    nginx_memory: Annotated[int, Field(ge=32, le=1048576)] = 256
    """Of nginx."""
    login_memory: Annotated[int, Field(ge=32, le=1048576)] = 128
    """Of the nginx that checks passwords."""
    lego_memory: Annotated[int, Field(ge=64, le=1048576)] = 128
    """Of lego, which `source: acme` needs."""


class Settings(Section):
    """Everything that a stack's file may say."""

    domain: Domain
    """The name that clients use; on port 443 one with a dot, as Docker takes others for its own Hub's."""
    aliases: Annotated[tuple[Domain, ...], Field(strict=False)] = ()
    """More names of the same registry on the same port, as of `domain`: each is in the certificate, and clients trust
    it by each."""
    https_port: Port = DEFAULT_HTTPS_PORT
    """The port that nginx publishes."""
    bind_address: IpAddresses = ()
    """The address of the server on which nginx listens, or a list of them; without it all of IPv4 and of IPv6."""
    docker_host: DockerHostUrl | None = None
    """The server, as `ssh://[USER@]HOST[:PORT]`; without it, this machine."""
    docker_host_access: DockerHostAccess | None = None
    """How to log in to the server."""
    server_directory: Annotated[str, Field(pattern=r"^(/[a-zA-Z0-9._/-]+)?$")] = ""
    """Where the server keeps the containers' files; each stack has a folder of its own in it."""
    certificate: Source = SelfSigned()
    """The authorities and the server certificate."""
    storage: AnyStorage = Volume()
    """Where the registry keeps the images."""
    users: Annotated[tuple[User, ...], Field(strict=False)] = ()
    """Who may log in."""
    anonymous_pull: Annotated[tuple[Repository, ...], Field(strict=False)] = ()
    """What everybody may pull without a login: each repository with all below it; `*` for all there are."""
    clients: Annotated[tuple[Client, ...], Field(strict=False)] = ()
    """The hosts that pull from the registry."""
    clients_file: Annotated[tuple[Client, ...], Field(strict=False), BeforeValidator(yaml_file)] = ()
    """A YAML file with more clients, as a list."""
    images: Images = Images()
    """The images of the containers."""
    images_file: Annotated[Images, BeforeValidator(yaml_file)] = Images()
    """A YAML file with images that are known to this machine alone."""
    limits: Limits = Limits()
    """Memory of the containers, in MiB."""
    verification: bool = True
    """Whether each client proves that it can log in, push and pull."""
    delete_data: bool = False
    """Whether a destroy deletes the images too. Takes effect with the update after the change."""
    protect: bool = False
    """Whether what can't be made again may not be removed: data volume, signing authority, source of made passwords."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        unique("users", (user.name for user in self.users))
        unique("clients", (client.host for client in self.all_clients))
        for name in ("registry", "nginx"):
            if getattr(self.images, name) is None and getattr(self.images_file, name) is None:
                raise ValueError(f"images.{name} is missing: NAME:TAG@sha256:<digest>, or set it in imagesFile")
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
        if (self.docker_host is None) != (self.docker_host_access is None):
            raise ValueError(
                "dockerHost and dockerHostAccess must be set together: with both the server is reached over SSH, "
                "without both the server is this machine"
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
    def all_clients(self) -> tuple[Client, ...]:
        """The clients of the stack's file and of the clients file."""
        return self.clients + self.clients_file

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
