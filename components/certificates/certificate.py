"""What every source of the server certificate gives the stack, and what it says of itself."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from .. import last_update
from ..component import Component
from ..containers.container import ContainerArgs
from ..hosts import File
from ..ordering import Command, Step
from ..proxy.pair import Pair
from ..settings import pem
from ..settings.certificates import CertificateSource
from ..settings.chain import issued

Source = TypeVar("Source", bound=CertificateSource)
_AUTHORITY = "tls:index/selfSignedCert:SelfSignedCert"
Described = dict[str, dict[str, str]]
"""Name -> what is known of a certificate."""


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    """What a certificate is for, and what a source finds that needs the server."""

    domain: str
    title: str
    """What the names of authorities start with that the stack makes."""
    protect: bool
    """Whether the engine refuses to remove what can't be made again."""
    delete_data: bool
    """Whether a destroy deletes what can be made again at the cost of others."""
    container: ContainerArgs
    """Of a container that asks for certificates."""
    nginx_image: str
    bind_addresses: Sequence[str]
    """Where nginx listens; empty for all addresses."""
    reference: str
    """HOST[:PORT], what image names start with."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Another name of the same -> what image names start with by that."""
    others: Sequence[str] = ()
    """The IP addresses or DNS names of the other servers, to which the names lead too."""
    after: pulumi.Output[list[Step]] | None = None
    """What has failed of that which answers an authority on the servers before; None on the first one."""

    @property
    def names(self) -> list[str]:
        """What the certificate is for; the domain first."""
        return [self.domain, *self.aliases]


class Certificate(Component):
    """What nginx serves, and what clients have to trust.

    What each source says of itself has the same keys, so that a review need not know the source:

    - ``source``; ``names`` that the certificate is for;
    - ``signer``: who signs it, ``anchors``: by which of the authorities clients know it;
    - ``authorities``: what clients are to trust. One that the stack makes has its name in the settings for a key, and
      says its common name; one that is given has its subject, and says fingerprint and end;
    - ``served``: fingerprint and end of a certificate that is given;
    - ``validityDays``, ``renewalDays`` and ``rotation`` of one that the stack makes, and ``keyType`` of an unusual key;
    - ``renewal``: who sees to it that there is another one in time, where the server does so by itself.

    The output ``authorities`` has fingerprint and end of those that the stack makes too.
    """

    ca_certificate: pulumi.Output[str] | None
    """All authorities, PEM; None where clients trust the issuer already."""
    pair: Pair
    """What nginx serves with."""
    until: pulumi.Output[str] | None = None
    """When the server certificate ends; None where the stack does not know."""
    before_nginx: Sequence[pulumi.Resource]
    """What must not be deleted by an update in which nginx can't have its address."""
    made: Sequence[pulumi.Resource] = ()
    """Authorities that the stack makes."""
    answering: Sequence[Step] = ()
    """What has succeeded once something answers an authority that is asked, on whichever server."""

    def ask(self, after: pulumi.Output[list[Step]] | None, answering: Sequence[Step]) -> None:
        """Declare what gets the certificate, where its server asks for it: of most sources nothing does.

        Args:
            after: What nothing is asked for before, and what failed of it; None on the first server.
            answering: What has to have ended on all servers.
        """

    def keep_renewed(self, served: Command) -> None:
        """Declare what renews the certificate on the server, once nginx serves it: of most sources nothing does."""

    async def is_missed_without(self, failed: Sequence[Step]) -> bool:
        """Return whether something of the certificate before would be missed, if it went although commands failed."""
        if any(one in failed for one in self.pair.obtained):
            return True
        own = {str(await one.urn.future()) for one in self.made}
        return gives_up(str(await self.urn.future()), own, await last_update.outputs())


def gives_up(certificate: str, authorities: Collection[str], state: Iterable[str] | None) -> bool:
    """Return whether a state has what a certificate needs to be served on, and what is not declared any more.

    That is another source, or an authority of the stack's own. It is so of a state that nobody knows, too.

    Args:
        certificate: The URN of the component.
        authorities: Those of the authorities that the stack makes.
        state: The URNs of the last update.
    """
    if state is None:
        return True
    kinds, name = certificate.split("::", 3)[2:]
    above = kinds.rpartition("$")[0]
    for urn in state:
        found, called = urn.split("::", 3)[2:]
        is_source = _are_of_one(called, name) and found.rpartition("$")[0] == above and found != kinds
        is_authority = found == f"{kinds}${_AUTHORITY}" and called.startswith(f"{name}-")
        if is_source or (is_authority and urn not in authorities):
            return True
    return False


def _are_of_one(called: str, name: str) -> bool:
    """Return whether two names are of certificates of one registry: that of a server has the server's name in it."""
    ends = "certificate"
    starts = sorted([called.removesuffix(ends), name.removesuffix(ends)], key=len)
    return called.endswith(ends) and name.endswith(ends) and starts[1].startswith(starts[0])


def in_bundle(certificate: pulumi.Output[str], key: pulumi.Output[str]) -> Pair:
    """Return a certificate (PEM, with its chain) and its key (PEM, secret) as files that nginx loads."""
    return Pair(files={"server.crt": File(certificate), "server.key": File(key, mode="0600")})


def judged(source: Source, domain: str, *aliases: str) -> pulumi.Output[Source]:
    """Return the source with what other resources give it, judged as one that is configured.

    The Output fails with a ``pulumi.RunError`` where clients would refuse the certificate.
    """
    if source.is_known:
        # The settings have judged it.
        return pulumi.Output.from_input(source)

    def judge(known: Source) -> Source:
        found = list(known.mistakes(domain, aliases))
        if found:
            raise pulumi.RunError("certificate: " + "; ".join(found))
        return known

    return source.known().apply(judge)


def described(certificates: str | None) -> Described:
    """Return subject -> fingerprint and end of each certificate of a PEM text."""
    found = pem.certificates(certificates) if certificates else []
    subjects = Counter(map(_subject, found))
    return {_distinct(one, subjects): facts(one) for one in found}


def ends(server: str | None, authorities: str | None) -> dict[str, str]:
    """Return when the server certificate ends, if that is known, and each of the authorities (PEM)."""
    own = {"server certificate": server} if server else {}
    return {**own, **{name: known["until"] for name, known in described(authorities).items()}}


def facts(certificate: x509.Certificate) -> dict[str, str]:
    """Return what tells a certificate from all others, and how long it lives."""
    end = certificate.not_valid_after_utc
    return {"sha256": certificate.fingerprint(SHA256()).hex(), "until": f"{end:%Y-%m-%dT%H:%M:%SZ}"}


def end_of_first(chain: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return when the first certificate of a chain (PEM) ends."""
    return chain.apply(lambda text: facts(pem.certificates(text)[0])["until"])


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _distinct(certificate: x509.Certificate, subjects: Mapping[str, int]) -> str:
    """Return the subject, with a part of the fingerprint where several share it."""
    name = _subject(certificate)
    return name if subjects[name] == 1 else f"{name} ({facts(certificate)['sha256'][:8]})"


def anchors(last: x509.Certificate, authorities: str | None) -> Sequence[str]:
    """Return the names of the authorities by which clients know a chain that ends so."""
    found = pem.certificates(authorities) if authorities else []
    names = described(authorities)
    return [name for name, one in zip(names, found, strict=True) if one == last or issued(last, one)]
