"""Proof that a client gets what the stack promises."""

from collections.abc import Sequence

import pulumi

from ..component import Component
from ..hosts import Host
from ..scripts.script import with_payload, words
from ..settings.model import VERIFICATION_USER
from . import RUNTIMES
from .runtime import Known, Proof
from .trust import suffix_of


class Verification(Component):
    """What each of the client's runtimes proves, by a command of its own.

    It runs again only when ``generation`` or the authority changes. A failure fails the update and names the step.

    It says of itself: ``host``, ``registry`` (the reference that images start with), and what it ``verifies``
    (runtime -> steps, in order).
    """

    def __init__(
        self,
        name: str,
        host: Host,
        runtimes: Sequence[str],
        registry: Known,
        password: pulumi.Input[str],
        generation: pulumi.Input[str],
        depends_on: pulumi.Output[list[pulumi.Resource]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        proofs = {runtime: RUNTIMES[runtime].proof(registry, VERIFICATION_USER) for runtime in runtimes}
        verifies = {runtime: list(proof.steps) for runtime, proof in proofs.items()}
        super().__init__(name, opts, {"host": host.name, "registry": registry.reference, "verifies": verifies})
        commands = [
            host.run(
                f"{name}{suffix_of(runtime)}",
                _script(proof, password),
                pulumi.Output.concat(words(**proof.words), " generation=", generation),
                opts=self.child(depends_on=depends_on),
            )
            for runtime, proof in proofs.items()
        ]
        self.result = pulumi.Output.unsecret(pulumi.Output.all(*(one.stdout for one in commands)).apply("; ".join))
        self.register_outputs({})


def _script(proof: Proof, password: pulumi.Input[str]) -> pulumi.Input[str]:
    payload = proof.payload
    if payload is None:
        return with_payload(proof.script, {}, proof.parts)
    known = pulumi.Output.secret(password)
    return known.apply(lambda text: with_payload(proof.script, payload(text), proof.parts))
