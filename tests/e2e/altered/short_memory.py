"""A login that remembers a password for two seconds, and gives tokens for four."""

from components.proxy import proxy

from .parts import replaced

replaced(proxy, "login_scripts", "KNOWN_MS = 43200000", "KNOWN_MS = 2000")
replaced(proxy, "login_scripts", "TOKEN_S = 300", "TOKEN_S = 4")
