"""The proof of one of several servers, from a client, before the next server is changed."""

import asyncio

from ..clients.https_proof import Asked, NotServed, prove
from ..hosts.session import Unanswered
from ..hosts.way import way
from .fleet import Fleet, Fleets, reach_of
from .kind import Failures, Kind, Last, Result, Tell, Values, differing
from .verification import ALONE

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
"""What tells authorities from the passwords among the texts of a fleet."""
_TRIED = 3
"""So many clients are asked where those before do not answer: one is enough, and many may be down."""


class ServerProof(Kind):
    """Logs in, pushes and pulls through one server, over the network of a client that answers.

    Where none answers nothing is proven, and the update says so and continues: a client that is down is no reason to
    keep a server from its change. The output ``proven`` says which client has seen what.
    """

    name = "ServerProof"
    still_works = "the other servers: those before this one with this update, those after it as they were."

    def __init__(self, fleets: Fleets) -> None:
        self._fleets = fleets

    def changed(self, last: Last, inputs: Values) -> list[str]:
        """Return what differs, or ``proven`` where nobody has proven it yet."""
        return differing(last, inputs) or ([] if last.outputs.get("proven") else ["proven"])

    async def update(self, last: Last, inputs: Values, tell: Tell) -> Result:
        """Let the server prove itself."""
        fleet, why = self._fleets.of(inputs), dict[str, str]()
        tell(f"proof of {inputs['server']}")
        for host in [host for host in fleet.inputs.get("hosts") or {} if host not in fleet.failed][:_TRIED]:
            try:
                return Result({"proven": {host: await _proof(fleet, host, inputs)}})
            except Unanswered as error:
                why[host] = str(error)
            except NotServed as error:
                return Result({"proven": {}}, {inputs["server"]: [f"through {host}: {error}"]})
        nobody = "no client trusts the registry yet" if fleet.inputs else ALONE
        reasons = "; ".join(f"{host}: {reason}" for host, reason in why.items()) or nobody
        warning = f"server {inputs['server']} serves unproven, as no client could ask it: {reasons}"
        return Result({"proven": {}}, warnings=[warning])

    async def delete(self, last: Last, tell: Tell) -> Failures:
        """Do nothing: a proof leaves nothing."""
        return {}


async def _proof(fleet: Fleet, host: str, inputs: Values) -> str:
    connection = reach_of(fleet.inputs, host)["connection"]
    before = "".join(text for text in fleet.texts.values() if _CERTIFICATE in text)
    async with way(connection, inputs["address"], int(inputs["port"])) as place:
        asked = Asked(
            place,
            inputs["registry"]["reference"],
            fleet.inputs.get("authorities") or "",
            inputs["user"],
            inputs["password"],
            before,
            bool(inputs.get("proxyProtocol")),
        )
        return await asyncio.to_thread(prove, asked, f"{inputs['server']} {inputs['generation']}\n")
