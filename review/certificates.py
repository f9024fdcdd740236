"""Authorities and the server certificate: who signs, who is trusted, and for how long.

The component of the certificate says what it is; what the engine does to the resources below it stands in their steps.
A state that the version before has left says nothing of itself: then the steps alone have to do.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from review.certified import Certified, certified, end_of
from review.events import Preview, State, Step
from review.impact import DONE, Impact
from review.waiting import needed

_AUTHORITY_TYPE = ":SelfSignedCert"
_SERVER_TYPE = ":LocallySignedCert"
_STACK = "the stack"
_BY_ITSELF = (
    "The server renews its certificate by itself. To see how long the current one is valid: "
    "'python -m operations.expiry'."
)
_HOURS = 24
_DIGITS = 12
"""Of a fingerprint, as the trust of the clients has them."""
_SOON = 90
"""Days, in which another authority gets to all clients, however rarely somebody runs an update."""
_GAINED, _LOST = "clients trust what it signs", "clients no longer trust what it signed"
_NO_GAP = "clients keep trusting the registry: they have its CA"
_GAP = (
    "the update fails: no client removes the CA that signed the current certificate; use three updates: add the new "
    "CA, let it sign, then remove the old one"
)


def certificate(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say where the certificate comes from, if that changes, and which authorities are given or no longer given."""
    found = certified(preview)
    if step.op == "update" and not found.is_compared:
        return
    if step is not found.teller:
        return
    yield from _given(found, preview)
    yield from _names_changed(preview)
    if found.moves or found.old.served.get("sha256") != found.new.served.get("sha256"):
        yield from _served(found, preview)


