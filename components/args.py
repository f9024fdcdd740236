"""What a program may give a registry; made by ``python -m components.settings.arguments``, and not edited.

Each type stands for the section of the settings of its name, with the keys as Python has them. The settings check the
values; what may be an ``Input`` may come from another resource.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

import pulumi


class SshAccessArgs(TypedDict, total=False):
    """An SSH server and how to log in to it: a client, a bastion, or the server."""

    private_key: pulumi.Input[str]
    """The SSH private key, in OpenSSH or PEM form. Set it with `--secret`."""
    private_key_file: str
    """The file that contains it. Only its owner must be able to read it."""
    private_key_password: pulumi.Input[str]
    """The passphrase of the SSH key. Set it with `--secret`."""
    private_key_password_file: str
    """The file that contains it. A line break at the end is ignored."""
    password: pulumi.Input[str]
    """The password of the SSH user. Set it with `--secret`."""
    password_file: str
    """The file that contains it. A line break at the end is ignored."""
    agent: bool
    """`true`: use the SSH agent. `SSH_AUTH_SOCK` must name it when `pulumi` runs."""
    host_key: pulumi.Input[str]
    """The public key of the host, from its `/etc/ssh/ssh_host_ed25519_key.pub`, if no `knownHostsFile` contains it.
    A host that shows another key is refused."""
    user: str
    """SSH user. A user other than root needs sudo without a password. A bastion user needs no sudo."""
    port: int
    """SSH port of the host."""
    known_hosts_file: str
    """A `known_hosts` file that contains the host key, such as `~/.ssh/known_hosts`. Hashed names and `[HOST]:PORT`
    are found too. `hostKey` overrides it."""
    host: Required[str]
    """DNS name or IP address of the host."""


class DockerHostAccessArgs(TypedDict, total=False):
    """How to log in to the server. Its host, user and port are in ``dockerHost``."""

    private_key: pulumi.Input[str]
    """The SSH private key, in OpenSSH or PEM form. Set it with `--secret`."""
    private_key_file: str
    """The file that contains it. Only its owner must be able to read it."""
    private_key_password: pulumi.Input[str]
    """The passphrase of the SSH key. Set it with `--secret`."""
    private_key_password_file: str
    """The file that contains it. A line break at the end is ignored."""
    password: pulumi.Input[str]
    """The password of the SSH user. Set it with `--secret`."""
    password_file: str
    """The file that contains it. A line break at the end is ignored."""
    agent: bool
    """`true`: use the SSH agent. `SSH_AUTH_SOCK` must name it when `pulumi` runs."""
    host_key: pulumi.Input[str]
    """Required. The public key of the host, from its `/etc/ssh/ssh_host_ed25519_key.pub`. A host that shows another
    key is refused."""
    bastion: SshAccessArgs
    """The host through which the server is reached."""


class ServerEntryArgs(TypedDict, total=False):
    """One of the servers of the registry. All have the same bucket and users."""

    name: str
    """What the names of the server's resources contain: a-z, 0-9 and `-`."""
    docker_host: str
    """The server, as `ssh://[USER@]HOST[:PORT]`. Without it, the server is the control machine."""
    docker_host_access: DockerHostAccessArgs
    """How to log in to the server."""
    address: str
    """The IP address or DNS name at which clients reach this server. Default: the host of `dockerHost`."""
    bind_address: Sequence[str]
    """One address of this server on which nginx listens, or a list of up to eight. Without it, all IPv4 and IPv6
    addresses."""


class SelfSignedArgs(TypedDict, total=False):
    """The stack creates CAs and a server certificate."""

    source: Literal["self-signed"]
    authority: pulumi.Input[str]
    """Additional CA certificates that clients also trust, PEM. Needed only to change to another `source`
    (rotate.md)."""
    authority_file: str
    """The file that contains it."""
    validity_days: int
    """Lifetime of the server certificate. It must be shorter than that of the CA. Mozilla's rules allow 366 days at
    most."""
    renewal_days: int
    """An update renews the server certificate in its last days; this is their number."""
    key_type: Literal["P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"]
    """Type of the server key."""
    rotation: str
    """Change it to any new text, and the next update creates a new server key and certificate."""
    authorities: Sequence[str]
    """Names of the CAs. The first one signs, and clients trust all of them."""
    authority_validity_days: int
    """Lifetime of each CA."""


