"""Where the server certificate comes from: the sources. A new one is a file here, and a line in the list."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from .acme import Acme
from .provided import Provided
from .renewal import Renewal
from .self_signed import SelfSigned
from .signing_authority import SigningAuthority
from .source import CertificateSource, Given, Signed


def _with_source(given: Any) -> Any:
    """Name the source where nothing else is named."""
    return {"source": "self-signed", **given} if isinstance(given, Mapping) else given


Source = Annotated[
    SelfSigned | Provided | SigningAuthority | Acme,
    Field(discriminator="source"),
    BeforeValidator(_with_source),
]
"""The list of the sources; `source` tells which one it is."""

__all__ = [
    "Acme",
    "CertificateSource",
    "Given",
    "Provided",
    "Renewal",
    "SelfSigned",
    "Signed",
    "SigningAuthority",
    "Source",
]
