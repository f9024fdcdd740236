"""A certificate that the server asks for by itself, as its component says it: of whom, by what, and who renews it."""

from collections.abc import Iterator, Mapping

from review.events import Preview, Step
from review.impact import DONE, Impact
from review.server import CONTAINER_EFFECTS, name

_ASKING = {
    "names": "name",
    "signer": "authority",
    "directory": "directory",
    "challenge": "challenge",
    "dnsProvider": "DNS provider",
    "profile": "profile",
    "keyType": "key type",
    "rotation": "rotation",
}
"""What a component says -> what that is called: with another one there is another certificate."""
_PROOFS = {
    "http-01": "which checks the domain on port 80 of this server",
    "dns-01": "which checks the domain by a record in DNS",
}
_RENEWS = "the server renews it by itself from then on"


def request(inputs: Mapping[str, object]) -> str:
    """Return who is asked for what: of a component that is there or is to be."""
    names = inputs.get("names")
    wanted = ", ".join(map(str, names)) if isinstance(names, list) else "the registry"
    provider = f" ({inputs['dnsProvider']})" if inputs.get("dnsProvider") else ""
    proof = _PROOFS.get(str(inputs.get("challenge")), "which checks the domain")
    return f"{inputs.get('signer')} is asked in the update for a certificate of {wanted}, {proof}{provider}"


def asked(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say who is asked for another certificate, and why."""
    old, new = step.old.inputs, step.new.inputs
    changed = [word for key, word in _ASKING.items() if old.get(key) != new.get(key)]
    if step.op == "create":
        yield Impact(name(preview), request(new), f"if it refuses, nginx keeps what it has; {_RENEWS}")
    elif step.op == "update" and changed:
        effect = f"another {', another '.join(changed)}; if it is refused, the current certificate stays in use"
        yield Impact(name(preview), request(new), effect)
    elif step.op == "delete":
        change = f"{old.get('signer')} is asked for no certificate any more"
        yield Impact(name(preview), change, "the certificate that it issued is not renewed any more")


def challenge(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what is published on port 80."""
    effects = {
        "create": "published: it answers the CA, and redirects all other requests to HTTPS",
        "replace": "stopped and started again: for a moment nothing is redirected to HTTPS",
        "delete": "no longer published",
    }
    yield _container(step, preview, "nginx on port 80", effects)


def renewal(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what becomes of the container that renews."""
    effects = {
        "create": "starts for the first time; it does not listen on any port",
        "replace": "stopped and started again; nginx keeps its certificate",
        "delete": "stopped",
    }
    yield _container(step, preview, "lego, which renews the certificate", effects)


def _container(step: Step, preview: Preview, what: str, effects: Mapping[str, str]) -> Impact:
    return Impact(name(preview), what, {**CONTAINER_EFFECTS, **effects}[step.op])


def store(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what becomes of the account and the certificates."""
    volume = f"volume {step.old.text('name') or step.new.text('name')}"
    if step.op == "create":
        effect = "created for the account and the certificates; an existing one is reused with its content"
        yield Impact(name(preview), volume, effect)
    elif step.op == "update":
        yield Impact(name(preview), f"{volume}: {', '.join(sorted(step.diffs))}", "the account is kept")
    elif step.old.retained:
        yield Impact(name(preview), f"{volume}: leaves the stack", "kept, with the account and the certificates")
    else:
        yield Impact(name(preview), f"{volume}: {DONE[step.op]}", "the account and the certificates are deleted")