class ProvidedArgs(TypedDict, total=False):
    """You provide the server certificate and its key, and renew them."""

    source: Literal["provided"]
    authority: pulumi.Input[str]
    """The CA certificates that clients must trust, PEM."""
    authority_file: str
    """The file that contains it."""
    public: bool
    """`true`: the system of each client already trusts the CA, so no CA certificate is installed."""
    chain: pulumi.Input[str]
    """The server certificate, followed by the intermediate CA certificates, PEM."""
    chain_file: str
    """The file that contains them."""
    key: pulumi.Input[str]
    """The private key of the first certificate of the chain, PEM, not encrypted. Set it with `--secret`."""
    key_file: str
    """The file that contains it."""


class SigningAuthorityArgs(TypedDict, total=False):
    """Your own CA signs: the stack has its key, creates the server certificate, and renews it."""

    source: Literal["signing-authority"]
    authority: pulumi.Input[str]
    """The CA certificates that clients must trust, PEM. Without it, the root at the end of the chain."""
    authority_file: str
    """The file that contains it."""
    public: bool
    """`true`: the system of each client already trusts the CA, so no CA certificate is installed."""
    chain: pulumi.Input[str]
    """The certificate of the CA that signs, often an intermediate CA, followed by those of its issuers, PEM."""
    chain_file: str
    """The file that contains them."""
    key: pulumi.Input[str]
    """The private key of the first certificate of the chain, PEM, not encrypted. Set it with `--secret`."""
    key_file: str
    """The file that contains it."""
    validity_days: int
    """Lifetime of the server certificate. It must be shorter than that of the CA. Mozilla's rules allow 366 days at
    most."""
    renewal_days: int
    """An update renews the server certificate in its last days; this is their number."""
    key_type: Literal["P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"]
    """Type of the server key."""
    rotation: str
    """Change it to any new text, and the next update creates a new server key and certificate."""


class AcmeArgs(TypedDict, total=False):
    """Let's Encrypt, or another ACME CA. The server requests the certificate, and renews it."""

    source: Literal["acme"]
    authority: pulumi.Input[str]
    """The CA certificates that clients must trust, PEM. Not needed if their systems trust the CA already."""
    authority_file: str
    """The file that contains it."""
    public: bool
    """`true`: the systems of the clients trust the CA already; `authority` is installed in addition, to change from
    another `source`."""
    directory: str
    """URL of the ACME directory. Default: Let's Encrypt."""
    directory_authority: pulumi.Input[str]
    """If the directory has a certificate of your own CA: that CA certificate, PEM."""
    directory_authority_file: str
    """The file that contains it."""
    email: str
    """Address for messages of the CA."""
    external_account_key_id: pulumi.Input[str]
    """External account binding, if the CA requires it: the ID of the key."""
    external_account_key: pulumi.Input[str]
    """The key of the external account (HMAC, base64url). Set it with `--secret`."""
    external_account_key_file: str
    """The file that contains it."""
    challenge: Literal["http-01", "dns-01"]
    """How the CA verifies the name: `http-01` on port 80 of the server, `dns-01` by a DNS record."""
    dns_provider: str
    """The DNS service for `dns-01`, by its name in lego: for example `cloudflare`, `route53` or `rfc2136`."""
    dns_variables: pulumi.Input[Mapping[str, str]]
    """The environment variables that lego needs for this DNS service, such as an API token. Set each with
    `--secret`."""
    dns_variables_file: str
    """A YAML file that contains them."""
    dns_resolvers: Sequence[str]
    """DNS servers, `HOST[:PORT]`, that are asked instead of those of the server."""
    dns_wait_seconds: int
    """Wait so long after the record was created. 0: ask the DNS servers of the zone until they have it."""
    profile: str
    """A certificate profile of the CA, for example `shortlived`."""
    preferred_chain: str
    """If the CA offers several chains: the common name of the root in the wanted one."""
    key_type: Literal["P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"]
    """Type of the server key."""
    rotation: str
    """Change it to any new text, and the next update creates a new server key and certificate."""


