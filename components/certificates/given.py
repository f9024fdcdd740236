"""A chain of certificates that the stack is given: what is said of it, and what clients get for it."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import pulumi

from ..settings import pem
from ..settings.certificates import Given
from .certificate import Certificate, CertificateArgs, anchors, described, facts, in_bundle, judged

Source = TypeVar("Source", bound=Given)


class GivenChain(Generic[Source]):
    """What is known of a chain that is given."""

    def __init__(self, source: Source, known: pulumi.Output[Source]) -> None:
        self._source = source
        # No secret for the key beside it.
        self.source = pulumi.Output.unsecret(known)
        self.links = self.source.apply(lambda given: pem.certificates(given.given_chain))

    def trust(self) -> Mapping[str, pulumi.Input[object]]:
        """Return what a component says of the authorities."""
        both = pulumi.Output.all(self.links, self.source)
        return {
            "anchors": both.apply(lambda both: anchors(both[0][-1], both[1].trusted)),
            "authorities": self.source.apply(lambda given: described(given.trusted)),
        }

    def distributed(self, component: Certificate) -> pulumi.Output[str] | None:
        """Return the authorities that clients get, PEM; None, and say so, where they trust the issuer already."""
        if self._source.public:
            text = "certificate.public is set: clients trust the issuer already, nothing is distributed"
            pulumi.log.info(text, component)
            return None
        return self.source.apply(lambda given: given.trusted or "")


class GivenCertificate(Certificate):
    """A server certificate that is served as it is given; each source of one has a class of its own below."""

    def __init__(
        self,
        name: str,
        source: Given,
        args: CertificateArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        known = judged(source, *args.names)
        chain = GivenChain(source, known)
        props = {
            "source": source.source,
            "names": args.names,
            "signer": chain.links.apply(lambda links: links[0].issuer.rfc4514_string()),
            "served": chain.links.apply(lambda links: facts(links[0])),
            **chain.trust(),
        }
        super().__init__(name, opts, props)
        self.ca_certificate = chain.distributed(self)
        self.pair = in_bundle(
            chain.source.apply(lambda given: given.given_chain),
            pulumi.Output.secret(known.apply(lambda given: f"{given.given_key.get_secret_value().strip()}\n")),
        )
        self.until = chain.links.apply(lambda links: facts(links[0])["until"])
        self.before_nginx = [self]
        self.register_outputs({"ca_certificate": self.ca_certificate})
