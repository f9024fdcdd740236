"""An authority that speaks ACME (RFC 8555) gives the server certificate, and renews it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr, ValidationInfo, model_validator

from ...key_types import USUAL_KEY, KeyType
from ...registry_reference import is_ip_address
from ..chain import authority_mistakes
from ..fields import Certificates, CertificatesFile, Name, SecretFile, SecretText, host_name, secret_yaml
from ..section import OrOutput, either
from .renewal import Renewal
from .source import CertificateSource

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
_A_WEEK = 5
"""How many certificates of the same names Let's Encrypt gives in a week."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_OURS = re.compile(r"LEGO_|PATH$|HOME$|LD_|SSL_")
_EMAIL = re.compile(r"[^\s@\"'\\/]+@[^\s@\"'\\/]+\.[^\s@\"'\\/]+")


def _directory(value: str) -> str:
    place = urlsplit(value)
    try:
        plain = place.scheme == "https" and bool(host_name((place.hostname or "").lower())) and place.port != 0
    except ValueError:
        plain = False
    if not plain or place.username or place.fragment or not value.isascii() or re.search(r"[\s\"'\\]", value):
        raise ValueError("must be the URL of an ACME directory, https://HOST[:PORT]/PATH")
    return value


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError("must be one address, such as ops@example.com")
    return value


