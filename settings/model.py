"""What can be configured, with the rules. Keys are written in camelCase in the stack's file."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from registry_reference import DEFAULT_HTTPS_PORT, registry_reference
from settings.fields import (
    Certificates,
    CertificatesFile,
    Domain,
    Image,
    IpAddress,
    Name,
    Password,
    PasswordFile,
    Port,
    Repository,
    ServerKey,
    ServerKeyFile,
    yaml_file,
)
from settings.provided import authority_mistakes, mistakes
from settings.section import Section
from settings.ssh import Client, DockerHostAccess, DockerHostUrl

VERIFICATION_USER = "verification"
"""The user with which the stack proves itself; nobody else may have this name."""


def _unique(key: str, names: Iterable[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"{key}: {', '.join(repeated)} stands more than once; each may be listed once")


class Certificate(Section):
    """The server certificate: signed by an authority of the stack's own, or provided."""

    source: Literal["self-signed", "provided"] = "self-signed"
    """`self-signed` makes authorities and a certificate; `provided` takes chain and key, and checks them."""
    authorities: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = ("1",)
    """Names of the authorities. The first signs, clients trust all of them."""
    authority_validity_days: Annotated[int, Field(ge=30, le=36500)] = 3650
    """How long an authority lives."""
    validity_days: Annotated[int, Field(ge=2, le=825)] = 365
    """How long the server certificate lives; below the authority's life. Mozilla's profile wants 366 or less."""
    renewal_days: Annotated[int, Field(ge=1)] = 30
    """How many days before its end an update replaces the server certificate."""
    rotation: Name | None = None
    """Self-signed: any text; another one makes a new server key and certificate at once."""
    chain: Certificates | None = None
    """Provided: the server certificate, then each issuer after the one it issued, PEM."""
    chain_file: CertificatesFile | None = None
    """Or the file that holds it."""
    key: ServerKey | None = None
    """Provided: the server's private key, PEM, not encrypted; set it with --secret."""
    key_file: ServerKeyFile | None = None
    """Or the file that holds it."""
    authority: Certificates | None = None
    """Provided: what clients have to trust, PEM. Self-signed: what they trust besides, to change to it in steps."""
    authority_file: CertificatesFile | None = None
    """Or the file that holds it."""
    public: bool = False
    """Provided: clients trust the issuer already, so nothing is distributed."""

    @model_validator(mode="after")
    def _lives_nest(self) -> Self:
        if self.validity_days >= self.authority_validity_days:
            raise ValueError("validityDays must be below authorityValidityDays: a certificate can't outlive its issuer")
        if self.renewal_days >= self.validity_days:
            raise ValueError("renewalDays must be below validityDays, or every update would renew the certificate")
        _unique("authorities", self.authorities)
        return self

    @model_validator(mode="after")
    def _provided(self) -> Self:
        given = {
            "chain": (self.chain, self.chain_file),
            "key": (self.key, self.key_file),
            "authority": (self.authority, self.authority_file),
        }
        wanted = {"chain", "key"} | (set() if self.public else {"authority"}) if self.source == "provided" else set()
        for key, values in given.items():
            count = sum(value is not None for value in values)
            if key in wanted and count != 1:
                raise ValueError(f"source: provided needs either {key} or {key}File")
            if key == "authority" and self.source == "self-signed" and count < 2:
                continue
            if key not in wanted and count:
                why = "public: true" if self.source == "provided" else "source: self-signed"
                raise ValueError(f"{key} makes no sense with {why}; take one of them out")
        if self.rotation and self.source == "provided":
            raise ValueError("rotation makes no sense with source: provided; put another chain and key in their place")
        if self.public and self.source != "provided":
            raise ValueError("public: true needs source: provided; nobody trusts the stack's own authorities already")
        return self

    @property
    def provided_chain(self) -> str:
        """The chain, wherever it came from; empty unless provided."""
        return self.chain or self.chain_file or ""

    @property
    def provided_key(self) -> str:
        """The key, wherever it came from; empty unless provided."""
        key = self.key or self.key_file
        return key.get_secret_value() if key else ""

    @property
    def provided_authorities(self) -> str | None:
        """What clients have to trust; None where they do already."""
        return self.authority or self.authority_file


