"""From the steps of a preview to what follows from them."""

import re
from collections.abc import Callable, Iterable

from review import certificates, clients, server
from review.consequence import Consequence
from review.events import Preview, Step

Rule = Callable[[Step, Preview], Iterable[Consequence]]

_RULES: tuple[tuple[str, Rule], ...] = (
    (r"docker:\S+:Volume registry-registry-data", server.volume),
    (r"docker:\S+:Container registry-proxy-container", server.proxy),
    (r"docker:\S+:Container registry-proxy-login-container", server.login),
    (r"docker:\S+:Container \S+-registry", server.registry),
    (r"docker:\S+:RemoteImage registry-(proxy|registry)-image", server.image),
    (r"command:\S+ registry-(proxy-(tls|users|site)|registry-config)", server.bundle),
    (r"command:\S+ registry-(registry|proxy|proxy-login)-(healthy|data-owner|address|retire|end)", server.check),
    (r"docker:\S+:Network registry-(proxy|proxy-login|registry)-network", server.network),
    (r"pulumi:providers:docker registry-docker-host", server.provider),
    (r"tls:\S+:SelfSignedCert registry-certificate-authority-.+", certificates.authority),
    (r"tls:\S+:PrivateKey registry-certificate-authority-.+", certificates.authority_key),
    (r"tls:\S+:LocallySignedCert registry-certificate-server", certificates.server),
    (r"tls:\S+:(PrivateKey|CertRequest) registry-certificate-server(-.+)?", certificates.server_material),
    (r"tls:\S+:PrivateKey registry-seed", certificates.seed),
    (r"command:\S+ registry-trust-.+", clients.trust),
    (r"command:\S+ registry-verification-.+", clients.verification),
)
"""Type and name of a step, and what says its consequences: in the order of the table."""

_KNOWN_OPS = ("create", "update", "replace", "delete")


def consequences(preview: Preview) -> list[Consequence]:
    """Return what follows from a preview, losses and interruptions first, always in the same order."""
    steps = sorted(preview.changes, key=lambda step: (_place(step), step.name))
    found = [found for step in steps for found in _rule(step)(step, preview)]
    data = preview.find(":Volume", "registry-registry-data")
    if data and data.op == "same":
        found += server.retention(data, preview)
    return sorted(found, key=lambda consequence: not consequence.alarm)


def belonging(preview: Preview) -> int:
    """Return the number of changes that have no row, since the row of another change tells of them."""
    return sum(not list(_rule(step)(step, preview)) for step in preview.changes)


def _rule(step: Step) -> Rule:
    return [*(rule for _, rule in _RULES), _plain][_place(step)]


def _place(step: Step) -> int:
    """Return the number of a step's rule; that after the last where there is none."""
    key = f"{step.type} {step.name}"
    places = (place for place, (pattern, _) in enumerate(_RULES) if re.fullmatch(pattern, key))
    return next(places, len(_RULES)) if step.op in _KNOWN_OPS else len(_RULES)


def _plain(step: Step, preview: Preview) -> Iterable[Consequence]:
    """Return the row of a step of which nothing is known here: none is dropped."""
    if step.op == "delete-replaced":
        return [Consequence("the stack", f"resource {step.name}", "the rest of an earlier update is taken away")]
    return [Consequence("the stack", f"resource {step.name}: {step.op}", "see the engine's preview of it")]
