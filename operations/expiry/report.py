"""How long certificates last, for people and for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from components.settings.certificates import Renewal
from operations.expiry.certificates import Certificate, Kind, State, Thresholds

_HEADINGS = ("LEFT", "UNTIL", "STATE", "WHAT", "RENEWED BY")
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
FAILED, ERROR, WARNING = 1, 2, 3
"""Exit statuses."""
_BY_HAND = "you, in three updates"
_AUTHORITY = "Rotate the CA in three updates. See docs/rotate.md."
_BY_ITSELF = "The server does not renew its certificate. To find the reason: see docs/acme.md."
_BY_UPDATE = "Run an update. If you provide the certificate: configure a new chain and key before."


@dataclass(frozen=True)
class Report:
    """What a look has found."""

    stack: str
    """Its name; nothing where nobody asked for it."""
    url: str
    now: datetime
    certificates: Sequence[Certificate]
    thresholds: Thresholds
    failure: str = ""
    """Why nobody could ask the server."""

    def state(self, one: Certificate) -> State:
        """Tell how it is about a certificate."""
        return self.thresholds.state(one, self.now)

    @property
    def status(self) -> int:
        """The exit status: what is worst."""
        states = set(map(self.state, self.certificates))
        if states & {State.ERROR, State.ENDED}:
            return ERROR
        if self.failure:
            return FAILED
        return WARNING if State.WARNING in states else 0

    def text(self) -> str:
        """Return the report for people: a table, and what to do."""
        rows = [_HEADINGS, *map(self._row, self.certificates)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows if self.certificates)
        return "\n".join([*table, *dict.fromkeys(self._advice())])

    def _row(self, one: Certificate) -> tuple[str, ...]:
        left, until = time_left(one.end - self.now), f"{one.end:%Y-%m-%d %H:%M} UTC"
        who = _BY_HAND if one.kind is Kind.AUTHORITY else renewed_by(one.renewal)
        return left, until, self.state(one), _plain(one.name), who

    def _advice(self) -> Iterator[str]:
        return (_advice(one) for one in self.certificates if self.state(one) is not State.OK)

    def json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(
            {
                "stack": self.stack,
                "url": self.url,
                "failure": self.failure,
                "status": self.status,
                "certificates": [self._facts(one) for one in self.certificates],
            },
            indent=2,
        )

    def _facts(self, one: Certificate) -> dict[str, object]:
        return {
            "kind": one.kind,
            "name": one.name,
            "sha256": one.sha256,
            "from": f"{one.begin:%Y-%m-%dT%H:%M:%SZ}",
            "until": f"{one.end:%Y-%m-%dT%H:%M:%SZ}",
            "days": (one.end - self.now).days,
            "state": self.state(one),
            "renewal": one.renewal and one.renewal.told,
            "warnBelowDays": self.thresholds.warning(one) / _DAY,
            "errorBelowDays": self.thresholds.failure(one) / _DAY,
        }


def _plain(text: str) -> str:
    """Return what stays in its line on a terminal: somebody else may have written it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _advice(one: Certificate) -> str:
    if one.kind is Kind.AUTHORITY:
        return _AUTHORITY
    return _BY_ITSELF if one.renewal and one.renewal.by == "server" else _BY_UPDATE


def renewed_by(renewal: Renewal | None) -> str:
    """Return who sees to it that there is another server certificate in time."""
    if renewal is None:
        return "unknown"
    if renewal.by == "update":
        return f"an update in its last {renewal.days} days"
    return "the server, by itself" if renewal.by == "server" else "you, with a new chain and key"


def time_left(left: timedelta) -> str:
    """Return how long something lasts, or since when it is over."""
    span = abs(left)
    unit, size = ("day", _DAY) if span >= _DAY else ("hour", _HOUR)
    count = span // size
    amount = f"{count} {unit}{'' if count == 1 else 's'}" if count else "less than an hour"
    if left > timedelta():
        return amount
    return "ended yesterday" if (count, unit) == (1, "day") else f"ended {amount} ago"
