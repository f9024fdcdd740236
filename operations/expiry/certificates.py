"""What ends some day, who sees to it that there is another one in time, and from when on nobody has done so."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from components.settings.certificates import Renewal

_SHARE = 5
"""Of its life, one part is left when a certificate is overdue: others are renewed at a half or two thirds."""
_WINDOW = 0.7
"""Of the days in which an update renews: by then there should have been one."""
_ERROR_SHARE = 2


class Kind(StrEnum):
    """What a certificate is for."""

    SERVER = "server"
    INTERMEDIATE = "intermediate"
    """What the server sends beside its own."""
    AUTHORITY = "authority"
    """What clients trust."""


_DAYS = {Kind.SERVER: (21, 7), Kind.INTERMEDIATE: (21, 7), Kind.AUTHORITY: (90, 21)}
"""A warning below so many days, an error below so many. Another authority takes three updates."""


class State(StrEnum):
    """How it is about a certificate."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    ENDED = "ended"


@dataclass(frozen=True)
class Certificate:
    """What ends some day."""

    kind: Kind
    name: str
    renewal: Renewal | None
    """Who sees to it that there is another one in time; None where nothing tells."""
    sha256: str
    begin: datetime
    end: datetime

    @classmethod
    def of(cls, kind: Kind, name: str, renewal: Renewal | None, certificate: x509.Certificate) -> "Certificate":
        """Return what is to be known of a certificate."""
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return cls(kind, name, renewal, certificate.fingerprint(SHA256()).hex(), begin, end)

    @property
    def life(self) -> timedelta:
        """How long it lives in all."""
        return self.end - self.begin


@dataclass(frozen=True)
class Thresholds:
    """The days below which somebody wants to know; None for what fits a certificate."""

    warn: int | None = None
    error: int | None = None

    def warning(self, one: Certificate) -> timedelta:
        """Return what has to be left, or there is a warning."""
        if self.warn is not None:
            return timedelta(days=self.warn)
        window = one.renewal and one.renewal.days
        days = [_DAYS[one.kind][0], *([window * _WINDOW] if window else [])]
        return min(timedelta(days=min(days)), one.life / _SHARE)

    def failure(self, one: Certificate) -> timedelta:
        """Return what has to be left, or there is an error."""
        if self.error is not None:
            return timedelta(days=self.error)
        return min(timedelta(days=_DAYS[one.kind][1]), self.warning(one) / _ERROR_SHARE)

    def state(self, one: Certificate, now: datetime) -> State:
        """Tell how it is about a certificate."""
        left = one.end - now
        if left <= timedelta():
            return State.ENDED
        if left < self.failure(one):
            return State.ERROR
        return State.WARNING if left < self.warning(one) else State.OK
