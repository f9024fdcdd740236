"""The clients that trust the registry."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from ..component import TYPES
from ..ordering import Awaited, Step, without_dependencies
from ..settings import Client, pem
from . import RUNTIMES
from .reach import reach
from .runtime import MODE, Known, Runtime, ScriptRuntime

_DIGITS = 12
_HEADER = "# Installed by private-registry: an update or a removal overwrites this file.\n"
"""Versions before 0.3 had no such line, and what they take away has none."""


@dataclass(frozen=True)
class Password:
    """That of a user of the registry, for the clients that log in."""

    password: pulumi.Output[str]
    """Secret."""
    digest: pulumi.Output[str]
    """Keyed; no secret."""


class ClientsTrust(Awaited):
    """What every client trusts by, and an entry in the hosts file where one is asked for.

    It says of itself: ``registry``, as clients know it; ``hosts`` (client -> how it is reached, its ``runtimes``, its
    ``hostsEntry``, the user of its login, ``loginAs``, and whether it is ``required``); ``passwords`` of these users,
    secret, and their ``passwordDigests``, keyed, by which another one shows; ``caches``, the other registries whose
    images come through this one on the clients that say ``caches``; ``runtimes`` (name -> ``files``, by path their mode
    and digest, and ``link``); ``trusted`` (digest -> name and end of each authority); ``share``, the percentage that
    must trust; and ``atOnce``.
    """

    placed: pulumi.Output[Mapping[str, Any]]

    def __init__(
        self,
        name: str,
        clients: Sequence[Client],
        registry: Known,
        ca_certificate: pulumi.Input[str] | None,
        host_names: str,
        share: int,
        at_once: int,
        logins: Mapping[str, Password],
        caches: Sequence[str],
        depends_on: pulumi.Output[list[Step]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        authorities = pulumi.Output.from_input(ca_certificate or "").apply(lambda text: text and _HEADER + text)
        used = dict.fromkeys(runtime for client in clients for runtime in client.runtimes)
        props: dict[str, Any] = {
            "registry": said_of_registry(registry),
            **reach(clients),
            "runtimes": {runtime: _said(RUNTIMES[runtime], registry, authorities) for runtime in used},
            "authorities": authorities,
            "trusted": authorities.apply(_described),
            "share": share,
            "atOnce": at_once,
            "placed": None,
        }
        if logins:
            props["passwords"] = {user: pulumi.Output.secret(one.password) for user, one in logins.items()}
            props["passwordDigests"] = {user: one.digest for user, one in logins.items()}
        for client in clients:
            said = props["hosts"][client.host]
            said["runtimes"] = list(client.runtimes)
            if client.hosts_entry:
                said["hostsEntry"] = f"{','.join(client.hosts_entry)}/{host_names}"
            if client.login:
                said["loginAs"] = client.login
            if client.caches:
                said["caches"] = True
                props["caches"] = sorted(caches)
            if client.required is not None:
                said["required"] = client.required
        super().__init__(
            f"{TYPES}ClientsTrust",
            name,
            props,
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=depends_on)),
        )

    @property
    def outcome(self) -> pulumi.Output[Any]:
        """What is known once the clients trust, and unknown where that failed."""
        return self.placed


def said_of_registry(registry: Known) -> dict[str, Any]:
    """Return the registry as clients know it, for the inputs of a resource."""
    return {
        "reference": registry.reference,
        "fullReference": registry.full_reference,
        "mark": registry.mark,
        "hasAuthorities": registry.has_authorities,
        "isPublic": registry.is_public,
        **({"aliases": list(registry.aliases)} if registry.aliases else {}),
    }


def trusts_by(client: Client, registry: Known) -> str:
    """Return what a client trusts a registry by, for people."""
    if not registry.has_authorities:
        return "the CAs of its system"
    return "; ".join(RUNTIMES[runtime].places(registry)[0] for runtime in client.runtimes)


def _said(runtime: Runtime, registry: Known, authorities: pulumi.Output[str]) -> dict[str, Any]:
    if not registry.has_authorities:
        return {"files": {}}
    digest = authorities.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:_DIGITS])
    said = {"mode": MODE, "digest": without_dependencies(digest)}
    link = runtime.placement(registry).link if isinstance(runtime, ScriptRuntime) else ""
    return {"files": dict.fromkeys(runtime.places(registry), said), **({"link": link} if link else {})}


def _described(text: str) -> dict[str, str]:
    """Return digest -> name and end of each certificate of a PEM text."""
    return {one.fingerprint(SHA256()).hex()[:_DIGITS]: _named(one) for one in pem.certificates(text)} if text else {}


def _named(certificate: x509.Certificate) -> str:
    return f"{pem.common_name(certificate)}, until {certificate.not_valid_after_utc:%Y-%m-%d}"
