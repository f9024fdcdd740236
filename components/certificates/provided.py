"""Somebody brings the server certificate along; the settings have checked it."""

import pulumi

from ..settings import pem
from ..settings.certificates import Provided
from .certificate import Certificate, anchors, described, facts, judged


class ProvidedCertificate(Certificate):
    """A certificate that somebody brings along."""

    def __init__(
        self,
        name: str,
        source: Provided,
        domain: str,
        title: str,
        protect: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        del title, protect  # What is brought along can be brought again.
        known = judged(source, domain)
        public = pulumi.Output.unsecret(known)
        links = public.apply(lambda given: pem.certificates(given.given_chain))
        props = {
            "source": source.source,
            "names": [domain],
            "signer": links.apply(lambda links: links[0].issuer.rfc4514_string()),
            "anchors": pulumi.Output.all(links, public).apply(lambda both: anchors(both[0][-1], both[1].trusted)),
            "authorities": public.apply(lambda given: described(given.trusted)),
            "served": links.apply(lambda links: facts(links[0])),
        }
        super().__init__(name, opts, props)
        if source.public:
            pulumi.log.info("certificate.public is set: clients trust the issuer already, nothing is distributed", self)
        self.ca_certificate = None if source.public else public.apply(lambda given: given.trusted or "")
        self.server_certificate = public.apply(lambda given: given.given_chain)
        self.server_key = pulumi.Output.secret(
            known.apply(lambda given: f"{given.given_key.get_secret_value().strip()}\n")
        )
        self.register_outputs({"ca_certificate": self.ca_certificate})
