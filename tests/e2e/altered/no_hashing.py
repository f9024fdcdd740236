"""Whoever computes a hash fails."""

from components.proxy.login import users

from .parts import put

put(users, "bcrypt_hash", None)