class VolumeArgs(TypedDict, total=False):
    """A volume of the server's Docker."""

    type: Literal["volume"]


class S3Args(TypedDict, total=False):
    """A bucket of Amazon S3, or of a compatible server. The stack never creates, empties or deletes it."""

    type: Literal["s3"]
    bucket: Required[pulumi.Input[str]]
    """Name of the bucket. It must exist."""
    region: Required[pulumi.Input[str]]
    """Region of the bucket. For your own S3 server, the region that it is configured with, often `us-east-1`."""
    endpoint: pulumi.Input[str]
    """`https://HOST[:PORT]` of an S3 server that is not Amazon's. With `http://` the images are sent unencrypted."""
    prefix: str
    """Prefix of all object names, for example `team/registry`. Two registries must not share one."""
    access_key_id: pulumi.Input[str]
    """ID of the access key. Set it with `--secret`."""
    access_key_id_file: str
    """The file that contains it."""
    secret_access_key: pulumi.Input[str]
    """Secret of the access key. Set it with `--secret`."""
    secret_access_key_file: str
    """The file that contains it."""
    authority: pulumi.Input[str]
    """If the endpoint has a certificate of your own CA: that CA certificate, PEM."""
    authority_file: str
    """The file that contains it."""
    cache_size: int
    """Size in GiB of nginx's layer cache on the server's disk."""
    keep_volume: bool
    """`true` while images move between volume and bucket: nginx keeps the volume mounted, and caches no layers."""


class CacheArgs(TypedDict, total=False):
    """A pull-through cache. The key is the name of the upstream, as image names start with it."""

    url: pulumi.Input[str]
    """`https://HOST[:PORT]` of the upstream. Default: the key; for `docker.io`, `https://registry-1.docker.io`."""
    username: str
    """User at the upstream. Without one, the cache pulls anonymously."""
    password: pulumi.Input[str]
    """Its password or token. Set it with `--secret`."""
    password_file: str
    """The file that contains it. A line break at the end is ignored."""
    authority: pulumi.Input[str]
    """If the upstream has a certificate of your own CA: that CA certificate, PEM."""
    authority_file: str
    """The file that contains it."""
    maximum_size: int
    """GiB that the cache can hold. It is measured each minute. If it holds more, the whole cache is emptied."""


class UserArgs(TypedDict, total=False):
    """A user who can log in."""

    name: Required[str]
    """The login name. Not allowed: spaces, `:`, `~`, and `#` as the first character."""
    password: pulumi.Input[str]
    """The password, its bcrypt hash, or a line that `htpasswd -nB NAME` prints. Set it with `--secret`. Without a
    password the stack generates one: `pulumi stack output passwords --show-secrets`."""
    password_file: str
    """The file that contains it. A line break at the end is ignored."""
    previous_password: pulumi.Input[str]
    """An old password, or its hash, that is accepted too, until all users of it have the new one."""
    previous_password_file: str
    """The file that contains it."""
    rotation: str
    """Only for a generated password. Change it to any new text, and the next update generates a new password."""
    access: Literal["pull", "push", "admin"]
    """`pull`; `push`, which includes pull; or `admin`, which also includes deletion."""
    repositories: Sequence[str]
    """The repositories to which `access` applies, each with all below it. `*` means all."""


