"""What a program may give a registry; made by ``python -m components.settings.arguments``, and not edited.

Each type stands for the section of the settings of its name, with the keys as Python has them. The settings check the
values; what may be an ``Input`` may come from another resource.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

import pulumi


class SshAccessArgs(TypedDict, total=False):
    """Where an SSH server is, and how to log in to it."""

    private_key: pulumi.Input[str]
    """The SSH key, in OpenSSH or PEM form; set it with --secret."""
    private_key_file: str
    """Or the file that holds it."""
    private_key_password: pulumi.Input[str]
    """The passphrase of the SSH key, where it has one; set it with --secret."""
    private_key_password_file: str
    """Or the file that holds it; its last line break does not count."""
    password: pulumi.Input[str]
    """In place of a key: the user's password; set it with --secret."""
    password_file: str
    """Or the file that holds it; its last line break does not count."""
    agent: bool
    """In place of a key: the SSH agent that SSH_AUTH_SOCK names when `pulumi` runs."""
    host_key: pulumi.Input[str]
    """The host's public key, as its key file or a line of known_hosts has it; a host with another one is refused."""
    host: Required[str]
    """DNS name or IP address."""
    user: str
    """Anyone but root needs sudo without a password, but on a bastion."""
    port: int
    """The port of its SSH server."""


class DockerHostAccessArgs(TypedDict, total=False):
    """How to log in to the Docker host; its address, user and port stand in ``dockerHost``."""

    private_key: pulumi.Input[str]
    """The SSH key, in OpenSSH or PEM form; set it with --secret."""
    private_key_file: str
    """Or the file that holds it."""
    private_key_password: pulumi.Input[str]
    """The passphrase of the SSH key, where it has one; set it with --secret."""
    private_key_password_file: str
    """Or the file that holds it; its last line break does not count."""
    password: pulumi.Input[str]
    """In place of a key: the user's password; set it with --secret."""
    password_file: str
    """Or the file that holds it; its last line break does not count."""
    agent: bool
    """In place of a key: the SSH agent that SSH_AUTH_SOCK names when `pulumi` runs."""
    host_key: pulumi.Input[str]
    """The host's public key, as its key file or a line of known_hosts has it; a host with another one is refused."""
    bastion: SshAccessArgs
    """The host through which it is reached, where there is no direct way."""


class SelfSignedArgs(TypedDict, total=False):
    """The stack makes authorities and a server certificate."""

    source: Literal["self-signed"]
    authority: pulumi.Input[str]
    """What clients trust besides, PEM, on the way to another source."""
    authority_file: str
    """Or the file that holds it."""
    validity_days: int
    """How long the server certificate lives; below the authority's life. Mozilla's profile wants 366 or less."""
    renewal_days: int
    """How many days before its end an update replaces the server certificate."""
    key_type: Literal["P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"]
    """Of the server's key; another one makes a new key and certificate at once."""
    rotation: str
    """Any text; another one makes a new server key and certificate at once."""
    authorities: Sequence[str]
    """Names of the authorities. The first signs, clients trust all of them."""
    authority_validity_days: int
    """How long an authority lives."""


class ProvidedArgs(TypedDict, total=False):
    """You bring the server certificate and its key along, and renew them."""

    source: Literal["provided"]
    authority: pulumi.Input[str]
    """What clients have to trust, PEM."""
    authority_file: str
    """Or the file that holds it."""
    public: bool
    """Clients trust the issuer already, so nothing is distributed."""
    chain: pulumi.Input[str]
    """The server certificate, then each issuer after the one it issued, PEM."""
    chain_file: str
    """Or the file that holds them."""
    key: pulumi.Input[str]
    """The private key of the chain's first certificate, PEM, not encrypted; set it with --secret."""
    key_file: str
    """Or the file that holds it."""


class SigningAuthorityArgs(TypedDict, total=False):
    """An authority of yours signs: the stack has its key, makes the server certificate, and renews it."""

    source: Literal["signing-authority"]
    authority: pulumi.Input[str]
    """What clients have to trust, PEM; without it the root at the end of the chain."""
    authority_file: str
    """Or the file that holds it."""
    public: bool
    """Clients trust the issuer already, so nothing is distributed."""
    chain: pulumi.Input[str]
    """The authority that signs, often an intermediate one, then each issuer after the one it issued, PEM."""
    chain_file: str
    """Or the file that holds them."""
    key: pulumi.Input[str]
    """The private key of the chain's first certificate, PEM, not encrypted; set it with --secret."""
    key_file: str
    """Or the file that holds it."""
    validity_days: int
    """How long the server certificate lives; below the authority's life. Mozilla's profile wants 366 or less."""
    renewal_days: int
    """How many days before its end an update replaces the server certificate."""
    key_type: Literal["P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"]
    """Of the server's key; another one makes a new key and certificate at once."""
    rotation: str
    """Any text; another one makes a new server key and certificate at once."""


