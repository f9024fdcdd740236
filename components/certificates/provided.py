"""Somebody brings the server certificate along; the settings have checked it."""

from .given import GivenCertificate


class ProvidedCertificate(GivenCertificate):
    """A certificate that somebody brings along."""
