"""What versions before 0.3 have left of clients: the trust and the proof of each, as components with commands below.

The next update deletes them. Clients that stay have been placed anew by then, and what is deleted takes nothing of that
away. A state that is older still says nothing of itself: then the words say no more than the engine knows.
"""

from collections.abc import Iterator

from review.client import Bundle, Client, bundles_of, mapping, steps_of
from review.events import Preview, State, Step
from review.impact import Impact
from review.waiting import TRUST as TRUST_OF_ALL

TRUST, VERIFICATION = ":ClientTrust", ":Verification"
_FILES = ":HostFiles"
_DOCKER, _ENTRY = "docker", "hosts"
"""Kinds of the commands below a client's trust: of a state that names none, and that of the hosts entry alone."""


def trusting(preview: Preview, trusts: Step) -> dict[str, Client]:
    """Return client -> what is on it, of those that the trust of all takes over."""
    return {_host(step, trusts): _client(step.old) for step in preview.every(TRUST) if step.op == "delete"}


def verified(preview: Preview, verification: Step) -> dict[str, str]:
    """Return client -> what it has proven, of those that the proof of all takes over."""
    deleted = (step for step in preview.every(VERIFICATION) if step.op == "delete")
    return {_host(step, verification): _proven(step.old) for step in deleted}


def trust(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say that a client loses trust."""
    component = preview.above(step, TRUST)
    if component is None or step.op != "delete" or _stays(component, preview):
        return
    kind, client = _kind(step, preview), _client(component.old)
    by = f" by {kind}" if len(client.bundles) > 1 else ""
    if kind == _ENTRY:
        effect = "the registry's name resolves as without it"
        yield Impact(_shown(component), f"hosts entry: {client.entry or 'some'} → none", effect)
    else:
        # Docker's files take the hosts entry along.
        listed = client.bundles.get(kind, Bundle()).listed(client.entry if kind == _DOCKER else "")
        yield Impact(_shown(component), f"removed: {listed}", f"trust{by} lost", disruptive=True)


def component(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say that a client goes on which nothing was placed."""
    if step.op == "delete" and not any(preview.below(step)) and not _stays(step, preview):
        yield Impact(_shown(step), "off the list", "nothing was placed there")


def _stays(component: Step, preview: Preview) -> bool:
    """Tell whether the trust of all takes over the client of a component."""
    return any(_host(component, one) in mapping(one.new.inputs.get("hosts")) for one in preview.every(TRUST_OF_ALL))


def _host(component: Step, of_all: Step) -> str:
    """Return a component's client; of a state that does not say it, by the name, which only added the client."""
    return component.old.text("host") or component.name.removeprefix(f"{of_all.name}-")


def _shown(component: Step) -> str:
    return component.old.text("host") or component.name


def _kind(step: Step, preview: Preview) -> str:
    """Return what a command below a client's trust is for: the name of a runtime, or the hosts entry alone."""
    files = preview.above(step, _FILES)
    return (files.old.text("kind") if files else None) or _DOCKER


def _client(state: State) -> Client:
    names = [name for name in (state.text("reference"), *state.texts("aliases")) if name]
    # That of Docker was there before a client could have others.
    runtimes = {_DOCKER: state.inputs} if "files" in state.inputs else mapping(state.inputs.get("runtimes"))
    said, authorities = mapping(state.inputs.get("hostsEntry")), state.inputs.get("authorities")
    entry = f"{said['address']} {said['name']}" if said else ""
    return Client(names, bundles_of(runtimes), entry, authorities if isinstance(authorities, dict) else None)


def _proven(state: State) -> str:
    verifies = mapping(state.inputs.get("verifies"))
    return steps_of(verifies, verifies)
