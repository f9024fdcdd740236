"""The stack's own authorities sign the server certificate."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..chain import authority_mistakes
from ..fields import Certificates, Name, unique
from .source import Signed


class SelfSigned(Signed):
    """The stack makes authorities and a server certificate."""

    source: Literal["self-signed"] = "self-signed"
    authority: Certificates | None = None
    """What clients trust besides, PEM, on the way to another source."""
    authorities: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = ("1",)
    """Names of the authorities. The first signs, clients trust all of them."""
    authority_validity_days: Annotated[int, Field(ge=30, le=36500)] = 3650
    """How long an authority lives."""

    @model_validator(mode="after")
    def _lives_nest(self) -> Self:
        if self.validity_days >= self.authority_validity_days:
            raise ValueError("validityDays must be below authorityValidityDays: a certificate can't outlive its issuer")
        unique("authorities", self.authorities)
        return self

    def mistakes(self, domain: str, aliases: Sequence[str] = ()) -> Iterable[str]:
        """Return what is wrong with what clients trust besides, on the way to another source."""
        return authority_mistakes(self.trusted, domain) if self.trusted else ()
