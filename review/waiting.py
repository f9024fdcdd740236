"""Which clients have to trust a certificate before nginx serves it."""

from collections.abc import Set

from review.events import Preview, State

TRUST = ":ClientsTrust"
"""How the type of the resource ends that the trust of all clients is."""
_ALL = 100
"""Percent."""


def needed(preview: Preview) -> str:
    """Return the clients that an update does not do without, for a sentence: it goes on with ``trust it``."""
    step = preview.find(TRUST)
    state = step.new if step else State()
    share = state.number("share") or _ALL
    required = _required(state)
    if share == _ALL:
        return "all clients" if required <= {True, None} else "all required clients"
    enough = f"{share} % of the clients"
    if True in required:
        return f"{enough}, with all required ones,"
    # Where fewer trust, it still does without those that are not required.
    return f"{enough}, or all required ones," if False in required else enough


def _required(state: State) -> Set[bool | None]:
    hosts = state.inputs.get("hosts")
    return {said.get("required") for said in hosts.values()} if isinstance(hosts, dict) else set()
