"""Field types that several settings share, each with the rule beside it."""

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import idna
import yaml
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr, ValidationInfo

from ..proxy.config import HTTPS_PORTS
from ..proxy.login.htpasswd import MAX_BCRYPT_COST, MAX_PASSWORD_BYTES, bcrypt_cost
from ..registry.config import REPOSITORY_NAME
from . import chain, host_keys, htpasswd_lines, pem
from .known_hosts import KnownHosts
from .section import OrOutput

PROJECT = "project"
"""Key of the validation context: the folder that relative file names start from."""

_IN_A_HOSTS_FILE = re.compile(r"[0-9A-Za-z.:_%-]+")
"""What follows a ``%`` is free otherwise."""
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REPOSITORY = re.compile(rf"\*|{REPOSITORY_NAME}")
_IMAGE = re.compile(r"(?:[a-z0-9][a-zA-Z0-9._/:-]*@)?sha256:[0-9a-f]{64}")
_SSH_USER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._@+\\-]{0,253}[A-Za-z0-9._@+$-])?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENDPOINT = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:]+\]|[^/:@\s\[\]]+)(?P<port>:[0-9]{1,5})?/?")
_MOST_OF_A_NAME = 128
_NO_NAMES = {"<token>": "Docker uses it for a token instead of a user name"}


def unique(key: str, names: Iterable[str]) -> None:
    """Refuse a list in which a name stands more than once.

    Raises:
        ValueError: One does; says which.
    """
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"{key}: {', '.join(repeated)} is listed more than once; list each only once")


def _ip(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address, such as 10.0.0.2") from None


def _floating(value: str) -> str:
    address = ip_address(_ip(value))
    if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local:
        raise ValueError("must be an address at which clients reach a server, such as 192.0.2.10")
    return str(address)


def _one_or_more(value: object) -> tuple[str, ...]:
    given = value if isinstance(value, (list, tuple)) else [value]
    return tuple(_ip(str(one)) for one in given)


def _addresses(value: object) -> tuple[str, ...]:
    addresses = _one_or_more(value)
    families = [ip_address(one).version for one in addresses]
    alone = [one for one in addresses if ip_address(one).is_unspecified]
    if len(set(addresses)) < len(addresses) or any(families.count(ip_address(one).version) > 1 for one in alone):
        raise ValueError("contains an address twice: 0.0.0.0 means all of IPv4, :: means all of IPv6")
    if len(addresses) > len(HTTPS_PORTS):
        raise ValueError(
            f"can have at most {len(HTTPS_PORTS)} addresses; 0.0.0.0 means all of IPv4, :: means all of IPv6"
        )
    return addresses


def _server_addresses(value: object) -> tuple[str, ...]:
    addresses = _one_or_more(value)
    if not addresses:
        raise ValueError("must have at least one address; without any, remove the key")
    if odd := [one for one in addresses if not _IN_A_HOSTS_FILE.fullmatch(one)]:
        raise ValueError(f"must be an IP address that a hosts file can have, and {odd[0]!r} is none")
    if len(set(addresses)) < len(addresses):
        raise ValueError("contains an address twice; list each only once")
    return addresses


def _network(value: str) -> str:
    try:
        # A network of a link is none for nginx.
        network = ip_network(value if "%" not in value else "")
    except ValueError:
        raise ValueError(
            "must be an IP address such as 10.0.0.2, or a network such as 10.0.0.0/24, with no bit behind the prefix"
        ) from None
    if network.prefixlen == 0:
        raise ValueError("must not be all addresses: every client could then claim to have any address")
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def host_name(value: str) -> str:
    """Return an IP address or a DNS name as machines write it: a name in another script becomes punycode (RFC 5891).

    Raises:
        ValueError: It is neither; says what is allowed.
    """
    try:
        return str(ip_address(value))
    except ValueError:
        pass
    if not value.isascii():
        try:
            value = idna.encode(value).decode()
        except idna.IDNAError as error:
            raise ValueError(f"is not a valid international DNS name: {error}") from None
    labels = value.split(".")
    if len(value) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            "must be an IP address or a DNS name: labels of a-z, 0-9 and '-' joined by dots, lower case, "
            "at most 253 characters, without a scheme or a port"
        )
    if labels[-1].isdigit():
        raise ValueError("must be an IP address or a DNS name; a name can't end in a number")
    return value


