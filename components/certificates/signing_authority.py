"""An authority of the team's own, whose key the stack is given, signs the server certificate."""

import pulumi

from ..settings.certificates import SigningAuthority
from .certificate import Certificate, CertificateArgs, end_of_first, in_bundle, judged
from .given import GivenChain
from .signed import Signer, lives, server_certificate


class SigningAuthorityCertificate(Certificate):
    """A server certificate that an authority of the team's own signs: nginx serves it with the intermediate ones."""

    def __init__(
        self,
        name: str,
        source: SigningAuthority,
        args: CertificateArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        known = judged(source, *args.names)
        chain = GivenChain(source, known)
        props = {
            "source": source.source,
            "names": args.names,
            "signer": chain.links.apply(lambda links: links[0].subject.rfc4514_string()),
            **chain.trust(),
            **lives(source),
        }
        super().__init__(name, opts, props)
        key: pulumi.Output[str] = pulumi.Output.secret(known.apply(lambda given: given.given_key.get_secret_value()))
        signer = Signer(chain.source.apply(lambda given: given.signer), key)
        server_key, server = server_certificate(self, name, args.names, source, signer)
        intermediates = chain.source.apply(lambda given: given.intermediates)
        self.pair = in_bundle(pulumi.Output.concat(server.cert_pem, intermediates), server_key)
        self.until = end_of_first(server.cert_pem)
        self.before_nginx = [self]
        self.ca_certificate = chain.distributed(self)
        self.register_outputs({"ca_certificate": self.ca_certificate})