def _variables(value: object) -> Mapping[str, SecretStr]:
    """Return name -> value of environment variables; what is wrong names a variable and never its value."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError("must be a mapping of the provider's variables, such as CLOUDFLARE_DNS_API_TOKEN, to values")
    found: dict[str, SecretStr] = {}
    for name, given in value.items():
        text = given.get_secret_value() if isinstance(given, SecretStr) else given
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name) or _OURS.match(name):
            raise ValueError(
                f"contains {name}, which is not a variable of a DNS provider: only A-Z, 0-9 and '_' are allowed"
            )
        if not isinstance(text, str) or not text or not text.strip("\r\n"):
            raise ValueError(f"{name} must be text in quotes, and not empty")
        if "\0" in text or "\r" in text:
            raise ValueError(f"{name} must not have control characters")
        found[name] = SecretStr(text.rstrip("\n"))
    return found


def _variables_file(value: object, info: ValidationInfo) -> Mapping[str, SecretStr]:
    return _variables(secret_yaml(value, info))


Directory = Annotated[str, AfterValidator(_directory)]
Email = Annotated[str, AfterValidator(_email)]
Variables = Annotated[dict[str, SecretStr], PlainValidator(_variables), OrOutput]
VariablesFile = Annotated[dict[str, SecretStr], PlainValidator(_variables_file)]
Resolver = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]+)(:[0-9]{1,5})?$")]


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


KeyId = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[\x21-\x7e]+$", max_length=500), OrOutput]
ChainName = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$", max_length=200)]


class Acme(CertificateSource):
    """Let's Encrypt, or another ACME CA. The server requests the certificate, and renews it.

    Rules:
        - `images.lego` is required.
        - The keys that start with `dns` only with `challenge: dns-01`, which requires `dnsProvider`.
        - `challenge: dns-01` is not possible if `domain` or an alias is an IP address.
        - `externalAccountKeyId` and `externalAccountKey` (or its file) go together.
        - `public: true` only with `authority`.
        - `authorities`, `authorityValidityDays`, `validityDays` and `renewalDays` are allowed here, and have no effect.

    Example:
        private-registry:certificate:
          source: acme
          email: ops@example.com
          challenge: dns-01
          dnsProvider: cloudflare
          dnsVariablesFile: keys/dns.yaml
        # Beside the other two images.
        private-registry:images:
          lego: goacme/lego:v4.35.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    """

    idle = frozenset({"authorities", "authorityValidityDays", "validityDays", "renewalDays"})
    is_asked_for_by_servers = True

    source: Literal["acme"] = "acme"
    authority: Certificates | None = None
    """The CA certificates that clients must trust, PEM. Not needed if their systems trust the CA already.

    Change: clients: clients refuse to remove the CA of the certificate in use.
    """
    public: bool = False
    """`true`: the systems of the clients trust the CA already; `authority` is installed in addition, to change from
    another `source`.

    Change: nothing: only the checks on the clients change.
    """
    directory: Directory = LETS_ENCRYPT
    """URL of the ACME directory. Default: Let's Encrypt.

    Change: restart: requests a new certificate.
    """
    directory_authority: Certificates | None = None
    """If the directory has a certificate of your own CA: that CA certificate, PEM.

    Change: restart.
    """
    directory_authority_file: CertificatesFile | None = None
    """The file that contains it."""
    email: Email | None = None
    """Address for messages of the CA.

    Change: restart: requests a new certificate.
    """
    external_account_key_id: KeyId | None = None
    """External account binding, if the CA requires it: the ID of the key.

    Change: restart: requests a new certificate.
    """
    external_account_key: SecretText | None = None
    """The key of the external account (HMAC, base64url). Set it with `--secret`.

    Change: restart: requests a new certificate.
    """
    external_account_key_file: SecretFile | None = None
    """The file that contains it."""
    challenge: Literal["http-01", "dns-01"] = "http-01"
    """How the CA verifies the name: `http-01` on port 80 of the server, `dns-01` by a DNS record.

    Change: restart: requests a new certificate. Port 80 is published, or is not any more.
    """
    dns_provider: Name | None = None
    """The DNS service for `dns-01`, by its name in lego: for example `cloudflare`, `route53` or `rfc2136`.

    Change: restart: requests a new certificate.
    """
    dns_variables: Variables | None = None
    """The environment variables that lego needs for this DNS service, such as an API token. Set each with `--secret`.

    Change: restart: requests a new certificate.
    """
    dns_variables_file: VariablesFile | None = None
    """A YAML file that contains them."""
    dns_resolvers: Annotated[tuple[Resolver, ...], Field(strict=False)] = ()
    """DNS servers, `HOST[:PORT]`, that are asked instead of those of the server.

    Change: restart: requests a new certificate.
    """
    dns_wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Wait so long after the record was created. 0: ask the DNS servers of the zone until they have it.

    Change: restart.
    """
    profile: Name | None = None
    """A certificate profile of the CA, for example `shortlived`.

    Change: restart: requests a new certificate.
    """
    preferred_chain: ChainName | None = None
    """If the CA offers several chains: the common name of the root in the wanted one.

    Change: restart: requests a new certificate.
    """
    key_type: KeyType = USUAL_KEY
    """Type of the server key.

    Change: restart: requests a new certificate.
    """
    rotation: Name | None = None
    """Change it to any new text, and the next update creates a new server key and certificate.

    Change: restart: requests a new certificate.
    """

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.external_account_key_id is None) != (self.bound_key is None):
            raise ValueError("externalAccountKeyId and externalAccountKey (or its file) must be set together")
        if self.public and self.trusted is None:
            raise ValueError("public cannot be used without authority: without it clients get no CA certificate anyway")
        if self.challenge == "dns-01" and self.dns_provider is None:
            raise ValueError("challenge: dns-01 needs dnsProvider, and most providers need dnsVariables")
        if self.challenge != "dns-01" and (told := self._of_dns()):
            raise ValueError(f"{told} cannot be used with challenge: {self.challenge}; remove it, or set dns-01")
        return self

    def _of_dns(self) -> str:
        given: Mapping[str, Any] = {
            "dnsProvider": self.dns_provider,
            "dnsVariables": self.dns_variables,
            "dnsVariablesFile": self.dns_variables_file,
            "dnsResolvers": self.dns_resolvers,
            "dnsWaitSeconds": self.dns_wait_seconds,
        }
        return next((key for key, value in given.items() if value), "")

    @property
    def variables(self) -> Mapping[str, SecretStr]:
        """The variables of the DNS provider, wherever they came from."""
        return either(self.dns_variables, self.dns_variables_file) or {}

    @property
    def bound_key(self) -> SecretStr | None:
        """The key of the account that the authority knows, wherever it came from."""
        return either(self.external_account_key, self.external_account_key_file)

    @property
    def directory_trusted(self) -> str | None:
        """The authority of the directory's certificate, PEM; None where lego's image has it."""
        return either(self.directory_authority, self.directory_authority_file)

    @property
    def renewal(self) -> Renewal:
        """Who sees to it that there is another one in time."""
        return Renewal("server")

    @property
    def is_public(self) -> bool:
        """Whether clients trust the issuer already."""
        return self.trusted is None or self.public

    @property
    def asked(self) -> str:
        """Who is asked for the certificate: the host of the directory, with its port."""
        return urlsplit(self.directory).netloc

    def limits(self, servers: int) -> Iterable[str]:
        """Return what a public authority may refuse so many servers, where its limit is reached."""
        # The directory of a team's own has a certificate that no image trusts.
        if servers > _A_WEEK and self.directory_authority is None and self.directory_authority_file is None:
            yield (
                f"each of the {servers} servers asks {self.asked} for a certificate of the same names, with dns-01 "
                f"too. Let's Encrypt gives {_A_WEEK} a week, and other public CAs have limits of their own: a change "
                f"that requests new ones stops at the server that is refused. List {_A_WEEK} servers at most, add the "
                "others a week later, or use one certificate for all with source: provided (docs/acme.md)"
            )

    def mistakes(self, domain: str, aliases: Sequence[str] = ()) -> Iterable[str]:
        """Return why clients would refuse what the authority gives, as far as that is known before."""
        if self.challenge == "dns-01" and any(map(is_ip_address, [domain, *aliases])):
            yield "challenge: dns-01 cannot be used for an IP address, which has no record in DNS; set http-01"
        if self.trusted:
            yield from authority_mistakes(self.trusted, domain)
