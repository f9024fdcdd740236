"""How one client proves that it trusts the registry. It knows no resource."""

from collections.abc import Mapping, Sequence

from ..hosts.connections import Failed
from ..hosts.host import shell
from ..hosts.session import Run, reason
from ..scripts.script import with_payload, words
from . import RUNTIMES
from .runtime import Known


def steps(known: Known, runtimes: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return runtime -> what is proven, in order."""
    return {runtime: RUNTIMES[runtime].proof(known, "").steps for runtime in runtimes}


async def prove(run: Run, sudo: bool, known: Known, runtimes: Sequence[str], user: str, password: str) -> str:
    """Let each runtime of a client prove itself; return what was proven.

    Raises:
        Failed: A step of a runtime failed; the reasons name it. The other runtimes prove themselves all the same.
    """
    said, failed = [], []
    for runtime in runtimes:
        found = RUNTIMES[runtime]
        proof = found.proof(known, user)
        payload = proof.payload(password) if proof.payload else {}
        line = f"{shell(sudo and not found.is_of_user)}{words(**proof.words)}"
        answer = await run(line, with_payload(proof.script, payload, proof.parts))
        if answer.status == 0:
            said.append(answer.output.strip())
        else:
            failed.append(reason(answer))
    if failed:
        raise Failed(*failed)
    return "; ".join(said)
