"""How long certificates last: ``python -m operations.expiry``.

It ends with 0 if that is long enough, with 2 if not, with 1 if nobody could look.

It asks the registry itself, so it tells of any certificate, and of a renewal that has not reached nginx. One that the
server renews by itself is overdue in the last fifth of its life, which may be short.
"""

import argparse
import json
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from components.registry_reference import DEFAULT_HTTPS_PORT
from components.settings.certificates.acme import BY_THE_SERVER
from components.settings.pem import common_name
from operations.command_line import CommandLine, OperationError, add_stack

_SECONDS = 10
_DAYS = 21
"""Fewer than the 30 in which an update renews: an update is overdue by then."""


_SHARE = 5
"""Of its life, one part is left when a certificate is overdue that the server renews by itself: it does so at a half or
two thirds."""


@dataclass(frozen=True)
class Certificate:
    """What ends some day."""

    what: str
    end: datetime
    life: timedelta | None = None
    """How long it lives in all, where the server renews it by itself."""

    def days(self, now: datetime) -> int:
        """Return the whole days that are left; below 0 once it has ended."""
        return (self.end - now).days

    def is_overdue(self, now: datetime, days: int) -> bool:
        """Tell whether fewer days are left than there should be, by which another one is there otherwise."""
        least = timedelta(days=days)
        return self.end - now < (least if self.life is None else min(least, self.life / _SHARE))


def as_json(found: Sequence[Certificate], now: datetime, days: int) -> str:
    """Return what is known of each certificate, for programs."""
    described = [
        {
            "what": one.what,
            "until": f"{one.end:%Y-%m-%dT%H:%M:%SZ}",
            "daysLeft": one.days(now),
            "isOverdue": one.is_overdue(now, days),
        }
        for one in found
    ]
    return json.dumps({"certificates": described}, indent=2)


def as_metrics(found: Sequence[Certificate], now: datetime, days: int) -> str:
    """Return the same as a text for the node exporter of Prometheus.

    See https://prometheus.io/docs/instrumenting/exposition_formats/.
    """
    ends = {one.what: int(one.end.timestamp()) for one in found}
    overdue = {one.what: int(one.is_overdue(now, days)) for one in found}
    return _gauge("end_seconds", "When it ends, in seconds since 1970.", ends) + _gauge(
        "overdue", "Whether there should be another one by now.", overdue
    )


def _gauge(name: str, meaning: str, values: Mapping[str, int]) -> str:
    metric = f"private_registry_certificate_{name}"
    rows = (f"{metric}{{what={json.dumps(what, ensure_ascii=False)}}} {value}\n" for what, value in values.items())
    return f"# HELP {metric} {meaning}\n# TYPE {metric} gauge\n" + "".join(rows)


def certificates(url: str, authorities: str | None, renewal: str = "") -> Iterator[Certificate]:
    """Return the certificate that a registry serves, and the authorities (PEM) that its clients trust.

    Args:
        url: The registry's.
        authorities: PEM.
        renewal: Who sees to it that there is another certificate in time, if that is known.

    Raises:
        OperationError: Nothing answers as the registry.
    """
    served = _served(url)
    life = served.not_valid_after_utc - served.not_valid_before_utc
    what = f"the certificate that {url} serves" + (f" (renewed by {renewal})" if renewal else "")
    yield Certificate(what, served.not_valid_after_utc, life if renewal == BY_THE_SERVER else None)
    for authority in x509.load_pem_x509_certificates(authorities.encode()) if authorities else ():
        yield Certificate(f"the authority {common_name(authority)}", authority.not_valid_after_utc)


def _served(url: str) -> x509.Certificate:
    place = urlsplit(url)
    context = ssl.create_default_context()
    # Whom to trust is not the question here, and one that has ended is wanted too.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((place.hostname, place.port or DEFAULT_HTTPS_PORT), _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=place.hostname) as connection,
        ):
            return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    except OSError as error:
        raise OperationError(
            f"{url} does not answer: {error}; does this machine know its name, and have a way to it?"
        ) from None


def _outputs(stack: str) -> dict[str, Any]:
    failure = f"the outputs of stack {stack} could not be read"
    return dict(json.loads(CommandLine(stack).run("stack", "output", "--json", failure=failure)))


def main() -> int:
    """Print how long each certificate lasts, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m operations.expiry", description=__doc__)
    add_stack(parser)
    parser.add_argument("--days", type=int, default=_DAYS, help=f"how many have to be left; by default {_DAYS}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--metrics", type=Path, metavar="FILE.prom", help="write a file for Prometheus' node exporter too"
    )
    options = parser.parse_args()
    try:
        outputs = _outputs(options.stack)
        found = list(certificates(outputs["url"], outputs.get("ca_certificate"), outputs.get("renewal", "")))
    except OperationError as error:
        print(error, file=sys.stderr)
        return 1
    now = datetime.now(UTC)
    if options.metrics:
        # Who collects it never reads half of one.
        new = options.metrics.with_suffix(".new")
        new.write_text(as_metrics(found, now, options.days), encoding="utf-8")
        new.rename(options.metrics)
    overdue = [one for one in found if one.is_overdue(now, options.days)]
    if options.json:
        print(as_json(found, now, options.days))
        return 2 if overdue else 0
    for one in found:
        print(f"{one.days(now):>6} days left, until {one.end:%Y-%m-%d}: {one.what}")
    if not overdue:
        return 0
    if any(one.life for one in overdue):
        print("The server does not renew its certificate: docs/acme.md tells where it says why.")
    if not all(one.life for one in overdue):
        print(f"Less than {options.days} days: run an update; docs/rotate.md tells how an authority is replaced.")
    return 2


if __name__ == "__main__":
    sys.exit(main())
