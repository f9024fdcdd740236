"""How hosts are reached over SSH."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from pydantic import Field, ModelWrapValidatorHandler, PlainValidator, PrivateAttr, SecretStr, model_validator

from ..clients import DEFAULT, LOGIN_FILES, RUNTIMES
from .fields import (
    Host,
    HostKey,
    KeyFile,
    KnownHostsFile,
    Port,
    PrivateKey,
    SecretFile,
    SecretText,
    ServerAddresses,
    SshUser,
    UserName,
    host_name,
    ssh_user,
    unique,
)
from .host_keys import WHERE
from .section import Section, alias_of, either

if TYPE_CHECKING:
    RuntimeName = str
else:
    RuntimeName = Literal[tuple(RUNTIMES)]

_RUNTIMES = "; ".join(f"`{runtime.name}`, {runtime.meaning}" for runtime in RUNTIMES.values())


class SshUrl(NamedTuple):
    """Where an SSH server is, and as whom to log in."""

    host: str
    """DNS name or IP address, without brackets."""
    user: str
    port: int


class SshLogin(Section):
    """How to log in to an SSH server: in exactly one way, and with the key known that it has to show."""

    private_key: PrivateKey | None = None
    """The SSH private key, in OpenSSH or PEM form. Set it with `--secret`.

    Change: nothing.
    """
    private_key_file: KeyFile | None = None
    """The file that contains it. Only its owner must be able to read it."""
    private_key_password: SecretText | None = None
    """The passphrase of the SSH key. Set it with `--secret`.

    Change: nothing.
    """
    private_key_password_file: SecretFile | None = None
    """The file that contains it. A line break at the end is ignored."""
    password: SecretText | None = None
    """The password of the SSH user. Set it with `--secret`.

    Change: nothing.
    """
    password_file: SecretFile | None = None
    """The file that contains it. A line break at the end is ignored."""
    agent: bool = False
    """`true`: use the SSH agent. `SSH_AUTH_SOCK` must name it when `pulumi` runs.

    Change: nothing.
    """
    host_key: HostKey | None = None
    """Required. The public key of the host, from its `/etc/ssh/ssh_host_ed25519_key.pub`. A host that shows another key
    is refused.

    Change: nothing: before you change it, find out why the host has another key.
    """

    @model_validator(mode="after")
    def _logs_in_one_way(self) -> Self:
        if not self.is_remote:
            return self
        ways = [self.private_key, self.private_key_file, self.password, self.password_file, self.agent or None]
        if sum(way is not None for way in ways) != 1:
            raise ValueError(
                "needs exactly one of privateKey (with --secret), privateKeyFile, password (with --secret), "
                f"passwordFile and agent: true{self.instead}"
            )
        if self.host_key is None and (found := self.known_host_key()):
            # The section is frozen for its readers, and this is not its last value yet.
            self.__dict__["host_key"] = found
        if self.host_key is None:
            raise ValueError(f"needs hostKey, the host's public key; {WHERE}")
        return self

    @model_validator(mode="after")
    def _key_opens(self) -> Self:
        if not self.is_known:
            return self
        if self._key_text:
            _opened(self._key_text, self.ssh_key_password)
        elif self.ssh_key_password:
            raise ValueError("privateKeyPassword cannot be used without privateKey or privateKeyFile; remove it")
        return self

    @property
    def is_remote(self) -> bool:
        """Whether there is anything to log in to."""
        return True

    @property
    def instead(self) -> str:
        """What to say of a way to do without a login."""
        return ""

    def known_host_key(self) -> str | None:
        """Return the host's key as a known_hosts file has it; None without such a file."""
        return None

    @property
    def ssh_key(self) -> str | None:
        """The private key, wherever it came from, in its shortest form: each command keeps it in the state, twice."""
        return self._key_text and _opened(self._key_text, self.ssh_key_password)

    @property
    def _key_text(self) -> str | None:
        return _plain(either(self.private_key, self.private_key_file and self.private_key_file.text))

    @property
    def ssh_key_password(self) -> str | None:
        """The private key's passphrase, wherever it came from."""
        return _plain(either(self.private_key_password, self.private_key_password_file))

    @property
    def ssh_password(self) -> str | None:
        """The user's password, wherever it came from."""
        return _plain(either(self.password, self.password_file))


