"""An authority of the team's own, whose key the stack is given, signs the server certificate."""

import pulumi

from ..settings import pem
from ..settings.certificates import SigningAuthority
from .certificate import Certificate, anchors, described, judged
from .signed import Signer, lives, server_certificate


class SigningAuthorityCertificate(Certificate):
    """A server certificate that an authority of the team's own signs: nginx serves it with the intermediate ones."""

    def __init__(
        self,
        name: str,
        source: SigningAuthority,
        domain: str,
        title: str,
        protect: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        del title, protect  # The team has the authority, and another server certificate can be made at any time.
        known = judged(source, domain)
        public = pulumi.Output.unsecret(known)
        links = public.apply(lambda given: pem.certificates(given.given_chain))
        props = {
            "source": source.source,
            "names": [domain],
            "signer": links.apply(lambda links: links[0].subject.rfc4514_string()),
            "anchors": pulumi.Output.all(links, public).apply(lambda both: anchors(both[0][-1], both[1].trusted)),
            "authorities": public.apply(lambda given: described(given.trusted)),
            **lives(source),
        }
        super().__init__(name, opts, props)
        if source.public:
            pulumi.log.info("certificate.public is set: clients trust the issuer already, nothing is distributed", self)
        key: pulumi.Output[str] = pulumi.Output.secret(known.apply(lambda given: given.given_key.get_secret_value()))
        signer = Signer(public.apply(lambda given: given.signer), key)
        self.server_key, server = server_certificate(self, name, domain, source, signer)
        self.server_certificate = pulumi.Output.concat(server.cert_pem, public.apply(lambda given: given.intermediates))
        self.ca_certificate = None if source.public else public.apply(lambda given: given.trusted or "")
        self.register_outputs({"ca_certificate": self.ca_certificate})