class User(Section):
    """Somebody who may log in."""

    name: Name
    """What the user logs in with."""
    password: Password | None = None
    """The password, or its bcrypt hash; set it with --secret. Without any, one is made, see `pulumi stack output`."""
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
            raise ValueError(f"'{VERIFICATION_USER}' is the stack's own user; choose another name")
        return name

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("has both password and passwordFile; take one of them out")
        if self.previous_password is not None and self.previous_password_file is not None:
            raise ValueError("has both previousPassword and previousPasswordFile; take one of them out")
        if self.rotation and self.secret is not None:
            raise ValueError("rotation makes no sense with a password that is given; change that one")
        return self

    @property
    def secret(self) -> SecretStr | None:
        """The password or its hash, wherever it came from; None where one is made."""
        return self.password or self.password_file

    @property
    def previous_secret(self) -> SecretStr | None:
        """The password before it, or its hash, if it is still accepted."""
        return self.previous_password or self.previous_password_file


class Images(Section):
    """The images of the two containers, pinned."""

    registry: Image | None = None
    """NAME:TAG@sha256:DIGEST, or the id of a local image."""
    nginx: Image | None = None
    """The same; nginx 1.25.1 or newer with njs 0.8.7 and curl: the official images, but for the slim ones."""


class Limits(Section):
    """Memory of the containers, in MiB."""

    registry_memory: Annotated[int, Field(ge=64, le=1048576)] = 512
    """Of the registry."""
    nginx_memory: Annotated[int, Field(ge=32, le=1048576)] = 256
    """Of nginx."""
    login_memory: Annotated[int, Field(ge=32, le=1048576)] = 128
    """Of the nginx that checks passwords."""


class Settings(Section):
    """Everything that a stack's file may say."""

    domain: Domain
    """The name that clients use."""
    https_port: Port = DEFAULT_HTTPS_PORT
    """The port that nginx publishes."""
    bind_address: IpAddress = "0.0.0.0"  # noqa: S104 - a registry is there to be reached
    """The address of the server on which nginx listens."""
    docker_host: DockerHostUrl | None = None
    """The server, as `ssh://[USER@]HOST[:PORT]`; without it, this machine."""
    docker_host_access: DockerHostAccess | None = None
    """How to log in to the server."""
    server_directory: Annotated[str, Field(pattern=r"^(/[a-zA-Z0-9._/-]+)?$")] = ""
    """Where the server keeps the containers' files; each stack has a folder of its own in it."""
    certificate: Certificate = Certificate()
    """The authorities and the server certificate."""
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
        _unique("users", (user.name for user in self.users))
        _unique("clients", (client.host for client in self.all_clients))
        for name in ("registry", "nginx"):
            if getattr(self.images, name) is None and getattr(self.images_file, name) is None:
                raise ValueError(f"images.{name} is missing: NAME:TAG@sha256:<digest>, or give it in imagesFile")
        return self

    @model_validator(mode="after")
    def _protected_data_stay(self) -> Self:
        if self.protect and self.delete_data:
            raise ValueError("protect and deleteData exclude each other; to delete the images, set protect to false")
        return self

    @model_validator(mode="after")
    def _server_is_reachable(self) -> Self:
        if (self.docker_host is None) != (self.docker_host_access is None):
            raise ValueError(
                "dockerHost and dockerHostAccess go together: with both the server is reached over SSH, "
                "with neither it is this machine"
            )
        return self

    @model_validator(mode="after")
    def _certificate_works(self) -> Self:
        certificate = self.certificate
        found: list[str] = []
        if certificate.source == "provided":
            found = list(
                mistakes(
                    self.domain,
                    certificate.provided_chain,
                    certificate.provided_key,
                    certificate.provided_authorities,
                )
            )
        elif certificate.provided_authorities:
            found = list(authority_mistakes(certificate.provided_authorities))
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
    def reference(self) -> str:
        """HOST[:PORT], what image names start with."""
        return registry_reference(self.domain, self.https_port)

    @property
    def directory(self) -> str:
        """Where the server keeps the containers' files."""
        if self.server_directory:
            return self.server_directory
        if self._becomes_root:
            return "/var/lib/private-registry"
        return str(Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share", "private-registry"))

    @property
    def container_user(self) -> str:
        """UID:GID of both containers: one of their own where files can be given away, else the one who writes them."""
        return "10001:10001" if self._becomes_root else f"{os.geteuid()}:{os.getegid()}"

    @property
    def _becomes_root(self) -> bool:
        return self.docker_host is not None or os.geteuid() == 0
