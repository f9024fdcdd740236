"""Authorities and the server certificate: who signs, who is trusted, and for how long."""

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from review.command import contents
from review.consequence import DONE, Consequence
from review.events import Preview, State, Step

_AUTHORITY = "registry-certificate-authority-"
_AUTHORITY_TYPE = ":SelfSignedCert"
_SERVER = "registry-certificate-server"
_SERVER_TYPE = ":LocallySignedCert"
_STACK = "the stack"
_HOURS = 24
_NO_GAP = "clients keep trusting what is served: they trust its authority"
_GAP = (
    "the update fails: no client gives up the authority that signed what is served; make it three updates: add the new "
    "authority, let it sign, then drop the old one"
)


def authority(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say who gains or loses trust with an authority."""
    name = f"authority {step.name.removeprefix(_AUTHORITY)}"
    if step.op == "create":
        yield Consequence(_STACK, f"{name} is made, {_lifetime(step)}", "clients gain trust in what it signs")
    elif step.op == "delete":
        yield Consequence(_STACK, f"{name} goes", "clients lose trust in what it signed", alarm=True)
    else:
        effect = "clients gain trust in the new one, and lose trust in what the old one signed"
        yield Consequence(_STACK, f"{name} is made anew, {_lifetime(step)}", effect, alarm=True)


def authority_key(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say nothing of a key beside its certificate."""
    if not _is_told_by(preview, _AUTHORITY_TYPE, step.name):
        name = f"key of authority {step.name.removeprefix(_AUTHORITY)}"
        yield Consequence(_STACK, f"{name}: {DONE[step.op]}", "its certificate stays as it is")


def server(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say why there is a new server certificate, and whether clients trust it."""
    if step.op == "create":
        change = f"a server certificate is made, {_lifetime(step)}, signed by {_signer(step.new, preview)}"
        yield Consequence(_STACK, change, "nginx serves it")
    elif step.op == "delete":
        yield Consequence(_STACK, "the server certificate goes", "nothing serves it any more")
    else:
        gap, names = has_gap(preview), _names(preview)
        effect = _GAP if gap else f"nobody is served as {names[0]} any more" if names else _NO_GAP
        change = f"a new server certificate: {_reason(step, preview)}"
        yield Consequence(_STACK, change, effect, alarm=gap or names is not None)


def server_material(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say nothing of a key and a request beside the certificate that they are for."""
    if not _is_told_by(preview, _SERVER_TYPE, _SERVER):
        kind = "key" if step.type.endswith(":PrivateKey") else "request"
        effect = "the certificate stays as it is"
        yield Consequence(_STACK, f"{kind} of the server certificate: {DONE[step.op]}", effect)


def seed(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say what becomes of the secrets that the stack makes up."""
    effects = {"create": "secrets that the stack makes up come from it", "delete": "no secret comes from it any more"}
    effect = effects.get(step.op, "all secrets that the stack makes up change")
    yield Consequence(_STACK, f"random seed: {DONE[step.op]}", effect, alarm=step.op == "replace")


def days_left(preview: Preview) -> str | None:
    """Return a sentence on how long the server certificate lives; None where the stack has made none."""
    step = preview.find(_SERVER_TYPE)
    end = _end(step.old) if step else None
    if step is None or end is None or step.op == "delete":
        return None
    days = (end - preview.time).days
    left = f"has {days} days left (until {end:%Y-%m-%d})" if days >= 0 else f"has ended on {end:%Y-%m-%d}"
    if step.op == "replace":
        return f"The server certificate {left}; this update replaces it."
    return f"The server certificate {left}; an update in its last {_renewal_days(step.old)} days replaces it."


def trust_changes(step: Step, preview: Preview) -> tuple[list[str], list[str]]:
    """Return the authorities that a client's ca.crt gains and loses."""
    old, new = contents(step.old), contents(step.new)
    if old is not None and new is not None:
        before, after = (_described(files.get("ca.crt", "")) for files in (old, new))
        return [one for one in after if one not in before], [one for one in before if one not in after]
    changed = _authorities(preview)
    gained = [f"{_common_name_of(one)}, made by the update" for one in changed if one.op in ("create", "replace")]
    lost = [name for one in changed if one.op != "create" for name in _described(one.old.output("certPem") or "")]
    return gained, lost


def has_gap(preview: Preview) -> bool:
    """Tell whether the update would take away the authority by which clients know what is served: they refuse that."""
    server = preview.find(_SERVER_TYPE)
    signer = server.old.text("caCertPem") if server and server.op == "replace" else None
    gone = [change.old.output("certPem") for change in _authorities(preview) if change.op != "create"]
    return signer is not None and signer in gone


def _reason(step: Step, preview: Preview) -> str:
    return "; ".join(_reasons(step, preview)) or f"another {', '.join(sorted(step.diffs)) or 'one'}"


def _reasons(step: Step, preview: Preview) -> Iterator[str]:
    if _has_new_key(preview):
        yield "a rotation, with a new key"
    if names := _names(preview):
        yield f"for {names[1]} instead of {names[0]}"
    if "caCertPem" in step.diffs:
        yield f"signed by {_signer(step.new, preview)} instead of {_signer(step.old, preview)}"
    if "validityPeriodHours" in step.diffs:
        yield _lifetime(step)
    end = _end(step.old)
    if "readyForRenewal" in step.diffs and end:
        left = (end - preview.time).days
        yield f"a renewal, as the old one has {left} days left and is renewed in its last {_renewal_days(step.old)}"


def _has_new_key(preview: Preview) -> bool:
    """Tell whether the server's key is another one: the rotation is a part of its name."""
    keys = (step for step in preview.changes if step.type.endswith(":PrivateKey") and step.name.startswith(_SERVER))
    return any(key.op in ("create", "replace") for key in keys)


def _signer(state: State, preview: Preview) -> str:
    names = _described(state.text("caCertPem") or "")
    if names:
        return names[0].rpartition(", until ")[0]
    made = [_common_name_of(change) for change in _authorities(preview) if change.op in ("create", "replace")]
    return made[0] if len(made) == 1 else "an authority that the update makes"


def _names(preview: Preview) -> tuple[str, str] | None:
    """Return the old and the new name that the certificate is for, if that changes."""
    request = next((step for step in preview.changes if step.type.endswith(":CertRequest")), None)
    if request is None:
        return None
    old, new = (state.texts("dnsNames") + state.texts("ipAddresses") for state in (request.old, request.new))
    return (", ".join(old), ", ".join(new)) if old and new and old != new else None


def _authorities(preview: Preview) -> list[Step]:
    return [change for change in preview.changes if change.type.endswith(_AUTHORITY_TYPE)]


def _is_told_by(preview: Preview, type_: str, name: str) -> bool:
    return any(change.type.endswith(type_) and change.name == name for change in preview.changes)


def _described(pem: str) -> list[str]:
    """Return name and end of each certificate of a PEM text."""
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return ["a certificate that can't be read"] if pem.strip() else []
    return [f"{_common_name(one)}, until {one.not_valid_after_utc:%Y-%m-%d}" for one in certificates]


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _common_name_of(step: Step) -> str:
    """Return the name that an authority which is not made yet will have."""
    subject = step.new.inputs.get("subject") or {}
    return str(subject.get("commonName") or f"authority {step.name.removeprefix(_AUTHORITY)}")


def _lifetime(step: Step) -> str:
    old, new = ((state.number("validityPeriodHours") or 0) // _HOURS for state in (step.old, step.new))
    return f"for {new} days instead of {old}" if old and old != new else f"for {new} days"


def _end(state: State) -> datetime | None:
    text = state.output("validityEndTime")
    return datetime.fromisoformat(text) if text else None


def _renewal_days(state: State) -> int:
    return (state.number("earlyRenewalHours") or 0) // _HOURS