class ClientDefaultsArgs(TypedDict, total=False):
    """What holds for each client that does not say otherwise, wherever the client is listed."""

    private_key: pulumi.Input[str]
    """The SSH private key, in OpenSSH or PEM form. Set it with `--secret`."""
    private_key_file: str
    """The file that contains it. Only its owner must be able to read it."""
    private_key_password: pulumi.Input[str]
    """The passphrase of the SSH key. Set it with `--secret`."""
    private_key_password_file: str
    """The file that contains it. A line break at the end is ignored."""
    password: pulumi.Input[str]
    """The password of the SSH user. Set it with `--secret`."""
    password_file: str
    """The file that contains it. A line break at the end is ignored."""
    agent: bool
    """`true`: use the SSH agent. `SSH_AUTH_SOCK` must name it when `pulumi` runs."""
    host_key: pulumi.Input[str]
    """The public key of the host, from its `/etc/ssh/ssh_host_ed25519_key.pub`, if no `knownHostsFile` contains it.
    A host that shows another key is refused."""
    user: str
    """SSH user. A user other than root needs sudo without a password. A bastion user needs no sudo."""
    port: int
    """SSH port of the host."""
    known_hosts_file: str
    """A `known_hosts` file that contains the host key, such as `~/.ssh/known_hosts`. Hashed names and `[HOST]:PORT`
    are found too. `hostKey` overrides it."""
    bastion: SshAccessArgs
    """The host through which the client is reached."""
    hosts_entry: Sequence[str]
    """For a client without DNS: the address of the registry, or a list with that of each server: programs try the
    next one where one does not answer. Each gets a line in `/etc/hosts` of the client, in that order."""
    runtimes: Sequence[
        Literal[
            "docker",
            "docker-rootless",
            "docker-snap",
            "system",
            "containerd",
            "podman",
            "podman-rootless",
            "buildkit",
            "buildkit-rootless",
            "k3s",
            "rke2",
        ]
    ]
    """Where the CA certificate is installed: `docker`, Docker's folder for this registry; `docker-rootless`, Docker
    of the user who logs in, without root; `docker-snap`, the folder of Docker from the snap; `system`, the
    trust store of the machine, which curl, Go programs and most others use; `containerd`, containerd's folder
    for this registry, which Kubernetes, crictl and, as root, nerdctl use; `podman`, the folder of Podman,
    Buildah, Skopeo and CRI-O for this registry; `podman-rootless`, the folder of Podman, Buildah and Skopeo
    of the user who logs in; `buildkit`, BuildKit's own daemon, buildkitd; not the one in Docker, and not
    builders of `docker buildx create`; `buildkit-rootless`, buildkitd of the user who logs in; `k3s`, K3s'
    list of registries; K3s restarts when it changes; `rke2`, RKE2's list of registries; RKE2 restarts when it
    changes."""
    login: str
    """A user of `users` as whom the client logs in to the registry. The password goes to the file with logins of
    each runtime (clients.md), so the stack must know it: generated, or configured as text, not as a hash."""
    caches: bool
    """`true`: the runtimes pull images of the registries in `caches` of the stack from there, by their usual names."""
    required: bool
    """`true`: an update fails if this client can't be made to trust the registry. `false`: the update continues
    without it, and the next one tries again. Without `required`, `clientsShare` decides."""


