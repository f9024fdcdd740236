"""The stack's own authorities sign the server certificate."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..chain import authority_mistakes
from ..fields import Certificates, Name, unique
from .source import Signed


class SelfSigned(Signed):
    """The stack creates CAs and a server certificate.

    Rules:
        - `renewalDays` must be below `validityDays`, and that below `authorityValidityDays`.

    Example:
        private-registry:certificate:
          source: self-signed
          authorities: ["2026"]
          validityDays: 365
          renewalDays: 30
    """

    source: Literal["self-signed"] = "self-signed"
    authority: Certificates | None = None
    """Additional CA certificates that clients also trust, PEM. Needed only to change to another `source` (rotate.md).

    Change: clients: clients refuse to remove the CA of the certificate in use.
    """
    authorities: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = ("1",)
    """Names of the CAs. The first one signs, and clients trust all of them.

    Change: clients, reload: rotate in three updates (rotate.md): add a name, move it to the first place, remove the old
    one. Clients refuse to remove the CA of the certificate in use.
    """
    authority_validity_days: Annotated[int, Field(ge=30, le=36500)] = 3650
    """Lifetime of each CA.

    Change: loss: every CA would be created again, so clients refuse it and the update fails. Set it before the first
    update.
    """

    @model_validator(mode="after")
    def _lives_nest(self) -> Self:
        if self.validity_days >= self.authority_validity_days:
            raise ValueError("validityDays must be below authorityValidityDays: a certificate can't outlive its issuer")
        unique("authorities", self.authorities)
        return self

    def mistakes(self, domain: str, aliases: Sequence[str] = ()) -> Iterable[str]:
        """Return what is wrong with what clients trust besides, on the way to another source."""
        return authority_mistakes(self.trusted, domain) if self.trusted else ()
