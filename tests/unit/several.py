"""Settings with several servers: one has no name, one another address for clients, and one is the control machine."""

from collections.abc import Mapping
from typing import Any

from tests.unit.conftest import HOST_KEY
from tests.unit.storages import BUCKET

_LOGIN = {"agent": True, "hostKey": HOST_KEY}

SEVERAL: Mapping[str, Any] = {
    "storage": BUCKET,
    "servers": [
        {"dockerHost": "ssh://ops@10.0.0.5", "dockerHostAccess": _LOGIN},
        {"name": "b", "dockerHost": "ssh://10.0.0.6", "dockerHostAccess": _LOGIN, "address": "192.0.2.6"},
        {"name": "c", "address": "192.0.2.7"},
    ],
}
"""Settings besides those of ``BASE``."""
