"""Proof that one of several servers serves, before the next one is changed."""

from typing import Any

import pulumi

from ..component import TYPES
from ..ordering import Awaited, Step
from ..settings.model import VERIFICATION_USER
from .runtime import Known
from .trust import said_of_registry


class ServerProof(Awaited):
    """What a client sees that reaches the registry through one server, whatever its own programs would choose.

    It says of itself: ``registry``, as clients know it; the ``server``; its ``address`` and ``port``;
    and whether nginx waits for a header there, ``proxyProtocol``.
    """

    proven: pulumi.Output[Any]

    def __init__(
        self,
        name: str,
        server: str,
        where: tuple[str, int],
        is_behind_balancer: bool,
        registry: Known,
        password: pulumi.Input[str],
        generation: pulumi.Input[str],
        depends_on: pulumi.Output[list[Step]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        address, port = where
        props = {
            "registry": said_of_registry(registry),
            "server": server,
            "address": address,
            "port": port,
            **({"proxyProtocol": True} if is_behind_balancer else {}),
            "user": VERIFICATION_USER,
            "password": pulumi.Output.secret(password),
            "generation": generation,
            "proven": None,
        }
        more = pulumi.ResourceOptions(depends_on=depends_on)
        super().__init__(f"{TYPES}ServerProof", name, props, pulumi.ResourceOptions.merge(opts, more))

    @property
    def outcome(self) -> pulumi.Output[Any]:
        """What is known once the server is proven, and unknown where that failed."""
        return self.proven
