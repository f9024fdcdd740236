"""The look at a stack: its server is asked what it serves, and its outputs tell what clients trust."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

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
    url = outputs["url"]
    trusted = list(_trusted(outputs.get("ca_certificate") or ""))
    try:
        found, failure = [*_served(url, Renewal.read(outputs.get("renewal")), trusted), *trusted], ""
    except OperationError as error:
        found, failure = trusted, str(error)
    return Report(stack, url, datetime.now(UTC), found, thresholds or Thresholds(), failure)


def _served(url: str, renewal: Renewal | None, trusted: list[Certificate]) -> Iterator[Certificate]:
    own, *more = served(url)
    yield Certificate.of(Kind.SERVER, f"what {url} serves", renewal, own)
    known = {one.sha256 for one in trusted}
    for link in more:
        one = Certificate.of(Kind.INTERMEDIATE, f"sent along: {pem.common_name(link)}", renewal, link)
        if one.sha256 not in known:
            yield one


def _trusted(authorities: str) -> Iterator[Certificate]:
    for one in pem.certificates(authorities) if authorities.strip() else ():
        yield Certificate.of(Kind.AUTHORITY, f"authority {pem.common_name(one)}", _BY_HAND, one)