class AcmeArgs(TypedDict, total=False):
    """Let's Encrypt, or another authority that speaks ACME. The server asks for the certificate, and renews it."""

    source: Literal["acme"]
    authority: pulumi.Input[str]
    """What clients have to trust, PEM; where they trust the issuer already, leave it out."""
    authority_file: str
    """Or the file that holds it."""
    public: bool
    """Clients trust the issuer already, and are given `authority` besides, on the way from another source."""
    directory: str
    """The directory of the authority, by default that of Let's Encrypt."""
    directory_authority: pulumi.Input[str]
    """Where the directory has a certificate of an authority of one's own: that authority, PEM."""
    directory_authority_file: str
    """Or the file that holds it."""
    email: str
    """Where the authority writes to, if it does."""
    external_account_key_id: pulumi.Input[str]
    """Where the authority wants an account that is bound to one that it knows: the id of the key."""
    external_account_key: pulumi.Input[str]
    """And the key (HMAC, base64url); set it with --secret."""
    external_account_key_file: str
    """Or the file that holds it."""
    challenge: Literal["http-01", "dns-01"]
    """How the name is proven: on port 80 of the server, or by a record in DNS."""
    dns_provider: str
    """Who changes the record: one of lego's names, such as `cloudflare`, `route53` or `rfc2136`."""
    dns_variables: pulumi.Input[Mapping[str, str]]
    """The variables that the provider wants, each with its value; set them with --secret."""
    dns_variables_file: str
    """Or a YAML file that holds them."""
    dns_resolvers: Sequence[str]
    """Name servers, HOST[:PORT], that are asked in place of the server's own."""
    dns_wait_seconds: int
    """Wait so long for the record, in place of asking the zone's name servers until they have it."""
    profile: str
    """A profile that the authority offers, such as `shortlived`."""
    preferred_chain: str
    """Where the authority offers several chains: the common name of the issuer that it is to end with."""
    key_type: Literal["P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"]
    """Of the server's key."""
    rotation: str
    """Any text; another one makes a new server key and certificate at once."""


class VolumeArgs(TypedDict, total=False):
    """A volume of the server's Docker; there is nothing to set."""

    type: Literal["volume"]


class S3Args(TypedDict, total=False):
    """A bucket of Amazon S3, or of what speaks its protocol. The stack never makes, empties or deletes it."""

    type: Literal["s3"]
    bucket: Required[pulumi.Input[str]]
    """The bucket, which is there already."""
    region: Required[pulumi.Input[str]]
    """Its region; of a server of one's own what that is configured with, often `us-east-1`."""
    endpoint: pulumi.Input[str]
    """`https://HOST[:PORT]` of a server that is not Amazon's; layers are sent in clear to one with `http://`."""
    prefix: str
    """What the keys of the objects start with, such as `team/registry`; two registries may not share one."""
    access_key_id: pulumi.Input[str]
    """The id of the access key; set it with --secret."""
    access_key_id_file: str
    """Or the file that holds it."""
    secret_access_key: pulumi.Input[str]
    """The secret of the access key; set it with --secret."""
    secret_access_key_file: str
    """Or the file that holds it."""
    authority: pulumi.Input[str]
    """Where the endpoint has a certificate of an authority of one's own: that authority, PEM."""
    authority_file: str
    """Or the file that holds it."""
    cache_size: int
    """GiB of the server's disk for the layers that nginx keeps there, for whoever pulls them next."""
    keep_volume: bool
    """While images move from the volume or back: nginx leaves it mounted, need not start again, and keeps no layers."""


class UserArgs(TypedDict, total=False):
    """Somebody who may log in."""

    name: Required[str]
    """What the user logs in with: printable, without spaces, ':' and '~'."""
    password: pulumi.Input[str]
    """The password, its bcrypt hash, or what `htpasswd -nB NAME` prints; set it with --secret. Without any, one is
    made, see `pulumi stack output`."""
    password_file: str
    """Or the file that holds it; its last line break does not count."""
    previous_password: pulumi.Input[str]
    """A password, or its hash, that is accepted besides, until all who use it have the new one."""
    previous_password_file: str
    """Or the file that holds it."""
    rotation: str
    """Where the password is made: any text; another one makes another password."""
    access: Literal["pull", "push", "admin"]
    """`pull`; `push`, which may pull too; or `admin`, which may also delete."""
    repositories: Sequence[str]
    """Where: each repository with all below it; `*` for all there are."""