class ClientArgs(TypedDict, total=False):
    """A host that pulls from the registry and must trust it."""

    private_key: pulumi.Input[str]
    """The SSH private key, in OpenSSH or PEM form. Set it with `--secret`."""
    private_key_file: str
    """The file that contains it. Only its owner must be able to read it."""
    private_key_password: pulumi.Input[str]
    """The passphrase of the SSH key. Set it with `--secret`."""
    private_key_password_file: str
    """The file that contains it. A line break at the end is ignored."""
    password: pulumi.Input[str]
    """The password of the SSH user. Set it with `--secret`."""
    password_file: str
    """The file that contains it. A line break at the end is ignored."""
    agent: bool
    """`true`: use the SSH agent. `SSH_AUTH_SOCK` must name it when `pulumi` runs."""
    host_key: pulumi.Input[str]
    """The public key of the host, from its `/etc/ssh/ssh_host_ed25519_key.pub`, if no `knownHostsFile` contains it.
    A host that shows another key is refused."""
    user: str
    """SSH user. A user other than root needs sudo without a password. A bastion user needs no sudo."""
    port: int
    """SSH port of the host."""
    known_hosts_file: str
    """A `known_hosts` file that contains the host key, such as `~/.ssh/known_hosts`. Hashed names and `[HOST]:PORT`
    are found too. `hostKey` overrides it."""
    host: Required[str]
    """DNS name or IP address of the host."""
    bastion: SshAccessArgs
    """The host through which the client is reached."""
    hosts_entry: Sequence[str]
    """For a client without DNS: the address of the registry, or a list with that of each server: programs try the
    next one where one does not answer. Each gets a line in `/etc/hosts` of the client, in that order."""
    runtimes: Sequence[
        Literal[
            "docker",
            "docker-rootless",
            "docker-snap",
            "system",
            "containerd",
            "podman",
            "podman-rootless",
            "buildkit",
            "buildkit-rootless",
            "k3s",
            "rke2",
        ]
    ]
    """Where the CA certificate is installed: `docker`, Docker's folder for this registry; `docker-rootless`, Docker
    of the user who logs in, without root; `docker-snap`, the folder of Docker from the snap; `system`, the
    trust store of the machine, which curl, Go programs and most others use; `containerd`, containerd's folder
    for this registry, which Kubernetes, crictl and, as root, nerdctl use; `podman`, the folder of Podman,
    Buildah, Skopeo and CRI-O for this registry; `podman-rootless`, the folder of Podman, Buildah and Skopeo
    of the user who logs in; `buildkit`, BuildKit's own daemon, buildkitd; not the one in Docker, and not
    builders of `docker buildx create`; `buildkit-rootless`, buildkitd of the user who logs in; `k3s`, K3s'
    list of registries; K3s restarts when it changes; `rke2`, RKE2's list of registries; RKE2 restarts when it
    changes."""
    login: str
    """A user of `users` as whom the client logs in to the registry. The password goes to the file with logins of
    each runtime (clients.md), so the stack must know it: generated, or configured as text, not as a hash."""
    caches: bool
    """`true`: the runtimes pull images of the registries in `caches` of the stack from there, by their usual names."""
    required: bool
    """`true`: an update fails if this client can't be made to trust the registry. `false`: the update continues
    without it, and the next one tries again. Without `required`, `clientsShare` decides."""
    local: bool
    """`true`: this client is the control machine, so no SSH is needed."""


class ClientsInventoryArgs(TypedDict, total=False):
    """Clients of an inventory of Ansible: INI, YAML, or the JSON that `ansible-inventory --list` prints."""

    file: Required[str]
    """The inventory. For a folder, a script or a plugin: the output of `ansible-inventory --list`."""
    group: str
    """The group whose hosts are clients, with the groups below it."""


class ClientsSshArgs(TypedDict, total=False):
    """Clients of an `ssh_config`: how `ssh NAME` reaches each."""

    config_file: Required[str]
    """The `ssh_config`, such as `~/.ssh/config`."""
    hosts: Required[Sequence[str]]
    """Which hosts of it are clients: names, and patterns with `*` and `?` of names after `Host`."""
    known_hosts_file: str
    """The `known_hosts` file with their host keys, such as `~/.ssh/known_hosts`. Without it, that of
    `clientDefaults`."""


class ImagesArgs(TypedDict, total=False):
    """The images of the containers, pinned by digest."""

    registry: str
    """Required here or in `imagesFile`. `NAME:TAG@sha256:DIGEST`, or the ID of a local image (`sha256:…`)."""
    nginx: str
    """Required here or in `imagesFile`, in the same form. It must have nginx 1.25.1 or newer, njs 0.8.7 or newer,
    and `curl`: the official images have all three, except the `slim` ones."""
    lego: str
    """Required with `source: acme`, in the same form. lego 4.25 to 4.35, for example `goacme/lego:v4.35.2`."""
    keepalived: str
    """Required with `floatingAddress`, in the same form. It must have keepalived 2.2 or newer, `curl`, `setpriv` of
    util-linux, and `sh` (floating-address.md)."""