def authority(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say who gains or loses trust with an authority that the stack makes."""
    name = _authority_name(step, preview)
    if step.op == "create":
        yield Impact(_STACK, f"{name} is created, {_lifetime(step)}", _GAINED)
    elif step.op == "delete" and _is_given_now(step, preview):
        yield Impact(
            _STACK,
            f"{name} is removed",
            "clients keep trusting what it signed: they have it by the setting 'authority' too",
        )
    elif step.op == "delete":
        yield Impact(_STACK, f"{name} is removed", _LOST, disruptive=True)
    else:
        effect = "clients trust the new one, and no longer trust what the old one signed"
        yield Impact(_STACK, f"{name} is created again, {_lifetime(step)}", effect, disruptive=True)


def server(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say why there is a new server certificate, and whether clients trust it."""
    if certified(preview).moves:
        return
    if step.op == "create":
        change = f"a server certificate is created, {_lifetime(step)}, signed by {_signers(step, preview)[1]}"
        yield Impact(_STACK, change, "nginx serves it")
    elif step.op == "delete":
        yield Impact(_STACK, "the server certificate is removed", "nginx does not use it any more")
    elif step.op == "update":
        days = f"its last {_renewal_days(step.new)} days instead of {_renewal_days(step.old)}"
        yield Impact(_STACK, f"the server certificate is renewed in {days}", "it is not changed")
    else:
        gap, gone = has_gap(preview), ", ".join(name_changes(preview)[1])
        effect = _GAP if gap else f"clients can no longer use {gone}" if gone else _NO_GAP
        change = f"a new server certificate: {_reason(step, preview)}"
        yield Impact(_STACK, change, effect, disruptive=gap or bool(gone))


def material(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say nothing of a key and a request beside the certificates that they are for."""
    if not any(change.type.endswith((_AUTHORITY_TYPE, _SERVER_TYPE)) for change in preview.changes):
        kind = "a key" if step.type.endswith(":PrivateKey") else "a request"
        yield Impact(_STACK, f"{kind} of the certificate: {DONE[step.op]}", "the certificate is not changed")


def seed(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what becomes of the secrets that the stack makes up."""
    effects = {"create": "generated secrets are derived from it", "delete": "no secret is derived from it any more"}
    effect = effects.get(step.op, "all generated secrets change")
    yield Impact(_STACK, f"random seed: {DONE[step.op]}", effect, disruptive=step.op == "replace")


def days_left(preview: Preview) -> str | None:
    """Return a sentence on how long the server certificate lives; None where there is none yet, or none any more."""
    found = certified(preview)
    if found.old.renews_itself and found.new.renews_itself:
        return _BY_ITSELF
    if end := end_of(found.old.served):
        is_replaced = found.moves or found.old.served != found.new.served
        renewal = "replace it before that"
        return None if not found.new.inputs else _left(preview, end, is_replaced, renewal)
    servers = (step for step in preview.steps if step.type.endswith(_SERVER_TYPE))
    # With another source one is made, which has no end yet, and one is deleted.
    step, made = next(((step, end) for step in servers if (end := _end(step.old))), (None, None))
    if step is None or made is None or (step.op == "delete" and not found.moves):
        return None
    renewal = f"an update in its last {_renewal_days(step.old)} days replaces it"
    return _left(preview, made, found.moves or step.op == "replace", renewal)


def authorities_left(preview: Preview) -> Iterator[str]:
    """Yield a sentence on each authority that stays and ends soon, or has ended."""
    found = certified(preview)
    for name, end in found.old.ends([*_own_kept(found, preview), *found.new.given]).items():
        days = (end - preview.time).days
        if days < _SOON:
            left = f"has {days} days left (until {end:%Y-%m-%d})" if days >= 0 else f"expired on {end:%Y-%m-%d}"
            yield f"{name}, which clients trust, {left}: replace it in three updates (docs/rotate.md)."


def _left(preview: Preview, end: datetime, is_replaced: bool, renewal: str) -> str:
    days = (end - preview.time).days
    left = f"has {days} days left (until {end:%Y-%m-%d})" if days >= 0 else f"expired on {end:%Y-%m-%d}"
    return f"The server certificate {left}; {'this update replaces it' if is_replaced else renewal}."


def trust_changes(preview: Preview) -> tuple[list[str], list[str]]:
    """Return which of the stack's own authorities clients gain and lose."""
    changed = _authorities(preview)
    gained = [f"{_common_name_of(one)}, created by the update" for one in changed if one.op in ("create", "replace")]
    before = (one.old.output("certPem") or "" for one in changed if one.op != "create")
    lost = [name for pem in before for name in described(pem).values()]
    return gained, lost


def has_gap(preview: Preview) -> bool:
    """Tell whether the update would take away the authority by which clients know what is served: they refuse that."""
    found = certified(preview)
    if found.is_compared:
        changes = found.moves or found.old.served != found.new.served or _is_signed_anew(preview)
        return changes and not found.new.is_public and bool(found.old.anchors) and not _is_kept(found, preview)
    server = preview.find(_SERVER_TYPE)
    signer = server.old.text("caCertPem") if server and server.op == "replace" else None
    gone = [change.old.output("certPem") for change in _authorities(preview) if change.op != "create"]
    return signer is not None and signer in gone


def _is_signed_anew(preview: Preview) -> bool:
    server = preview.find(_SERVER_TYPE)
    return server is not None and server.op == "replace"


def _is_kept(found: Certified, preview: Preview) -> bool:
    """Tell whether an authority stays by which clients know what is served before the update."""
    own = set() if found.moves else found.old.fingerprints(_own_kept(found, preview))
    return bool(found.old.anchors & (found.new.fingerprints(found.new.given) | own))


def _own_kept(found: Certified, preview: Preview) -> list[str]:
    """Return the stack's own authorities that are not made by this update."""
    anew = {_common_name_of(change) for change in _authorities(preview) if change.op == "replace"}
    return [name for name, common_name in found.new.own.items() if common_name not in anew]


def _given(found: Certified, preview: Preview) -> Iterator[Impact]:
    """Say which of the authorities that are given come and go."""
    old, new = found.old, found.new
    before = old.fingerprints([*old.given, *old.own])
    kept = new.fingerprints(new.given) | (set() if found.moves else old.fingerprints(new.own))
    for name, known in new.given.items():
        if known["sha256"] not in before:
            yield Impact(_STACK, f"{name} is placed on clients, {_until(known)}", _GAINED)
    for name, known in old.given.items():
        if known["sha256"] not in kept:
            effect = "refused: clients would no longer trust the registry" if has_gap(preview) else _LOST
            yield Impact(_STACK, f"{name} is removed from clients", effect, disruptive=True)


def _served(found: Certified, preview: Preview) -> Iterator[Impact]:
    """Say what is served from another source, or is another one that is given."""
    old, new = found.old, found.new
    if not new.inputs:
        yield Impact(_STACK, "the server certificate is removed", "nginx does not use it any more")
        return
    end = f"{_until(new.served)}, " if new.served else ""
    if not old.inputs and not found.moves:
        # Of one that is asked for more is said.
        if not new.renews_itself:
            yield Impact(_STACK, f"a server certificate is configured, {end}signed by {new.signer}", "nginx serves it")
        return
    source = f"from {new.source} instead of {old.source}, " if old.source and found.moves else ""
    signer = f"signed by {new.signer}" + (f" instead of {old.signer}" if old.signer not in ("", new.signer) else "")
    gap = has_gap(preview)
    effect = _GAP if gap else _NO_GAP if found.is_compared else f"nginx serves it once {needed(preview)} trust it"
    yield Impact(_STACK, f"a new server certificate: {source}{end}{signer}", effect, disruptive=gap)


def _until(known: Mapping[str, str]) -> str:
    end = end_of(known)
    return f"until {end:%Y-%m-%d}" if end else "until an unknown date"


def _reason(step: Step, preview: Preview) -> str:
    return "; ".join(_reasons(step, preview)) or f"another {', '.join(sorted(step.diffs)) or 'one'}"


def _reasons(step: Step, preview: Preview) -> Iterator[str]:
    names = _names(preview)
    if _has_new_key(step, preview):
        yield "a rotation, with a new key"
    yield from _another_kind_of_key(certified(preview))
    if names:
        yield f"for {names[1]} instead of {names[0]}"
    if "caCertPem" in step.diffs:
        old, new = _signers(step, preview)
        yield f"signed by {new} instead of {old}"
    if "validityPeriodHours" in step.diffs:
        yield _lifetime(step)
    end = _end(step.old)
    if "readyForRenewal" in step.diffs and end:
        left = (end - preview.time).days
        yield f"a renewal, as the old one has {left} days left and is renewed in its last {_renewal_days(step.old)}"


def _has_new_key(step: Step, preview: Preview) -> bool:
    found = certified(preview)
    if found.is_compared:
        return found.old.rotation != found.new.rotation
    return "certRequestPem" in step.diffs and _names(preview) is None


def _another_kind_of_key(found: Certified) -> Iterator[str]:
    old, new = found.old.key_type, found.new.key_type
    if found.is_compared and old != new:
        yield f"a key of another type, {new} instead of {old}"


def _signers(step: Step, preview: Preview) -> tuple[str, str]:
    """Return who signed the server certificate, and who is to sign it."""
    found = certified(preview)
    old, new = (_signer(state, preview) for state in (step.old, step.new))
    return found.old.signer or old, found.new.signer or new


def _signer(state: State, preview: Preview) -> str:
    for name in described(state.text("caCertPem") or "").values():
        return name.rpartition(", until ")[0]
    made = [_common_name_of(change) for change in _authorities(preview) if change.op in ("create", "replace")]
    return made[0] if len(made) == 1 else "a CA that the update creates"


def name_changes(preview: Preview) -> tuple[list[str], list[str]]:
    """Return the names by which the registry is served from now on, and those by which it is no more."""
    old, new = _both_names(preview)
    return [name for name in new if name not in old], [name for name in old if name not in new]


def _names_changed(preview: Preview) -> Iterator[Impact]:
    """Say which names come and go, of those that more than one are, whatever becomes of the certificate."""
    old, new = certified(preview).old.names, certified(preview).new.names
    if not (old and new) or len(old) == len(new) == 1:
        return
    come, go = name_changes(preview)
    if old[0] != new[0]:
        yield Impact(_STACK, f"{new[0]} is the domain instead of {old[0]}", "outputs and messages have this name")
    for name in come:
        yield Impact(_STACK, f"{name} is another name of the registry", "clients log in, push and pull by it too")
    for name in go:
        effect = "clients that still use it get x509, or no such host"
        yield Impact(_STACK, f"{name} is no longer a name of the registry", effect, disruptive=True)


def _names(preview: Preview) -> tuple[str, str] | None:
    """Return the old and the new names that the certificate is for, if they change."""
    old, new = _both_names(preview)
    return (", ".join(old), ", ".join(new)) if old and new and old != new else None


def _both_names(preview: Preview) -> tuple[list[str], list[str]]:
    found = certified(preview)
    old, new = found.old.names, found.new.names
    request = next((step for step in preview.changes if step.type.endswith(":CertRequest")), None)
    if not found.is_compared and request is not None:
        old, new = (state.texts("dnsNames") + state.texts("ipAddresses") for state in (request.old, request.new))
    return (old, new) if old and new else ([], [])


def _authorities(preview: Preview) -> list[Step]:
    return [change for change in preview.changes if change.type.endswith(_AUTHORITY_TYPE)]


def _authority_name(step: Step, preview: Preview) -> str:
    """Return what the settings call an authority, or its common name."""
    common_name = _common_name_of(step)
    name = certified(preview).names.get(common_name)
    return common_name if name is None else f"CA {name}"


def _common_name_of(step: Step) -> str:
    """Return the name that stands in an authority, also in one that is not made yet."""
    subject = step.new.inputs.get("subject") or step.old.inputs.get("subject") or {}
    return str(subject.get("commonName") or "a CA")


def _is_given_now(step: Step, preview: Preview) -> bool:
    """Tell whether clients go on trusting an authority that the stack no longer has."""
    found = certified(preview)
    name = found.names.get(_common_name_of(step), "")
    return bool(found.old.fingerprints([name]) & found.new.fingerprints(found.new.given))


def described(pem: str) -> dict[str, str]:
    """Return digest -> name and end of each certificate of a PEM text."""
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return {"": "a certificate that can't be read"} if pem.strip() else {}
    return {
        one.fingerprint(SHA256()).hex()[:_DIGITS]: f"{_common_name(one)}, until {one.not_valid_after_utc:%Y-%m-%d}"
        for one in certificates
    }


# As the settings have it, which need packages that the job that writes comments does not install.
def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _lifetime(step: Step) -> str:
    old, new = ((state.number("validityPeriodHours") or 0) // _HOURS for state in (step.old, step.new))
    return f"for {new} days instead of {old}" if old and old != new else f"for {new} days"


def _end(state: State) -> datetime | None:
    text = state.output("validityEndTime")
    return datetime.fromisoformat(text) if text else None


def _renewal_days(state: State) -> int:
    return (state.number("earlyRenewalHours") or 0) // _HOURS
