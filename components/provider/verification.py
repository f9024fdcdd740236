"""The proof of all clients as one resource, and the end of what they need no more."""

from collections.abc import Sequence
from typing import Any

from ..clients.placing import place
from ..clients.proving import prove
from .fleet import Fleets, known_of, reach_of
from .kind import Failures, Kind, Last, Result, Tell, Values, differing
from .removal import Entry, remove

ALONE = "their trust is not part of this update; leave out --target and --exclude"
"""Why nobody knows the clients."""


class Verification(Kind):
    """Takes away what clients need no more, now that the proxy does without, and lets them prove themselves.

    A client proves itself again when the ``generation`` is another one, or what it trusts by. The outputs:

    - ``proven``: client -> ``by``, what made it prove itself, and ``said``;
    - ``removed``: the names of what was taken away of what their trust has dropped.
    """

    name = "ClientsVerification"
    still_works = "the registry and all other clients. Only the test from this client failed."

    def __init__(self, fleets: Fleets) -> None:
        self._fleets = fleets

    def changed(self, last: Last, inputs: Values) -> list[str]:
        """Return what differs, ``proven`` where a proof is missing, and ``removed`` where something is left."""
        self._fleets.of(inputs).removed = list(last.outputs.get("removed") or [])
        found = differing(last, inputs)
        if not found and self._unproven(last, inputs):
            found = ["proven"]
        return [*found, "removed"] if self._left(last, inputs) else found

    async def update(self, last: Last, inputs: Values, tell: Tell) -> Result:
        """Remove, and then prove."""
        fleet = self._fleets.of(inputs)
        if not fleet.inputs:
            return Result(last.outputs, {"all clients": [ALONE]})
        left = self._left(last, inputs)
        failed = await remove(fleet, left, fleet.texts, tell, fleet.placed)
        away = {entry["name"] for entry in left if entry["host"] not in failed} | {*(last.outputs.get("removed") or [])}
        fleet.removed = sorted(entry["name"] for entry in fleet.dropped if entry["name"] in away)
        hosts = self._unproven(last, inputs)
        proven = {host: one for host, one in _proven(last).items() if host in inputs["hosts"] and host not in hosts}
        known, is_lost = known_of(inputs), not last.outputs and not fleet.is_updated

        async def work(host: str) -> None:
            reach, runtimes = reach_of(fleet.inputs, host), inputs["hosts"][host]
            run, placed = await fleet.run(reach), fleet.placed.get(host, {})
            if is_lost:
                # A removal of everything that failed halfway has left a state that says more than is there.
                await place(run, reach["sudo"], {}, placed, fleet.texts)
            said = await prove(run, reach["sudo"], known, runtimes, inputs["user"], inputs["password"], placed)
            proven[host] = {"by": _by(inputs, host), "said": said}

        asked = [host for host in hosts if host not in fleet.failed]
        unproven = await fleet.each("verification", asked, work, tell)
        outputs = {
            "proven": {host: proven[host] for host in inputs["hosts"] if host in proven},
            "removed": fleet.removed,
        }
        failures = {host: [*failed.get(host, ()), *unproven.get(host, ())] for host in {**failed, **unproven}}
        return Result(outputs, failures)

    async def delete(self, last: Last, tell: Tell) -> Failures:
        """Do nothing on any client: a proof leaves nothing. What is removed is known to who removes the rest."""
        self._fleets.of(last.inputs).removed = list(last.outputs.get("removed") or [])
        return {}

    def _left(self, last: Last, inputs: Values) -> Sequence[Entry]:
        away = last.outputs.get("removed") or []
        return [entry for entry in self._fleets.of(inputs).dropped if entry["name"] not in away]

    def _unproven(self, last: Last, inputs: Values) -> list[str]:
        return [host for host in inputs["hosts"] if _proven(last).get(host, {}).get("by") != _by(inputs, host)]


def _proven(last: Last) -> dict[str, Any]:
    return last.outputs.get("proven") or {}


def _by(inputs: Values, host: str) -> str:
    return " ".join([inputs.get("generation") or "", *inputs["hosts"][host]])