def _domain(value: str) -> str:
    host = host_name(value)
    if host == "localhost" or host.startswith("127.") or host == "::1":
        raise ValueError(
            "must not be a loopback name: Docker does not check TLS for such a name; "
            "use a name such as registry.test with a client's hostsEntry"
        )
    return host


def _password(value: SecretStr, info: ValidationInfo) -> SecretStr:
    # The name stands beside the password, or in the context of one that another resource gives.
    name = (info.data or info.context or {}).get("name")
    value = SecretStr(htpasswd_lines.password_or_hash(value.get_secret_value(), name))
    text = value.get_secret_value()
    cost = bcrypt_cost(text)
    if cost is not None and not 4 <= cost <= MAX_BCRYPT_COST:
        raise ValueError(
            f"the bcrypt cost must be between 4 and {MAX_BCRYPT_COST}; with a higher cost each login takes "
            "several seconds"
        )
    _secret_text(value)
    if len(text.encode()) > MAX_PASSWORD_BYTES:
        raise ValueError(f"must be at most {MAX_PASSWORD_BYTES} bytes long: bcrypt ignores the rest")
    return value


def _secret_text(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text:
        raise ValueError("must not be empty")
    if any(ord(character) < 32 for character in text):
        raise ValueError("must not have control characters or line breaks")
    return value


def _repository(value: str) -> str:
    if not _REPOSITORY.fullmatch(value) or len(value) > 255:
        raise ValueError(
            "must be a repository such as 'team/app', which includes all below it, or '*' for all repositories: "
            "a-z, 0-9, and between them '.', '_', '-' and '/'"
        )
    return value


def _bucket(value: str) -> str:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    if not _BUCKET.fullmatch(value) or ".." in value:
        raise ValueError("must be a bucket's name: 3 to 63 characters of a-z, 0-9, '.' and '-', without a scheme")
    return value


def _storage_endpoint(value: str) -> str:
    found = _ENDPOINT.fullmatch(value)
    if not found:
        raise ValueError("must be https://HOST[:PORT], or http:// for one without TLS, without a path")
    host = host_name(found["host"].strip("[]"))
    return f"{found['scheme']}://{f'[{host}]' if ':' in host else host}{found['port'] or ''}"


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError(
            "must be pinned: NAME:TAG@sha256:<64 hexadecimal digits>, or the id of a local image, sha256:<64 digits>; "
            "to see the digest: 'docker buildx imagetools inspect NAME:TAG'"
        )
    return value


def _private_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if "PRIVATE KEY-----" not in text:
        raise ValueError("must be a private key in OpenSSH or PEM form")
    if "BEGIN ENCRYPTED PRIVATE KEY" in text:
        raise ValueError("must be in OpenSSH form to have a passphrase; to convert it: 'ssh-keygen -p -f FILE'")
    return value


def _certificates(value: str) -> str:
    return pem.certificates_text(pem.certificates(value))


def _chain(value: str) -> str:
    return pem.certificates_text(chain.in_order(pem.certificates(value)))


def _server_key(value: SecretStr) -> SecretStr:
    return SecretStr(pem.private_key_text(pem.private_key(value.get_secret_value())))


def resolve(value: object, info: ValidationInfo) -> Path:
    """Return the file that a setting names, relative to the project.

    Raises:
        ValueError: It is not a string, not a file, or not to be reached; pydantic reports it under the key.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("must be a file name, relative to the project")
    path = Path((info.context or {}).get(PROJECT, "."), _at_home(value))
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"there is no file {path}") from None
    except OSError as error:
        raise ValueError(_unreadable(path, error)) from None
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} is not a file{' but a folder' if stat.S_ISDIR(mode) else ''}")
    return path


def _at_home(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ValueError(f"{name} is in the home folder of a user whom this machine does not have") from None


def _read(path: Path, label: str = "") -> str:
    """Return a file's text; ``label`` as of ``pem.text_of``."""
    try:
        return pem.text_of(path.read_bytes(), label)
    except UnicodeDecodeError as error:
        raise ValueError(f"can't read {path}: {type(error).__name__}, it is not a text file") from None
    except OSError as error:
        raise ValueError(_unreadable(path, error)) from None


def _unreadable(path: Path, error: OSError) -> str:
    more = f"; to see the permissions: 'namei -l {path}'" if isinstance(error, PermissionError) else ""
    return f"can't read {path}: {os.strerror(error.errno or 0)}{more}"


def _text_file(value: object, info: ValidationInfo) -> str:
    return _read(resolve(value, info), "CERTIFICATE")


def secret_file(value: object, info: ValidationInfo, label: str = "") -> str:
    """Return the text of a file with a secret that a setting names; ``label`` as of ``pem.text_of``.

    Raises:
        ValueError: As of ``resolve``, or everybody may read it, or it is no text.
    """
    path = resolve(value, info)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IROTH:
        raise ValueError(f"every user of this machine can read {path} (mode {mode:04o}); run 'chmod 600 {path}'")
    return _read(path, label)


def _password_file(value: object, info: ValidationInfo) -> str:
    return secret_file(value, info).rstrip("\r\n")


class NamedKey(NamedTuple):
    """A private key, and the file that holds it."""

    name: str
    """As it was given: relative to the project."""
    text: SecretStr


def _key_file(value: object, info: ValidationInfo) -> NamedKey:
    path = resolve(value, info)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(
            f"ssh refuses a key that the group or every user of this machine can read; run 'chmod 600 {path}'"
        )
    return NamedKey(str(value), _private_key(SecretStr(secret_file(value, info))))


class NamedText(NamedTuple):
    """A text, and the file that holds it."""

    name: str
    """As it was given: relative to the project."""
    path: Path
    text: str


def named_text(value: object, info: ValidationInfo) -> NamedText:
    """Return the text of a file that a setting names, with what messages about it need.

    Raises:
        ValueError: As of ``resolve``, or it is no text.
    """
    path = resolve(value, info)
    return NamedText(str(value), path, _read(path))


def _known_hosts_file(value: object, info: ValidationInfo) -> KnownHosts:
    file = named_text(value, info)
    return KnownHosts(file.name, file.text).checked()


def yaml_file(value: object, info: ValidationInfo) -> Any:
    """Return what stands in the YAML file that a setting names.

    Raises:
        ValueError: As of ``resolve``, or the text is no YAML.
    """
    path = resolve(value, info)
    return _parsed(_read(path), path)


def secret_yaml(value: object, info: ValidationInfo) -> Any:
    """Return what stands in a YAML file with secrets that a setting names.

    Raises:
        ValueError: As of ``secret_file``, or the text is no YAML.
    """
    return _parsed(secret_file(value, info), value)


def _parsed(text: str, file: object) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ValueError(f"{file} is not valid YAML") from None


def as_text(value: object) -> object:
    """Return whole numbers as text: `pulumi config set --path` makes them of a name such as 2026.

    Raises:
        ValueError: YAML has made something else of it, from which the text can't be told.
    """
    if isinstance(value, (bool, float)):
        raise ValueError(_NO_TEXT)
    return str(value) if isinstance(value, int) else value


def _only_text(value: object) -> object:
    if isinstance(value, (bool, float, int)):
        raise ValueError(_NO_TEXT)
    return value


_NO_TEXT = "must be text in quotes; without quotes YAML reads it as a number, true or false, and removes leading zeros"


def _user_name(value: str) -> str:
    name = unicodedata.normalize("NFC", value)
    plain = all(sign.isprintable() and not sign.isspace() and sign not in ":~" for sign in name)
    if not plain or not 0 < len(name) <= _MOST_OF_A_NAME or name.startswith("#"):
        raise ValueError(
            f"must be a name of at most {_MOST_OF_A_NAME} printable characters without spaces, ':' and '~', "
            "and must not start with '#'"
        )
    if name in _NO_NAMES:
        raise ValueError(f"can't be {name}: {_NO_NAMES[name]}")
    return name


def ssh_user(value: str) -> str:
    """Return the name of a user to log in as over SSH.

    Raises:
        ValueError: It is none; says what is allowed.
    """
    if not _SSH_USER.fullmatch(value):
        raise ValueError(
            "must be a user name that OpenSSH accepts: letters, digits, '.', '_', '-' and '+', optionally with a "
            "domain "
            "(DOMAIN\\user, user@example.com) or '$' at the end; it must not start with '-'"
        )
    return value


Bucket = Annotated[str, AfterValidator(_bucket), OrOutput]
BucketPrefix = Annotated[
    str, BeforeValidator(as_text), Field(pattern=r"^([a-zA-Z0-9._-]+(/[a-zA-Z0-9._-]+)*)?$", max_length=200)
]
Region = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$"), OrOutput]
StorageEndpoint = Annotated[str, AfterValidator(_storage_endpoint), OrOutput]
FloatingIpAddress = Annotated[str, AfterValidator(_floating)]
"""One that moves between servers."""
IpAddresses = Annotated[tuple[str, ...], BeforeValidator(_addresses)]
"""One, or a list of them."""
ServerAddresses = Annotated[tuple[str, ...], BeforeValidator(_server_addresses)]
"""One, or a list of them in the order in which clients try them."""
Network = Annotated[str, AfterValidator(_network)]
"""An IP address, or a network of them."""
Host = Annotated[str, AfterValidator(host_name)]
Domain = Annotated[str, AfterValidator(_domain)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, BeforeValidator(as_text), Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$")]
UserName = Annotated[str, BeforeValidator(as_text), AfterValidator(_user_name)]
Image = Annotated[str, AfterValidator(_image)]
HostKey = Annotated[str, AfterValidator(host_keys.host_key), OrOutput]
Password = Annotated[SecretStr, BeforeValidator(_only_text), AfterValidator(_password), OrOutput]
PasswordFile = Annotated[SecretStr, BeforeValidator(_password_file), AfterValidator(_password)]
PrivateKey = Annotated[SecretStr, AfterValidator(_private_key), OrOutput]
TextFile = Annotated[NamedText, PlainValidator(named_text)]
KnownHostsFile = Annotated[KnownHosts, PlainValidator(_known_hosts_file)]
KeyFile = Annotated[NamedKey, PlainValidator(_key_file)]
SecretText = Annotated[SecretStr, BeforeValidator(_only_text), AfterValidator(_secret_text), OrOutput]
SecretFile = Annotated[SecretStr, BeforeValidator(_password_file), AfterValidator(_secret_text)]
Repository = Annotated[str, BeforeValidator(as_text), AfterValidator(_repository)]
SshUser = Annotated[str, BeforeValidator(as_text), AfterValidator(ssh_user)]
Chain = Annotated[str, AfterValidator(_chain), OrOutput]
ChainFile = Annotated[str, BeforeValidator(_text_file), AfterValidator(_chain)]
Certificates = Annotated[str, AfterValidator(_certificates), OrOutput]
CertificatesFile = Annotated[str, BeforeValidator(_text_file), AfterValidator(_certificates)]
ServerKey = Annotated[SecretStr, AfterValidator(_server_key), OrOutput]
ServerKeyFile = Annotated[
    SecretStr, BeforeValidator(partial(secret_file, label="PRIVATE KEY")), AfterValidator(_server_key)
]