class SshPlace(SshLogin):
    """How to reach an SSH server whose name is not known yet."""

    host_key: HostKey | None = None
    """The public key of the host, from its `/etc/ssh/ssh_host_ed25519_key.pub`, if no `knownHostsFile` contains it. A
    host that shows another key is refused.

    Change: nothing: before you change it, find out why the host has another key.
    """
    user: SshUser = "root"
    """SSH user. A user other than root needs sudo without a password. A bastion user needs no sudo.

    Change: nothing.
    """
    port: Port = 22
    """SSH port of the host.

    Change: nothing.
    """
    known_hosts_file: KnownHostsFile | None = None
    """A `known_hosts` file that contains the host key, such as `~/.ssh/known_hosts`. Hashed names and `[HOST]:PORT` are
    found too. `hostKey` overrides it.

    Change: nothing: as `hostKey`.
    """


class SshAccess(SshPlace):
    """An SSH server and how to log in to it: a client, a bastion, or the server.

    Rules:
        - Exactly one of `privateKey`, `privateKeyFile`, `password`, `passwordFile` and `agent: true`.
        - `hostKey` is always required, or `knownHostsFile`.
        - `privateKeyPassword` only with `privateKey` or `privateKeyFile`.

    Example:
        private-registry:clients:
          - host: build-1.example.com
            user: ops
            privateKeyFile: keys/ops
            hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0I400OoYh/O+naavotbmBJOkJT2eD4gsjgojtV7rJN
          # Behind a bastion, with the keys of an SSH agent.
          - host: 10.20.0.7
            user: ops
            agent: true
            hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJVEVDDw56LJCkzPmc8sBFL66GM2PV2Mnz0Z4SrdFeCc
            bastion:
              host: bastion.example.com
              user: jump
              agent: true
              hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBONrii3iwEoG8uUAd6EHBKeFUJGnDq+R5Qg5bX6b8Nd
    """

    host: Host
    """DNS name or IP address of the host.

    Change: clients: the old host is removed from the stack, and the new one is added.
    """

    def known_host_key(self) -> str | None:
        """Return the host's key as a known_hosts file has it; None without such a file."""
        return self.known_hosts_file and self.known_hosts_file.key_of(self.host, self.port)

    @property
    def url(self) -> SshUrl:
        """Host, user and port."""
        return SshUrl(self.host, self.user, self.port)


class ClientKeys(SshPlace):
    """What can hold for several clients: all but the name of the host."""

    bastion: SshAccess | None = None
    """The host through which the client is reached.

    Change: nothing.
    """
    hosts_entry: ServerAddresses | None = None
    """For a client without DNS: the address of the registry, or a list with that of each server: programs try the next
    one where one does not answer. Each gets a line in `/etc/hosts` of the client, in that order.

    Change: clients: the lines in `/etc/hosts` are replaced.
    """
    runtimes: Annotated[
        tuple[RuntimeName, ...],
        Field(
            strict=False,
            min_length=1,
            description=f"Where the CA certificate is installed: {_RUNTIMES}.\n\n"
            "Change: clients: add the new one in one update, and remove the old one in the next (clients.md).",
        ),
    ] = (DEFAULT,)

    login: UserName | None = None
    """A user of `users` as whom the client logs in to the registry. The password goes to the file with logins of each
    runtime (clients.md), so the stack must know it: generated, or configured as text, not as a hash.

    Change: clients: the login is written, replaced or removed. K3s and RKE2 restart.
    """
    caches: bool = False
    """`true`: the runtimes pull images of the registries in `caches` of the stack from there, by their usual names.

    Change: clients: the files are written, replaced or removed (caches.md). Docker reads its file again, BuildKit, K3s
    and RKE2 restart.
    """
    required: bool | None = None
    """`true`: an update fails if this client can't be made to trust the registry. `false`: the update continues without
    it, and the next one tries again. Without `required`, `clientsShare` decides.

    Change: nothing.
    """

    @model_validator(mode="after")
    def _runtimes_differ(self) -> Self:
        unique("runtimes", self.runtimes)
        return self

    @model_validator(mode="after")
    def _login_has_a_file(self) -> Self:
        if self.login and not any(RUNTIMES[runtime].login for runtime in self.runtimes):
            raise ValueError(
                f"login needs a runtime that has a file with logins, and {', '.join(self.runtimes)} has none: add one "
                "to runtimes, such as docker, or remove login"
            )
        return self

    @model_validator(mode="after")
    def _caches_are_of_use(self) -> Self:
        if self.caches and not any(RUNTIMES[runtime].caches for runtime in self.runtimes):
            raise ValueError(
                f"caches needs a runtime that can pull from a cache, and {', '.join(self.runtimes)} cannot: add one to "
                "runtimes, such as docker, or remove caches"
            )
        return self


