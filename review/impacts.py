"""From the steps of a preview to what follows from them."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from review import (
    acme,
    caches,
    certificates,
    client,
    clients,
    former_clients,
    proofs,
    server,
    servers,
    storage,
    users,
    waiting,
)
from review.events import Preview, Step
from review.impact import Impact, of_registry

Rule = Callable[[Step, Preview], Iterable[Impact]]


def _nothing(step: Step, preview: Preview) -> Iterable[Impact]:
    """Leave it to the resources below a component."""
    return ()


def _both(*rules: Rule) -> Rule:
    return lambda step, preview: [found for rule in rules for found in rule(step, preview)]


_RULES: tuple[tuple[str, str, Rule], ...] = (
    # Also below the registry, and without an image that is nowhere else.
    (":Volume", "LayerCache", _nothing),
    (":Volume", "PullThroughCache", caches.volume),
    (":Container", "PullThroughCache", caches.container),
    (":PullThroughCache", "", caches.cache),
    (":Volume", "AcmeCertificate", acme.store),
    (":Container", "Challenge", acme.challenge),
    (":Container", "FloatingAddress", server.keepalived),
    (":Container", "Renewal", acme.renewal),
    (":Volume", "Registry", server.volume),
    (":Registry", "", storage.images),
    # Of whatever storage.
    ("Storage", "Registry", storage.keys),
    (":LayerCache", "", storage.cache),
    (":Command", "LayerCache", _nothing),
    (":Container", "Login", server.login),
    (":Container", "Proxy", server.proxy),
    (":Container", "Registry", server.registry),
    (":Users", "", users.users),
    (":RemoteImage", "Proxy", server.image),
    # That of nginx is said of the proxy.
    (":RemoteImage", "Challenge", _nothing),
    (":RemoteImage", "AcmeCertificate", server.image),
    (":RemoteImage", "FloatingAddress", server.image),
    (":RemoteImage", "Registry", server.image),
    (":Command", "ReleasedFiles", server.bundle),
    *((":Command", part, server.check) for part in server.PARTS),
    (":FloatingAddress", "", server.floating_address),
    (":Proxy", "", _both(server.later_addresses, server.proxy_protocol)),
    *((":Network", part, server.network) for part in (*server.PARTS, "AcmeCertificate", "Caches")),
    *((":Command", part, _nothing) for part in ("AcmeCertificate", "FloatingAddress", "PullThroughCache")),
    ("pulumi:providers:docker", "PrivateRegistry", server.provider),
    # What works on the clients says nothing but that: what it does, they say.
    ("pulumi:providers:private-registry", "PrivateRegistry", _nothing),
    (":AcmeCertificate", "", _both(acme.asked, certificates.certificate)),
    ("Certificate", "PrivateRegistry", certificates.certificate),
    (":SelfSignedCert", "", certificates.authority),
    (":LocallySignedCert", "", certificates.server),
    (":PrivateKey", "Seed", certificates.seed),
    (":PrivateKey", "", certificates.material),
    (":CertRequest", "", certificates.material),
    (":ServerProof", "", servers.proof),
    (waiting.TRUST, "", clients.trust),
    (client.VERIFICATION, "", proofs.verification),
    (former_clients.TRUST, "", former_clients.component),
    # Of who stays the proof of all tells, and of who goes the trust.
    (former_clients.VERIFICATION, "", _nothing),
    (":Command", "ClientTrust", former_clients.trust),
    (":Command", "Verification", _nothing),
    *((f":{kind}", "", _nothing) for kind in ("HostFiles", "ReleasedFiles", "Login", "Challenge", "Renewal", "Caches")),
)
"""How the type of a step ends, a component that it is below, and what says its impacts: in the table's order."""

_KNOWN_OPS = ("create", "update", "replace", "delete")


def impacts(preview: Preview) -> list[Impact]:
    """Return what follows from a preview, losses and interruptions first, always in the same order."""
    found = [
        replace(row, change=of_registry(name, row.change))
        for name, part in preview.registries.items()
        for row in _impacts(part)
    ]
    return sorted(found, key=lambda impact: not impact.disruptive)


def belonging(preview: Preview) -> int:
    """Return the number of changes that have no row, since the row of another change tells of them."""
    parts = preview.registries.values()
    return sum(not list(_of_step(step, part)) for part in parts for step in part.changes)


def _impacts(preview: Preview) -> list[Impact]:
    """Return what follows for one registry."""
    steps = sorted(preview.changes, key=lambda step: (_place(step), servers.turn(step, preview), step.name))
    found = [*servers.order(preview), *(found for step in steps for found in _of_step(step, preview))]
    data = preview.find(":Volume", "Registry")
    if data and data.op == "same":
        found += server.retention(data, preview.beside(data))
    return found


def _of_step(step: Step, preview: Preview) -> Iterable[Impact]:
    return _rule(step)(step, preview.beside(step))


def _rule(step: Step) -> Rule:
    return [*(rule for _, _, rule in _RULES), _plain][_place(step)]


def _place(step: Step) -> int:
    """Return the number of a step's rule; that after the last where there is none."""
    if step.op not in _KNOWN_OPS:
        return len(_RULES)
    known = (
        place
        for place, (type_, component, _) in enumerate(_RULES)
        if step.type.endswith(type_) and component in ("", *step.components)
    )
    return next(known, len(_RULES))


def _plain(step: Step, preview: Preview) -> Iterable[Impact]:
    """Return the row of a step of which nothing is known here: none is dropped."""
    if step.op == "delete-replaced":
        return [Impact("the stack", f"resource {step.name}", "left over from an earlier update; removed")]
    return [Impact("the stack", f"resource {step.name}: {step.op}", "see Pulumi's own preview")]
