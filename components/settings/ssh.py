"""How hosts are reached over SSH."""

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from pydantic import Field, PlainValidator, SecretStr, model_validator

from ..clients import DEFAULT, RUNTIMES
from .fields import (
    Host,
    HostKey,
    IpAddress,
    KeyFile,
    Port,
    PrivateKey,
    SecretFile,
    SecretText,
    SshUser,
    host_name,
    ssh_user,
    unique,
)
from .host_keys import WHERE
from .section import Section, either

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
    """The SSH key, in OpenSSH or PEM form; set it with --secret."""
    private_key_file: KeyFile | None = None
    """Or the file that holds it."""
    private_key_password: SecretText | None = None
    """The passphrase of the SSH key, where it has one; set it with --secret."""
    private_key_password_file: SecretFile | None = None
    """Or the file that holds it; its last line break does not count."""
    password: SecretText | None = None
    """In place of a key: the user's password; set it with --secret."""
    password_file: SecretFile | None = None
    """Or the file that holds it; its last line break does not count."""
    agent: bool = False
    """In place of a key: the SSH agent that SSH_AUTH_SOCK names when `pulumi` runs."""
    host_key: HostKey | None = None
    """The host's public key, as its key file or a line of known_hosts has it; a host with another one is refused."""

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


class SshAccess(SshLogin):
    """Where an SSH server is, and how to log in to it."""

    host: Host
    """DNS name or IP address."""
    user: SshUser = "root"
    """Anyone but root needs sudo without a password, but on a bastion."""
    port: Port = 22
    """The port of its SSH server."""

    @property
    def url(self) -> SshUrl:
        """Host, user and port."""
        return SshUrl(self.host, self.user, self.port)


class Client(SshAccess):
    """A host that pulls from the registry and has to trust it."""

    local: bool = False
    """This machine: reached without SSH."""
    bastion: SshAccess | None = None
    """The host through which the client is reached, where there is no direct way."""
    hosts_entry: IpAddress | None = None
    """Where there is no DNS: the address that the client's /etc/hosts gives the registry's domain."""
    runtimes: Annotated[
        tuple[RuntimeName, ...],
        Field(strict=False, min_length=1, description=f"What it comes to trust by: {_RUNTIMES}."),
    ] = (DEFAULT,)

    @model_validator(mode="after")
    def _runtimes_differ(self) -> Self:
        unique("runtimes", self.runtimes)
        return self

    @property
    def is_remote(self) -> bool:
        """Whether there is anything to log in to."""
        return not self.local

    @property
    def instead(self) -> str:
        """What to say of a way to do without a login."""
        return ", or local: true for this machine"


class DockerHostAccess(SshLogin):
    """How to log in to the Docker host; its address, user and port stand in ``dockerHost``."""

    bastion: SshAccess | None = None
    """The host through which it is reached, where there is no direct way."""

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