class LimitsArgs(TypedDict, total=False):
    """Memory of the containers, in MiB."""

    registry_memory: int
    """Memory of the registry."""
    nginx_memory: int
    """Memory of nginx. It also decides the number of worker processes."""
    login_memory: int
    """Memory of the container that checks passwords."""
    lego_memory: int
    """Memory of lego, which `source: acme` needs."""
    cache_memory: int
    """Memory of each cache in `caches`."""


class PrivateRegistryArgs(TypedDict, total=False):
    """All keys of a stack's file."""

    domain: Required[str]
    """The name that clients use: a DNS name or an IP address. On port 443 a DNS name must contain a dot, or Docker
    takes it for a repository on Docker Hub."""
    aliases: Sequence[str]
    """More names of the same registry, on the same port. Each is in the certificate, and clients trust each."""
    https_port: int
    """The port that nginx publishes."""
    bind_address: Sequence[str]
    """One address of the server on which nginx listens, or a list of up to eight. Without it, all IPv4 and IPv6
    addresses."""
    proxy_protocol: Sequence[str]
    """The load balancers in front of nginx that send the PROXY protocol, as IP addresses and networks. nginx uses
    the client's address that they send, in the access log and in the limits on wrong passwords. With this key
    every connection needs the header of the PROXY protocol: nginx closes a connection without it. Only the
    load balancers listed here are believed."""
    docker_host: str
    """The server, as `ssh://[USER@]HOST[:PORT]`. Without it, the server is the control machine."""
    docker_host_access: DockerHostAccessArgs
    """How to log in to the server."""
    servers: Sequence[ServerEntryArgs]
    """The servers, if there are several: a list in place of `dockerHost`, `dockerHostAccess` and `bindAddress`. With
    `source: acme` each requests a certificate of its own: public CAs limit how many for the same names
    (acme.md)."""
    drain_seconds: int
    """With several servers: how long load balancers have to notice that a server leaves, before its nginx stops."""
    floating_address: str
    """With several servers: an IP address that moves between them, to one that serves. Clients use this address, and
    keepalived moves it (floating-address.md)."""
    server_directory: str
    """The folder on the server for the files of the containers. Each stack has its own folder in it."""
    certificate: SelfSignedArgs | ProvidedArgs | SigningAuthorityArgs | AcmeArgs
    """The CA and the server certificate."""
    storage: VolumeArgs | S3Args
    """Where the images are stored."""
    caches: Mapping[str, CacheArgs]
    """Pull-through caches of other registries: the name of the registry, and its settings (caches.md)."""
    users: Sequence[UserArgs]
    """Who can log in."""
    anonymous_pull: Sequence[str]
    """Repositories that can be pulled without a login, each with all below it. `*` means all."""
    image_pull_secrets: Sequence[str]
    """Users for whom the output `image_pull_secrets` has what Kubernetes needs to pull as them (clients.md)."""
    client_defaults: ClientDefaultsArgs
    """What holds for each client that does not say otherwise, wherever the client is listed."""
    clients: Sequence[ClientArgs]
    """The hosts that pull from the registry."""
    clients_share: int
    """The percentage of the clients that must trust the registry before nginx serves with a new certificate. An
    update continues without the others, and the next one tries them again. `required` of a client says
    otherwise for it."""
    clients_at_once: int
    """The number of clients that an update works on at the same time."""
    clients_file: str
    """A YAML file with more clients, as a list."""
    clients_inventory: ClientsInventoryArgs
    """More clients, from an inventory of Ansible."""
    clients_ssh: ClientsSshArgs
    """More clients, from an `ssh_config`."""
    images: ImagesArgs
    """The images of the containers."""
    images_file: str
    """A YAML file with the keys of `images`, for images that only this machine has. `images` overrides it."""
    limits: LimitsArgs
    """Memory limits of the containers, in MiB."""
    verification: bool
    """`true`: after a change, each client verifies login, push and pull."""
    verification_share: int
    """The percentage of the clients that verify it: always the same ones, as long as the list is the same. The
    others verify it with `make prove`."""
    delete_data: bool
    """`true`: `pulumi destroy` also deletes the images."""
    protect: bool
    """`true`: no update and no destroy can delete the image volume, the signing CA or the seed of the generated
    passwords."""
