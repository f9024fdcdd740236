"""Proof that clients get what the stack promises."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from ..component import TYPES
from ..settings import Client
from ..settings.model import VERIFICATION_USER
from .proving import steps
from .runtime import Known
from .trust import said_of_registry


class ClientsVerification(pulumi.CustomResource):
    """What each client proves, and the end of what clients need no more.

    A client proves itself again only when ``generation`` changes, or what it trusts by. A failure fails the update and
    names the client and the step.

    It says of itself: ``registry``, ``hosts`` (client -> runtimes, of those that prove themselves), and what these
    ``verify`` (runtime -> steps, in order).
    """

    proven: pulumi.Output[Mapping[str, Any]]

    def __init__(
        self,
        name: str,
        clients: Sequence[Client],
        registry: Known,
        password: pulumi.Input[str],
        generation: pulumi.Input[str],
        depends_on: Sequence[pulumi.Resource] | pulumi.Output[list[Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        used = dict.fromkeys(runtime for client in clients for runtime in client.runtimes)
        props = {
            "registry": said_of_registry(registry),
            "hosts": {client.host: list(client.runtimes) for client in clients},
            "verify": {runtime: list(proven) for runtime, proven in steps(registry, list(used)).items()},
            "user": VERIFICATION_USER,
            "password": pulumi.Output.secret(password),
            "generation": generation,
            "proven": None,
        }
        more = pulumi.ResourceOptions(depends_on=depends_on)
        super().__init__(f"{TYPES}ClientsVerification", name, props, pulumi.ResourceOptions.merge(opts, more))

    @property
    def said(self) -> pulumi.Output[dict[str, str]]:
        """Client -> what it has proven."""
        return self.proven.apply(lambda found: {host: one["said"] for host, one in (found or {}).items()})
