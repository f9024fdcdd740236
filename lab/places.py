"""Where the lab keeps things."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LAB = PROJECT / "lab"

STATE = PROJECT / ".lab"
"""Of this clone: the stack's state, keys, passwords, the clients and images files."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "private-registry"
"""Of this user: what was built or fetched, shared by all clones."""
