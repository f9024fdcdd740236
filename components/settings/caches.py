"""Which registries are cached, and how the caches log in there."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from ..registry_reference import is_ip_address
from .fields import Certificates, CertificatesFile, SecretFile, SecretText, StorageEndpoint, UserName, host_name
from .section import Section, either

_HUB = "docker.io"
_URLS = {_HUB: "https://registry-1.docker.io"}
"""Upstream -> where it is served, if that is another name."""
_MOST = 8


class Cache(Section):
    """A pull-through cache. The key is the name of the upstream, as image names start with it.

    Rules:
        - A key is a DNS name with a dot, without a port. At most 8 caches.
        - `username` and a password go together.

    Example:
        private-registry:caches:
          docker.io: {username: our-company, passwordFile: keys/docker-hub.password, maximumSize: 50}
          ghcr.io: {}
          # Another port, or another name.
          harbor.example.com: {url: "https://harbor.example.com:8443"}
    """

    url: StorageEndpoint | None = None
    """`https://HOST[:PORT]` of the upstream. Default: the key; for `docker.io`, `https://registry-1.docker.io`.

    Change: restart: what is cached stays, also if it is another upstream.
    """
    username: UserName | None = None
    """User at the upstream. Without one, the cache pulls anonymously.

    Change: restart.
    """
    password: SecretText | None = None
    """Its password or token. Set it with `--secret`.

    Change: restart.
    """
    password_file: SecretFile | None = None
    """The file that contains it. A line break at the end is ignored."""
    authority: Certificates | None = None
    """If the upstream has a certificate of your own CA: that CA certificate, PEM.

    Change: restart.
    """
    authority_file: CertificatesFile | None = None
    """The file that contains it."""
    maximum_size: Annotated[int, Field(ge=1, le=65536)] = 20
    """GiB that the cache can hold. It is measured each minute. If it holds more, the whole cache is emptied.

    Change: restart.
    """

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if (self.username is None) != (self.secret is None):
            raise ValueError("username and a password must be set together: password, or passwordFile")
        return self

    @property
    def secret(self) -> SecretStr | None:
        """The password, wherever it came from; None where there is none."""
        return either(self.password, self.password_file)

    @property
    def trusted(self) -> str | None:
        """The authority of the upstream's certificate, PEM; None where the registry's image has it."""
        return either(self.authority, self.authority_file)

    def url_of(self, upstream: str) -> str:
        """Return where the upstream is served."""
        return self.url or _URLS.get(upstream, f"https://{upstream}")


def container_part(upstream: str) -> str:
    """Return what an upstream is called in names of containers: with a dot, it could be a name of the internet."""
    return upstream.replace(".", "-")


def _upstream(value: str) -> str:
    try:
        is_name = "." in value and host_name(value) == value and not is_ip_address(value)
    except ValueError:
        is_name = False
    if not is_name:
        raise ValueError(
            "must be a DNS name with a dot and without a port, such as docker.io: what its image names start with"
        )
    return value


def _apart(value: Mapping[str, Cache]) -> Mapping[str, Cache]:
    if len({container_part(upstream) for upstream in value}) < len(value):
        raise ValueError("two names differ only in '.' and '-'; remove one of them")
    return value


Caches = Annotated[
    dict[Annotated[str, AfterValidator(_upstream)], Cache], Field(max_length=_MOST), AfterValidator(_apart)
]
"""Upstream -> its cache."""
