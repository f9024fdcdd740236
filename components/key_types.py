"""The kinds of keys that a server certificate may have; what reads a stack knows them too, and needs no settings."""

from typing import Literal

KeyType = Literal["P-256", "P-384", "RSA-2048", "RSA-3072", "RSA-4096"]
"""Kinds of keys that all clients take."""
USUAL_KEY: KeyType = "P-256"
"""What the stack makes where nothing is set, and does not say of itself then."""