class ClientArgs(TypedDict, total=False):
    """A host that pulls from the registry and has to trust it."""

    private_key: pulumi.Input[str]
    """The SSH key, in OpenSSH or PEM form; set it with --secret."""
    private_key_file: str
    """Or the file that holds it."""
    private_key_password: pulumi.Input[str]
    """The passphrase of the SSH key, where it has one; set it with --secret."""
    private_key_password_file: str
    """Or the file that holds it; its last line break does not count."""
    password: pulumi.Input[str]
    """In place of a key: the user's password; set it with --secret."""
    password_file: str
    """Or the file that holds it; its last line break does not count."""
    agent: bool
    """In place of a key: the SSH agent that SSH_AUTH_SOCK names when `pulumi` runs."""
    host_key: pulumi.Input[str]
    """The host's public key, as its key file or a line of known_hosts has it; a host with another one is refused."""
    host: Required[str]
    """DNS name or IP address."""
    user: str
    """Anyone but root needs sudo without a password, but on a bastion."""
    port: int
    """The port of its SSH server."""
    local: bool
    """This machine: reached without SSH."""
    bastion: SshAccessArgs
    """The host through which the client is reached, where there is no direct way."""
    hosts_entry: str
    """Where there is no DNS: the address that the client's /etc/hosts gives the registry's domain."""
    runtimes: Sequence[Literal["docker", "system"]]
    """What it comes to trust by: `docker`, the registry's folder for Docker; `system`, the trust store of the
    machine, for curl, Go programs and most others."""


class ImagesArgs(TypedDict, total=False):
    """The images of the containers, pinned."""

    registry: str
    """NAME:TAG@sha256:DIGEST, or the id of a local image."""
    nginx: str
    """The same; nginx 1.25.1 or newer with njs 0.8.7 and curl: the official images, but for the slim ones."""
    lego: str
    """The same; lego 4.25 to 4.35, which `source: acme` needs, and nothing else: `goacme/lego:v4.35.2`."""


class LimitsArgs(TypedDict, total=False):
    """Memory of the containers, in MiB."""

    registry_memory: int
    """Of the registry."""
    nginx_memory: int
    """Of nginx."""
    login_memory: int
    """Of the nginx that checks passwords."""
    lego_memory: int
    """Of lego, which `source: acme` needs."""


class PrivateRegistryArgs(TypedDict, total=False):
    """Everything that a stack's file may say."""

    domain: Required[str]
    """The name that clients use; on port 443 one with a dot, as Docker takes others for its own Hub's."""
    aliases: Sequence[str]
    """More names of the same registry on the same port, as of `domain`: each is in the certificate, and clients
    trust it by each."""
    https_port: int
    """The port that nginx publishes."""
    bind_address: Sequence[str]
    """The address of the server on which nginx listens, or a list of them; without it all of IPv4 and of IPv6."""
    docker_host: str
    """The server, as `ssh://[USER@]HOST[:PORT]`; without it, this machine."""
    docker_host_access: DockerHostAccessArgs
    """How to log in to the server."""
    server_directory: str
    """Where the server keeps the containers' files; each stack has a folder of its own in it."""
    certificate: SelfSignedArgs | ProvidedArgs | SigningAuthorityArgs | AcmeArgs
    """The authorities and the server certificate."""
    storage: VolumeArgs | S3Args
    """Where the registry keeps the images."""
    users: Sequence[UserArgs]
    """Who may log in."""
    anonymous_pull: Sequence[str]
    """What everybody may pull without a login: each repository with all below it; `*` for all there are."""
    clients: Sequence[ClientArgs]
    """The hosts that pull from the registry."""
    clients_file: str
    """A YAML file with more clients, as a list."""
    images: ImagesArgs
    """The images of the containers."""
    images_file: str
    """A YAML file with images that are known to this machine alone."""
    limits: LimitsArgs
    """Memory of the containers, in MiB."""
    verification: bool
    """Whether each client proves that it can log in, push and pull."""
    delete_data: bool
    """Whether a destroy deletes the images too. Takes effect with the update after the change."""
    protect: bool
    """Whether what can't be made again may not be removed: data volume, signing authority, source of made passwords."""
