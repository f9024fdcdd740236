"""What sources of the server certificate have in common; each source is a file beside this one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from ..chain import mistakes
from ..fields import Certificates, CertificatesFile, Chain, ChainFile, Name, ServerKey, ServerKeyFile
from ..section import Section, either

KeyType = Literal["P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"]
"""Kinds of keys that all clients take."""
USUAL_KEY: KeyType = "P-256"


_BY_UPDATE = "an update in its last {} days"


def days_of(renewal: str) -> int | None:
    """Return in how many days before its end an update renews a certificate, of what ``renewal`` says; else None."""
    before, after = _BY_UPDATE.split("{}")
    days = renewal.removeprefix(before).removesuffix(after)
    return int(days) if days.isdecimal() and renewal == _BY_UPDATE.format(days) else None


class CertificateSource(Section):
    """Where the server certificate comes from."""

    idle: ClassVar[frozenset[str]] = frozenset()
    """Keys of other sources that may stay in the stack's file without effect, for the way back."""

    source: str
    authority: Certificates | None = None
    """What clients have to trust, PEM."""
    authority_file: CertificatesFile | None = None
    """Or the file that holds it."""

    @model_validator(mode="before")
    @classmethod
    def _without_idle(cls, given: Any) -> Any:
        is_section = isinstance(given, Mapping)
        return {key: value for key, value in given.items() if key not in cls.idle} if is_section else given

    @property
    def renewal(self) -> str:
        """Who sees to it that there is another one in time."""
        return "you, with a new chain and key"

    @property
    def is_public(self) -> bool:
        """Whether clients trust the issuer already, though they may be given other authorities too."""
        return False

    @property
    def trusted(self) -> str | None:
        """What clients have to trust, PEM; None where nothing is given for them."""
        return either(self.authority, self.authority_file)

    def mistakes(self, domain: str, aliases: Sequence[str] = ()) -> Iterable[str]:
        """Return why clients would refuse what is served for a domain and its aliases, one sentence each."""
        raise NotImplementedError


class Signed(CertificateSource):
    """A source that signs the server certificate, and renews it."""

    validity_days: Annotated[int, Field(ge=2, le=825)] = 365
    """How long the server certificate lives; below the authority's life. Mozilla's profile wants 366 or less."""
    renewal_days: Annotated[int, Field(ge=1)] = 30
    """How many days before its end an update replaces the server certificate."""
    key_type: KeyType = USUAL_KEY
    """Of the server's key; another one makes a new key and certificate at once."""
    rotation: Name | None = None
    """Any text; another one makes a new server key and certificate at once."""

    @property
    def renewal(self) -> str:
        """Who sees to it that there is another one in time."""
        return _BY_UPDATE.format(self.renewal_days)

    @model_validator(mode="after")
    def _renewal_is_rare(self) -> Self:
        if self.renewal_days >= self.validity_days:
            raise ValueError(
                "renewalDays must be below validityDays, otherwise every update would renew the certificate"
            )
        return self


class Given(CertificateSource):
    """A source that is given a chain of certificates and the key of its first one; in which keys, its class says."""

    also_trusted: ClassVar[str] = ""
    """Where else than in ``authority`` stands what clients have to trust."""

    public: bool = False
    """Clients trust the issuer already, so nothing is distributed."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := self.missing:
            raise ValueError(f"source: {self.source} needs {missing}")
        authority = either(self.authority, self.authority_file)
        if self.public and authority is not None:
            raise ValueError("authority cannot be used together with public: true; remove one of them")
        if not self.public and (self.trusted if self.is_known else authority) is None:
            raise ValueError(f"source: {self.source} needs either authority or authorityFile{self.also_trusted}")
        return self

    @property
    def missing(self) -> str:
        """The keys of chain or key where neither is given that could be; nothing where both are there."""
        return ""

    @property
    def given_chain(self) -> str:
        """The certificates, each issuer after the one it issued, PEM."""
        raise NotImplementedError

    @property
    def given_key(self) -> SecretStr:
        """The private key of the chain's first certificate, PEM, not encrypted."""
        raise NotImplementedError

    def mistakes(self, domain: str, aliases: Sequence[str] = ()) -> Iterable[str]:
        """Return why clients would refuse the chain where it is served as it is given."""
        return mistakes(domain, self.given_chain, self.given_key.get_secret_value(), self.trusted, aliases)


class ChainAndKey(Given):
    """A source with a key for the chain and one for the private key."""

    chain: Chain | None = None
    """The certificates, each issuer after the one it issued, PEM."""
    chain_file: ChainFile | None = None
    """Or the file that holds them."""
    key: ServerKey | None = None
    """The private key of the chain's first certificate, PEM, not encrypted; set it with --secret."""
    key_file: ServerKeyFile | None = None
    """Or the file that holds it."""

    @property
    def missing(self) -> str:
        """The keys of chain or key where neither is given."""
        given = {"chain": either(self.chain, self.chain_file), "key": either(self.key, self.key_file)}
        return next((f"either {key} or {key}File" for key, value in given.items() if value is None), "")

    @property
    def given_chain(self) -> str:
        """The chain, wherever it came from."""
        return either(self.chain, self.chain_file) or ""

    @property
    def given_key(self) -> SecretStr:
        """The key, wherever it came from."""
        return either(self.key, self.key_file) or SecretStr("")
