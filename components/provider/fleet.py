"""All clients of a registry, as both kinds of resource see them while the provider runs.

The engine asks for the trust of the clients first, so what it has learned of them is known when they prove themselves.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ..clients.placing import login_place
from ..clients.runtime import Known
from ..hosts.connections import AT_ONCE, Connections, Failure
from ..hosts.session import Run
from .kind import Failures, Tell, Values


class Fleet:
    """The clients of one registry."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.inputs: Values = {}
        """What the program says of their trust."""
        self.dropped: Sequence[Mapping[str, Any]] = ()
        """What is to be taken away once the registry does without: ``host``, ``bundle``, ``record``, ``reach``."""
        self.removed: Sequence[str] = ()
        """What of it is away, by its name."""
        self.texts: Mapping[str, str] = {}
        self.placed: Mapping[str, Mapping[str, Any]] = {}
        """Client -> what their trust says of it: bundle -> record."""
        self.is_updated = False
        """Whether their trust was made or changed in this update."""
        self.failed: Failures = {}
        """Client -> why this update could not make it trust."""

    async def run(self, reach: Values) -> Run:
        """Return what runs commands on a client.

        Raises:
            Unanswered: It can't be reached.
        """
        return await self._connections.run(reach.get("connection"))

    async def each(
        self, what: str, hosts: Sequence[str], work: Callable[[str], Awaitable[None]], tell: Tell
    ) -> Failures:
        """Work on clients side by side, and tell how far it is; return client -> why it failed, sorted."""
        finished = 0

        def done() -> None:
            nonlocal finished
            finished += 1
            tell(f"{what}: {finished} of {len(hosts)} clients")

        at_once = int(self.inputs.get("atOnce") or AT_ONCE)
        found = zip(hosts, await self._connections.each(hosts, work, done, at_once), strict=True)
        failed = {host: one.reasons for host, one in found if isinstance(one, Failure)}
        return dict(sorted(failed.items()))


class Fleets:
    """The clients of all registries of a program, by what tells these apart."""

    def __init__(self) -> None:
        self._connections = Connections()
        self._known: dict[str, Fleet] = {}

    def stop(self) -> None:
        """Begin on no client more."""
        self._connections.stop()

    def of(self, inputs: Values) -> Fleet:
        """Return the clients of the registry that inputs name."""
        return self._known.setdefault(inputs["registry"]["mark"], Fleet(self._connections))


def known_of(inputs: Values) -> Known:
    """Return the registry as clients know it."""
    said = inputs["registry"]
    return Known(
        said["reference"],
        said["fullReference"],
        said["mark"],
        said["hasAuthorities"],
        said["isPublic"],
        tuple(said.get("aliases") or ()),
    )


def reach_of(inputs: Values, host: str) -> Values:
    """Return how a client is reached: ``connection`` (None for this machine) and ``sudo``."""
    said, logins = inputs["hosts"][host], inputs.get("logins") or {}
    if said.get("local"):
        return {"connection": None, "sudo": False}
    connection = _connection(host, said, logins)
    if bastion := said.get("bastion"):
        connection["proxy"] = _connection(bastion["host"], bastion, logins)
    return {"connection": connection, "sudo": connection["user"] != "root"}


def reach_before(inputs: Values, outputs: Values, host: str) -> Values:
    """Return how a client is reached of whom the last update says something.

    After one that failed the engine keeps the inputs of the one before, so what it ``tried`` is among the outputs.
    """
    tried = outputs.get("tried") or {}
    return reach_of(tried if host in (tried.get("hosts") or {}) else inputs, host)


def login_of(inputs: Values, host: str) -> Mapping[str, str]:
    """Return as whom a client logs in to the registry, for its records; nothing where it does not."""
    user = inputs["hosts"][host].get("loginAs")
    # Nobody knows the digest of a password that the first update makes.
    return login_place(user, (inputs.get("passwordDigests") or {}).get(user) or "") if user else {}


def caches_of(inputs: Values, host: str) -> Sequence[str]:
    """Return the other registries whose images a client pulls from our caches."""
    return inputs.get("caches") or () if inputs["hosts"][host].get("caches") else ()


def _connection(host: str, said: Values, logins: Values) -> dict[str, Any]:
    login = logins.get(said.get("login", "")) or {}
    return {
        "host": host,
        "user": said.get("user") or "root",
        "port": int(said.get("port") or 22),
        "hostKey": said["hostKey"],
        **login,
    }
