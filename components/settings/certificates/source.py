"""What sources of the server certificate have in common; each source is a file beside this one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from ...key_types import USUAL_KEY, KeyType
from ..chain import mistakes
from ..fields import Certificates, CertificatesFile, Chain, ChainFile, Name, ServerKey, ServerKeyFile
from ..section import Section, either
from .renewal import Renewal


class CertificateSource(Section):
    """Where the server certificate comes from."""

    idle: ClassVar[frozenset[str]] = frozenset()
    """Keys of other sources that may stay in the stack's file without effect, for the way back."""
    is_asked_for_by_servers: ClassVar[bool] = False
    """Whether each server asks for a certificate of its own, whose key stays there; else all have the same."""

    source: str
    authority: Certificates | None = None
    """The CA certificates that clients must trust, PEM.

    Change: clients: clients refuse to remove the CA of the certificate in use.
    """
    authority_file: CertificatesFile | None = None
    """The file that contains it."""

    @model_validator(mode="before")
    @classmethod
    def _without_idle(cls, given: Any) -> Any:
        is_section = isinstance(given, Mapping)
        return {key: value for key, value in given.items() if key not in cls.idle} if is_section else given

    @property
    def renewal(self) -> Renewal:
        """Who sees to it that there is another one in time."""
        return Renewal("you")

    @property
    def is_public(self) -> bool:
        """Whether clients trust the issuer already, though they may be given other authorities too."""
        return False

    @property
    def trusted(self) -> str | None:
        """What clients have to trust, PEM; None where nothing is given for them."""
        return either(self.authority, self.authority_file)

    def limits(self, servers: int) -> Iterable[str]:
        """Return what may keep so many servers from getting a certificate, one sentence each: of most, nothing."""
        return ()

    def mistakes(self, domain: str, aliases: Sequence[str] = ()) -> Iterable[str]:
        """Return why clients would refuse what is served for a domain and its aliases, one sentence each."""
        raise NotImplementedError


class Signed(CertificateSource):
    """A source that signs the server certificate, and renews it."""

    validity_days: Annotated[int, Field(ge=2, le=825)] = 365
    """Lifetime of the server certificate. It must be shorter than that of the CA. Mozilla's rules allow 366 days at
    most.

    Change: reload: a new server certificate with the same key.
    """
    renewal_days: Annotated[int, Field(ge=1)] = 30
    """An update renews the server certificate in its last days; this is their number.

    Change: nothing: only the time of the next renewal changes.
    """
    key_type: KeyType = USUAL_KEY
    """Type of the server key.

    Change: reload: a new server key and certificate.
    """
    rotation: Name | None = None
    """Change it to any new text, and the next update creates a new server key and certificate.

    Change: reload: a new server key and certificate.
    """

    @property
    def renewal(self) -> Renewal:
        """Who sees to it that there is another one in time."""
        return Renewal("update", self.renewal_days)

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
    """`true`: the system of each client already trusts the CA, so no CA certificate is installed.

    Change: clients: the CA certificates are removed, or installed.
    """

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
    """The certificates, each followed by that of its issuer, PEM.

    Change: reload: nginx uses it when all clients trust it.
    """
    chain_file: ChainFile | None = None
    """The file that contains them."""
    key: ServerKey | None = None
    """The private key of the first certificate of the chain, PEM, not encrypted. Set it with `--secret`.

    Change: reload: change it together with the chain.
    """
    key_file: ServerKeyFile | None = None
    """The file that contains it."""

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