class ClientDefaults(ClientKeys):
    """What holds for each client that does not say otherwise, wherever the client is listed.

    Rules:
        - A client that has a login of its own (`agent`, `privateKey`, `password` or their files) gets none from here.
        - A client gets nothing of a key that it has itself. `bastion: null` in a client: without the bastion.
        - A client with `local: true` gets `runtimes` and `hostsEntry` alone.

    Example:
        private-registry:clientDefaults:
          user: ops
          privateKeyFile: keys/ops
          knownHostsFile: keys/known_hosts
        private-registry:clients:
          - host: build-1.example.com
          - {host: build-2.example.com, port: 2222}
    """

    _given: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def given(self) -> Mapping[str, Any]:
        """What was given, by keys as a stack's file has them: each client checks it together with its own."""
        return self._given

    @model_validator(mode="wrap")
    @classmethod
    def _keeps_what_was_given(cls, value: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        made = check(value)
        if isinstance(value, Mapping):
            made._given = {str(alias_of(cls, key)): one for key, one in value.items()}
        return made

    @model_validator(mode="after")
    def _logs_in_one_way(self) -> Self:
        ways = [self.private_key, self.private_key_file, self.password, self.password_file, self.agent or None]
        if sum(way is not None for way in ways) > 1:
            raise ValueError("has several of privateKey, privateKeyFile, password, passwordFile and agent; keep one")
        return self

    @model_validator(mode="after")
    def _key_opens(self) -> Self:
        if self.is_known and self._key_text:
            _opened(self._key_text, self.ssh_key_password)
        return self


class Client(ClientKeys, SshAccess):
    """A host that pulls from the registry and must trust it.

    Rules:
        - With `local: true` no key for SSH is needed.
        - Each host must be listed only once.
        - If `user` is root, or with `local: true`, a runtime of the user who logs in must not be listed beside
          `docker`, `docker-snap`, `podman` or `buildkit`: both would have files in the home of root.

    Example:
        private-registry:clients:
          # Without DNS, and with the CA certificate also in the trust store of the machine.
          - host: build-1.example.com
            privateKeyFile: keys/ops
            hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0I400OoYh/O+naavotbmBJOkJT2eD4gsjgojtV7rJN
            hostsEntry: 10.20.0.2
            runtimes: [docker, system]
          # The control machine itself.
          - {host: localhost, local: true}
    """

    local: bool = False
    """`true`: this client is the control machine, so no SSH is needed.

    Change: nothing.
    """

    @model_validator(mode="after")
    def _root_has_files_once(self) -> Self:
        both = in_the_home_of_root(self.runtimes)
        if both is None or (self.is_remote and self.user != "root"):
            return self
        of_user, of_root = both
        if self.local:
            raise ValueError(
                f"with local: true root writes all files, so {of_user} would share files with {of_root}. Remove "
                f"{of_user} from runtimes, or replace local: true with an SSH login as the user who runs it"
            )
        raise ValueError(
            f"{of_user} belongs to the user who logs in, who is root here, so it would share files with {of_root}. "
            f"Set user to the user who runs it, or remove {of_user} from runtimes"
        )

    @property
    def is_remote(self) -> bool:
        """Whether there is anything to log in to."""
        return not self.local

    @property
    def instead(self) -> str:
        """What to say of a way to do without a login."""
        return ", or local: true for this machine"


def in_the_home_of_root(runtimes: Sequence[str]) -> tuple[str, str] | None:
    """Return two runtimes that would both have files in the home of root, if root logs in."""
    of_user = [name for name in runtimes if RUNTIMES[name].is_of_user]
    of_root = [name for name in runtimes if name not in of_user and RUNTIMES[name].login in LOGIN_FILES]
    return (of_user[0], of_root[0]) if of_user and of_root else None


class DockerHostAccess(SshLogin):
    """How to log in to the server. Its host, user and port are in ``dockerHost``.

    Rules:
        - Only `privateKeyFile` (a key without a passphrase) or `agent: true`, also for `bastion`: the program `ssh`
          connects. For a key with a passphrase, run `ssh-add FILE` and set `agent: true`.

    Example:
        private-registry:dockerHost: ssh://ops@registry.example.com
        private-registry:dockerHostAccess:
          privateKeyFile: keys/ops
          hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHYtHq1P4xQAhLn+cJNvANbVArtJtRSFj8I7djDyLD8Y
    """

    bastion: SshAccess | None = None
    """The host through which the server is reached.

    Change: nothing.
    """

    @model_validator(mode="after")
    def _is_for_the_ssh_program(self) -> Self:
        for login, name in ((self, ""), (self.bastion, "bastion.")):
            if login and not login.is_known:
                raise ValueError(
                    f"{name}hostKey and the login must not come from another resource: the program ssh needs them "
                    "before any resource is created"
                )
            if login and (login.ssh_password or login.private_key or login.ssh_key_password):
                raise ValueError(
                    f"use {name}privateKeyFile (a key without a passphrase) or {name}agent: true. The connection "
                    "to the "
                    "server's Docker does not support password, privateKey or a key with a passphrase. If the key has "
                    "a passphrase: run 'ssh-add FILE' and set agent: true"
                )
        return self


def _docker_host(value: object) -> SshUrl:
    try:
        url = urlsplit(str(value))
        found = SshUrl(host_name(url.hostname or ""), ssh_user(unquote(url.username or "root")), url.port or 22)
        more = url.path or url.query or url.fragment or url.password
    except ValueError:
        found, more = None, None
    if found is None or url.scheme != "ssh" or more:
        raise ValueError("must be ssh://[USER@]HOST[:PORT], such as ssh://ops@registry.example.com, or absent")
    return found


DockerHostUrl = Annotated[SshUrl, PlainValidator(_docker_host)]


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


@lru_cache
def _opened(key: str, passphrase: str | None) -> str:
    """Open a private key as SSH will and return it as PKCS #8, or as it is where it has a passphrase.

    Cached, since opening an encrypted one is slow on purpose.
    """
    password = passphrase.encode() if passphrase else None
    try:
        load = load_ssh_private_key if "BEGIN OPENSSH PRIVATE KEY" in key else load_pem_private_key
        opened = load(key.encode(), password)
        return key if password else opened.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    except TypeError:
        if passphrase:
            raise ValueError("the private key has no passphrase; remove privateKeyPassword") from None
        raise ValueError("the private key has a passphrase: set privateKeyPassword, with --secret") from None
    except Exception:
        # The library's own words may quote the input.
        why = "privateKeyPassword does not open the private key" if passphrase else "the private key can't be read"
        raise ValueError(f"{why}; to test it: 'ssh-keygen -y -f FILE'") from None
