"""One client host that trusts the registry."""

import pulumi

from components.component import Component
from components.gate import Command
from components.host_files import File, Host, HostFiles
from components.seed import Seed

CERTS_D = "/etc/docker/certs.d"
"""Where Docker looks for authorities, in a folder named as images name the registry
(https://docs.docker.com/engine/security/certificates/)."""


class ClientTrust(Component):
    """``ca.crt`` in ``certs.d``, and an entry in the hosts file where one is asked for.

    ``authority`` is the file that the client trusts by, or None where it trusts the issuer already.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        reference: str,
        ca_certificate: pulumi.Input[str] | None,
        seed: Seed,
        hosts_entry: tuple[str, str] | None = None,
        depends_on: pulumi.Output[list[Command]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        directory = f"{CERTS_D}/{reference}"
        files = {"ca.crt": File(ca_certificate)} if ca_certificate else {}
        self.commands: list[Command] = []
        """What places the files, if there are any to place."""
        if files or hosts_entry:
            known_as = reference if files else ""
            placed = HostFiles(name, host, directory, files, seed, hosts_entry, known_as, opts=self.child(depends_on))
            self.commands.append(placed.command)
        self.authority = f"{directory}/ca.crt" if files else None
        self.register_outputs({"authority": self.authority})
