"""How one client proves that it trusts the registry. It knows no resource."""

from collections.abc import Mapping, Sequence

from ..hosts.connections import Failed, succeeding
from ..hosts.host import shell
from ..hosts.session import Run
from ..scripts.script import with_payload, words
from . import RUNTIMES
from .placing import Record
from .runtime import Known


def steps(known: Known, runtimes: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return runtime -> what is proven, in order."""
    return {runtime: RUNTIMES[runtime].proof(known, "").steps for runtime in runtimes}


async def prove(
    run: Run,
    sudo: bool,
    known: Known,
    runtimes: Sequence[str],
    user: str,
    password: str,
    placed: Mapping[str, Record] | None = None,
) -> str:
    """Let each runtime of a client prove itself; return what was proven.

    Args:
        run: Runs commands on the client.
        sudo: Whether they become root.
        known: The registry.
        runtimes: Which.
        user: Who logs in.
        password: With what.
        placed: What the records of the client say of each runtime.

    Raises:
        Failed: A step of a runtime failed; the reasons name it. The other runtimes prove themselves all the same.
    """
    said, failed = [], []
    for runtime in runtimes:
        by = RUNTIMES[runtime]
        proof = by.proof(known, user)
        payload = proof.payload(password) if proof.payload else {}
        said_there = _where(proof.words, known.reference, (placed or {}).get(runtime, {}))
        line = f"{shell(sudo and not by.is_of_user)}{words(**said_there)}"
        try:
            said.append((await succeeding(run, line, with_payload(proof.script, payload, proof.parts))).strip())
        except Failed as error:
            failed += error.reasons
    if failed:
        raise Failed(*failed)
    return "; ".join(said)


def _where(said: Mapping[str, str], reference: str, record: Record) -> Mapping[str, str]:
    """Return the words of a proof, with the file of authorities that was really written.

    On a host with settings of its own it may be elsewhere than a runtime has it by itself.
    """
    given = said.get("authority", "")
    written = [path for path in record.get("files") or {} if path.endswith(".crt")]
    if not written or not given.startswith("/") or given in written:
        return said
    host, _, port = reference.rpartition(":")
    folders = (f"/{reference}/", f"/{host}_{port}_/")
    found = next((path for path in written if any(folder in path for folder in folders)), written[0])
    return {**said, "authority": found}
