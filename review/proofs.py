"""What clients prove, and what is removed after that, as the one resource says it that the proof of all of them is."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from review import clients, former_clients
from review.client import ENTRY, IN_STATE_ALONE, Client, in_order, mapping, steps_of, wanted_of
from review.events import Preview, State, Step
from review.impact import Impact
from review.waiting import TRUST


def verification(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which clients prove themselves, and what is removed that an earlier update has left."""
    found = [*_left_over(step, preview), *_proofs(step, preview)]
    trusts = preview.find(TRUST)
    # What clients need no more is told of with their trust.
    is_told = trusts is not None and trusts.op != "same" and any(clients.trust(trusts, preview))
    yield from found or ([IN_STATE_ALONE] if step.op == "update" and not is_told else [])


def _proofs(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which clients prove themselves: those that have not, for whatever makes them do it now."""
    wanted = mapping(step.new.inputs.get("hosts")) if step.op != "delete" else {}
    staying, former = _clients(preview), former_clients.verified(preview, step)
    proven, known = _proven(step.old), mapping(step.old.inputs.get("hosts"))
    for host in in_order({*wanted, *known, *former}):
        by = _by(step.new, host) if host in wanted else None
        if host in wanted and (by is None or proven.get(host) != by):
            effect = "verified again" if host in proven or host in former else "verified"
            yield Impact(host, _steps(step.new, wanted[host]), effect)
        elif host in staying and host not in wanted:
            steps = _steps(step.old, known[host]) if host in known else former[host]
            yield Impact(host, steps, "no longer verified")


def _left_over(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what is removed that an earlier update should have removed."""
    trusts, staying = preview.find(TRUST), _clients(preview)
    away = step.old.outputs.get("removed") or ()
    for entry in trusts.old.outputs.get("dropped") or () if trusts else ():
        if entry["name"] not in away and not _is_wanted(entry, staying.get(entry["host"], Client())):
            what = "its hosts entry" if entry["bundle"] == ENTRY else f"its files ({entry['bundle']})"
            yield Impact(entry["host"], f"removed: {what}", "left over from an earlier update")


def _is_wanted(entry: Mapping[str, Any], client: Client) -> bool:
    place = entry["record"]["place"]
    known_as = place.get("registry") or place.get("reference")
    is_placed = entry["bundle"] in client.bundles and known_as in (None, *client.names[:1])
    return is_placed or (entry["bundle"] == ENTRY and bool(client.entry))


def _clients(preview: Preview) -> Mapping[str, Client]:
    """Return what is to be on the clients that stay."""
    trusts = preview.find(TRUST)
    return wanted_of(trusts.new) if trusts and trusts.op != "delete" else {}


def _proven(state: State) -> Mapping[str, str | None]:
    """Return client -> what made it prove itself."""
    proven = state.outputs.get("proven")
    if isinstance(proven, dict):
        return {host: one.get("by") for host, one in proven.items()}
    return {host: _by(state, host) for host in mapping(state.inputs.get("hosts"))}


def _by(state: State, host: str) -> str | None:
    """Return what makes a client prove itself; None where only the update will know."""
    generation = state.text("generation")
    return None if generation is None else " ".join([generation, *state.inputs["hosts"][host]])


def _steps(state: State, runtimes: Iterable[str]) -> str:
    return steps_of(mapping(state.inputs.get("verify")), runtimes)
