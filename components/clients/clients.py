"""All clients of a registry: their trust, before anything is served that needs it, and their proof, after."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from ..component import Component
from ..ordering import Step
from ..settings import Client, Settings
from .provider import ClientsProvider
from .runtime import Known
from .server_proof import ServerProof
from .trust import ClientsTrust, Password, trusts_by
from .verification import ClientsVerification


class Clients:
    """What works on the clients of a registry; nothing is declared where it has none."""

    def __init__(
        self, name: str, settings: Settings, registry: Known, logins: Mapping[str, Password], parent: Component
    ) -> None:
        """Know the clients.

        Args:
            name: Of the registry.
            settings: What is configured.
            registry: The registry, as clients know it.
            logins: User -> password, of those that clients log in as.
            parent: The component above.
        """
        self._logins = logins
        self._name, self._settings, self._registry = name, settings, registry
        self._clients = settings.all_clients
        self._opts = parent.child()
        if self._clients:
            self._opts.provider = ClientsProvider(f"{name}-provider", parent.child())
        self._trusted_by: list[Step] = []

    @property
    def trusting(self) -> dict[str, str]:
        """Client -> what it trusts by, for people."""
        return {client.host: trusts_by(client, self._registry) for client in self._clients}

    def trust(
        self, ca_certificate: pulumi.Input[str] | None, awaited: pulumi.Output[list[Step]] | None
    ) -> Sequence[Step]:
        """Declare their trust; return what has to succeed before something of a new authority is served."""
        if self._clients:
            trust = ClientsTrust(
                f"{self._name}-trust",
                self._clients,
                self._registry,
                ca_certificate,
                self._settings.host_names,
                self._settings.clients_share,
                self._settings.clients_at_once,
                self._logins,
                list(self._settings.caches),
                awaited,
                self._opts,
            )
            self._trusted_by = [trust]
        return self._trusted_by

    def prove_server(
        self,
        name: str,
        server: str,
        address: str,
        password: pulumi.Input[str],
        generation: pulumi.Input[str],
        failed: pulumi.Output[list[Step]],
    ) -> ServerProof | None:
        """Declare a client's proof that one of several servers serves; None where no client verifies anything.

        Args:
            name: Of the resource.
            server: What people call the server.
            address: Where it is reached.
            password: Of the stack's own user.
            generation: What changes with all that serves there.
            failed: What the proof waits for, and is not tried after.
        """
        if not self._clients or not self._settings.verification:
            return None
        where = (address, self._settings.https_port)
        is_behind_balancer = bool(self._settings.proxy_protocol)
        return ServerProof(
            name, server, where, is_behind_balancer, self._registry, password, generation, failed, self._opts
        )

    def verify(
        self, password: pulumi.Input[str], generation: pulumi.Input[str], proven: Sequence[pulumi.Resource]
    ) -> pulumi.Output[dict[str, Any]]:
        """Declare their proof, after what it proves; return client -> what it has proven."""
        if not self._clients:
            return pulumi.Output.from_input({})
        verification = ClientsVerification(
            f"{self._name}-verification",
            sample(self._clients, self._settings.verification_share) if self._settings.verification else [],
            self._registry,
            password,
            generation,
            [*proven, *self._trusted_by],
            self._opts,
        )
        return verification.said


def sample(clients: Sequence[Client], share: int) -> list[Client]:
    """Return a percentage of clients, at least one: by a digest of each, so that few change when clients come or go."""
    count = -(-len(clients) * share // 100)
    chosen = sorted(clients, key=lambda client: hashlib.sha256(client.host.encode()).digest())[:count]
    return [client for client in clients if client in chosen]
