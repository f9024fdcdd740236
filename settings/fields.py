"""Field types that several settings share, each with the rule beside it."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from rendering.htpasswd import MAX_PASSWORD_BYTES, bcrypt_cost
from settings import provided

PROJECT = "project"
"""Key of the validation context: the folder that relative file names start from."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"(?:[a-z0-9][a-zA-Z0-9._/:-]*@)?sha256:[0-9a-f]{64}")
_HOST_KEY = re.compile(r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,2}( .*)?")
MAX_BCRYPT_COST = 14


def _ip(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address, such as 10.0.0.2") from None


def _host(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        pass
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
    host = _host(value)
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
        raise ValueError(f"a bcrypt hash must have a cost of 4 to {MAX_BCRYPT_COST}: it is computed at every request")
    if not text:
        raise ValueError("must not be empty")
    if len(text.encode()) > MAX_PASSWORD_BYTES:
        raise ValueError(f"must be at most {MAX_PASSWORD_BYTES} bytes long, which is all that bcrypt reads")
    if any(ord(character) < 32 for character in text):
        raise ValueError("must not have control characters or line breaks")
    return value


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError(
            "must be pinned: NAME:TAG@sha256:<64 hexadecimal digits>, or the id of a local image, sha256:<64 digits>; "
            "'docker buildx imagetools inspect NAME:TAG' shows the digest"
        )
    return value


def _host_key(value: str) -> str:
    if not _HOST_KEY.fullmatch(value):
        raise ValueError("must be a public host key such as 'ssh-ed25519 AAAA…'; 'ssh-keyscan HOST' shows it")
    return value


def _private_key(value: SecretStr) -> SecretStr:
    if "PRIVATE KEY-----" not in value.get_secret_value():
        raise ValueError("must be a private key in OpenSSH or PEM form")
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


def _password_file(value: object, info: ValidationInfo) -> str:
    return _text_file(value, info).rstrip("\r\n")


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
Host = Annotated[str, AfterValidator(_host)]
Domain = Annotated[str, AfterValidator(_domain)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$")]
Image = Annotated[str, AfterValidator(_image)]
HostKey = Annotated[str, AfterValidator(_host_key)]
Password = Annotated[SecretStr, AfterValidator(_password)]
PasswordFile = Annotated[SecretStr, BeforeValidator(_password_file), AfterValidator(_password)]
PrivateKey = Annotated[SecretStr, AfterValidator(_private_key)]
PrivateKeyFile = Annotated[SecretStr, BeforeValidator(_text_file), AfterValidator(_private_key)]
Certificates = Annotated[str, AfterValidator(_certificates)]
CertificatesFile = Annotated[str, BeforeValidator(_text_file), AfterValidator(_certificates)]
ServerKey = Annotated[SecretStr, AfterValidator(_server_key)]
ServerKeyFile = Annotated[SecretStr, BeforeValidator(_text_file), AfterValidator(_server_key)]
