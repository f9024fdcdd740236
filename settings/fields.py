"""Field types that several settings share, each with the rule beside it."""

import re
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import idna
import yaml
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr, ValidationInfo

from rendering.htpasswd import MAX_PASSWORD_BYTES, bcrypt_cost
from rendering.registry import REPOSITORY_NAME
from settings import provided

PROJECT = "project"
"""Key of the validation context: the folder that relative file names start from."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REPOSITORY = re.compile(rf"\*|{REPOSITORY_NAME}")
_IMAGE = re.compile(r"(?:[a-z0-9][a-zA-Z0-9._/:-]*@)?sha256:[0-9a-f]{64}")
_HOST_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,2}( .*)?")
USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
MAX_BCRYPT_COST = 14


def _ip(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address, such as 10.0.0.2") from None


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
            "must not be a loopback name: Docker skips TLS checks for it, so nothing would be protected; "
            "use a name such as registry.test with a client's hostsEntry"
        )
    return host


def _password(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    cost = bcrypt_cost(text)
    if text.startswith("$2") and cost is None:
        raise ValueError("looks like a bcrypt hash but is not one: $2a$, $2b$ or $2y$, two digits, $, 53 characters")
    if cost is not None and not 4 <= cost <= MAX_BCRYPT_COST:
        raise ValueError(f"a bcrypt hash must have a cost of 4 to {MAX_BCRYPT_COST}: a login would take seconds")
    _secret_text(value)
    if len(text.encode()) > MAX_PASSWORD_BYTES:
        raise ValueError(f"must be at most {MAX_PASSWORD_BYTES} bytes long, which is all that bcrypt reads")
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
            "must be a repository such as 'team/app', which stands for all below it too, or '*' for all there are: "
            "a-z, 0-9, and between them '.', '_', '-' and '/'"
        )
    return value


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError(
            "must be pinned: NAME:TAG@sha256:<64 hexadecimal digits>, or the id of a local image, sha256:<64 digits>; "
            "'docker buildx imagetools inspect NAME:TAG' shows the digest"
        )
    return value


def _host_key(value: str) -> str:
    try:
        if not _HOST_KEY.fullmatch(value):
            raise ValueError
        load_ssh_public_key(value.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            "must be a whole public host key, such as 'ssh-ed25519 AAAA…'; 'ssh-keyscan -t ed25519 HOST' shows it"
        ) from None
    # The comment that a key file ends with is nothing to compare.
    return " ".join(value.split()[:2])


def _private_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if "PRIVATE KEY-----" not in text:
        raise ValueError("must be a private key in OpenSSH or PEM form")
    if "BEGIN ENCRYPTED PRIVATE KEY" in text:
        raise ValueError("must be in OpenSSH form to have a passphrase; 'ssh-keygen -p -f FILE' writes it so")
    return value


def _certificates(value: str) -> str:
    provided.certificates(value)
    return f"{value.strip()}\n"


def _server_key(value: SecretStr) -> SecretStr:
    provided.private_key(value.get_secret_value())
    return value


def resolve(value: object, info: ValidationInfo) -> Path:
    """Return the file that a setting names, relative to the project.

    Raises:
        ValueError: It is not a string, not a file, or not readable; pydantic reports it under the key.
    """
    if not isinstance(value, str) or not value:
        raise ValueError("must be the name of a file, relative to the project")
    path = Path((info.context or {}).get(PROJECT, "."), value)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't read {path}: {type(error).__name__}") from None


def _text_file(value: object, info: ValidationInfo) -> str:
    return _read(resolve(value, info))


def _secret_file(value: object, info: ValidationInfo) -> str:
    path = resolve(value, info)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IROTH:
        raise ValueError(f"{path} may be read by everybody on this machine (mode {mode:04o}); chmod 600 {path}")
    return _read(path)


def _password_file(value: object, info: ValidationInfo) -> str:
    return _secret_file(value, info).rstrip("\r\n")


class NamedKey(NamedTuple):
    """A private key, and the file that holds it."""

    name: str
    """As it was given: relative to the project."""
    text: SecretStr


def _key_file(value: object, info: ValidationInfo) -> NamedKey:
    path = resolve(value, info)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"ssh takes no key that may be read by everybody or by the group; chmod 600 {path}")
    return NamedKey(str(value), _private_key(SecretStr(_secret_file(value, info))))


def yaml_file(value: object, info: ValidationInfo) -> Any:
    """Return what stands in the YAML file that a setting names.

    Raises:
        ValueError: As of ``resolve``, or the text is no YAML.
    """
    path = resolve(value, info)
    try:
        return yaml.safe_load(_read(path))
    except yaml.YAMLError:
        raise ValueError(f"{path} is not valid YAML") from None


IpAddress = Annotated[str, AfterValidator(_ip)]
Host = Annotated[str, AfterValidator(host_name)]
Domain = Annotated[str, AfterValidator(_domain)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$")]
Image = Annotated[str, AfterValidator(_image)]
HostKey = Annotated[str, AfterValidator(_host_key)]
Password = Annotated[SecretStr, AfterValidator(_password)]
PasswordFile = Annotated[SecretStr, BeforeValidator(_password_file), AfterValidator(_password)]
PrivateKey = Annotated[SecretStr, AfterValidator(_private_key)]
KeyFile = Annotated[NamedKey, PlainValidator(_key_file)]
SecretText = Annotated[SecretStr, AfterValidator(_secret_text)]
SecretFile = Annotated[SecretStr, BeforeValidator(_password_file), AfterValidator(_secret_text)]
Repository = Annotated[str, AfterValidator(_repository)]
UserName = Annotated[str, Field(pattern=f"^{USER_NAME.pattern}$")]
Certificates = Annotated[str, AfterValidator(_certificates)]
CertificatesFile = Annotated[str, BeforeValidator(_text_file), AfterValidator(_certificates)]
ServerKey = Annotated[SecretStr, AfterValidator(_server_key)]
ServerKeyFile = Annotated[SecretStr, BeforeValidator(_secret_file), AfterValidator(_server_key)]
