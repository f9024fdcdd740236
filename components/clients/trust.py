"""One client host that trusts the registry."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from ..component import Component
from ..hosts import File, Host, HostFiles
from ..ordering import Command, without_dependencies
from ..seed import Seed
from ..settings import pem
from . import DEFAULT, RUNTIMES
from .runtime import Known, Placement, entry_alone

_DIGITS = 12


class ClientTrust(Component):
    """What each of the client's runtimes trusts by, and an entry in the hosts file where one is asked for.

    It says of itself: ``host``, the ``reference`` that images start with, ``runtimes`` (name -> ``files``, by path
    their mode and digest, and ``link``), ``hostsEntry`` (address and name, with the aliases after it), ``authorities``
    (digest -> name and end), and ``aliases``, where there are any.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        runtimes: Sequence[str],
        registry: Known,
        ca_certificate: pulumi.Input[str] | None,
        seed: Seed,
        hosts_entry: tuple[str, str] | None = None,
        depends_on: pulumi.Output[list[Command]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self._name, self._host, self._seed, self._depends_on = name, host, seed, depends_on
        self._has_aliases = bool(registry.aliases)
        self._authorities = pulumi.Output.from_input(ca_certificate or "")
        placements = {runtime: RUNTIMES[runtime].placement(registry) for runtime in runtimes}
        props: dict[str, pulumi.Input[object]] = {
            "host": host.name,
            "reference": registry.reference,
            "runtimes": {runtime: self._said_of(placed) for runtime, placed in placements.items()},
            "hostsEntry": dict(zip(("address", "name"), hosts_entry, strict=True)) if hosts_entry else None,
        }
        if registry.aliases:
            props["aliases"] = list(registry.aliases)
        if ca_certificate:
            # It records no dependency: what the files come from, their command has.
            props["authorities"] = without_dependencies(self._authorities.apply(_authorities))
        super().__init__(name, opts, props)
        self.commands: list[Command] = []
        """What places the files, if there are any to place."""
        entry = {"entry": "/".join(hosts_entry)} if hosts_entry else {}
        for runtime, placed in placements.items():
            if placed.paths:
                # Docker's files take the entry along, as they did when there was no other runtime.
                self._place(runtime, suffix_of(runtime), placed, entry if runtime == DEFAULT else {})
        # Without files it is another command, so that one line is there before the other goes.
        if entry and not (DEFAULT in placements and placements[DEFAULT].paths):
            self._place("hosts", "~hosts", entry_alone(registry.mark), entry)
        self.files = [path for placed in placements.values() for path in placed.paths.values()]
        """What the client trusts by; nothing where it trusts the issuer already."""
        self.register_outputs({})

    def _place(self, kind: str, suffix: str, placed: Placement, more: Mapping[str, str]) -> None:
        bundle = HostFiles(
            f"{self._name}{suffix}",
            kind,
            self._host,
            placed.target,
            {**placed.place, **more},
            {file: File(self._authorities) for file in placed.paths},
            self._seed,
            placed.script,
            placed.parts,
            # Names may change their places: what is new takes over what stays of the old.
            delete_before_replace=not (self._has_aliases and placed.paths),
            opts=self.child(self._depends_on),
        )
        self.commands.append(bundle.command)

    def _said_of(self, placed: Placement) -> dict[str, Any]:
        digest = self._authorities.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:_DIGITS])
        said = {"mode": File.mode, "digest": without_dependencies(digest)}
        return {"files": dict.fromkeys([*placed.paths.values(), *placed.also], said), "link": placed.link or None}


def suffix_of(runtime: str) -> str:
    """Return what the name of a runtime's resource ends with: nothing for Docker's; no host has a tilde in its name."""
    return "" if runtime == DEFAULT else f"~{runtime}"


def _authorities(text: str) -> dict[str, str]:
    """Return digest -> name and end of each certificate of a PEM text."""
    return {one.fingerprint(SHA256()).hex()[:_DIGITS]: _described(one) for one in pem.certificates(text)}


def _described(certificate: x509.Certificate) -> str:
    return f"{pem.common_name(certificate)}, until {certificate.not_valid_after_utc:%Y-%m-%d}"
