"""The look at a stack: its server is asked what it serves, and its outputs tell what clients trust."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from components.settings import pem
from components.settings.certificates import Renewal
from operations.command_line import CommandLine, OperationError
from operations.expiry.certificates import Certificate, Kind, Thresholds
from operations.expiry.report import Report
from operations.expiry.served import served

_BY_HAND = Renewal("you")
"""Nobody replaces an authority by itself."""


def outputs_of(stack: CommandLine) -> Mapping[str, Any]:
    """Return the outputs of a stack.

    Raises:
        OperationError: They can't be read.
    """
    failure = f"the outputs of stack {stack.stack} could not be read"
    return dict(json.loads(stack.run("stack", "output", "--json", failure=failure)))


def look(outputs: Mapping[str, Any], thresholds: Thresholds | None = None, stack: str = "") -> Report:
    """Return what is known of the certificates: the URL in ``outputs`` is enough to ask what is served."""
    url, renewal = outputs["url"], Renewal.read(outputs.get("renewal"))
    trusted = list(_trusted(outputs.get("ca_certificate") or ""))
    chains, failures = _chains(url, outputs.get("servers") or {})
    found = [*_served(chains, renewal, {one.sha256 for one in trusted}), *trusted]
    return Report(stack, url, datetime.now(UTC), found, thresholds or Thresholds(), "\n".join(failures))


_Chains = list[tuple[str, Sequence[x509.Certificate]]]
"""Who serves, and what."""


def _chains(url: str, servers: Mapping[str, Mapping[str, Any]]) -> tuple[_Chains, list[str]]:
    """Return what each server serves, or the only one at the URL, and why some do not answer."""
    chains: _Chains = []
    failures = []
    places = {f"server {name}": (one["address"], bool(one.get("proxyProtocol"))) for name, one in servers.items()}
    for who, place in (places or {url: ("", False)}).items():
        try:
            chains.append((who, served(url, *place)))
        except OperationError as error:
            failures.append(f"{who}: {error}" if places else str(error))
    return chains, failures


def _served(chains: _Chains, renewal: Renewal | None, known: set[str]) -> Iterator[Certificate]:
    """Return each certificate once: servers may have the same one, or each its own."""
    by_content: dict[bytes, list[str]] = {}
    for who, (own, *_) in chains:
        by_content.setdefault(own.public_bytes(Encoding.DER), []).append(who)
    for content, all_of_them in by_content.items():
        yield Certificate.of(Kind.SERVER, _named(all_of_them), renewal, x509.load_der_x509_certificate(content))
    for _, (_, *more) in chains:
        for link in more:
            one = Certificate.of(Kind.INTERMEDIATE, f"sent along: {pem.common_name(link)}", renewal, link)
            if one.sha256 not in known:
                known.add(one.sha256)
                yield one


def _named(who: Sequence[str]) -> str:
    return f"what {', '.join(who)} {'serves' if len(who) == 1 else 'serve'}"


def _trusted(authorities: str) -> Iterator[Certificate]:
    for one in pem.certificates(authorities) if authorities.strip() else ():
        yield Certificate.of(Kind.AUTHORITY, f"authority {pem.common_name(one)}", _BY_HAND, one)
