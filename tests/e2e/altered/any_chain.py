"""No chain is refused."""

from components.settings import chain

from .parts import put

put(chain, "refusals", lambda *_: iter(()))
