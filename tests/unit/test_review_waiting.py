"""For which clients a certificate is said to wait."""

from typing import Any

import pytest

from review.impacts import impacts
from tests.unit.client_events import client, trust, trusting
from tests.unit.events import COMMAND, COMPONENT, below, event, preview


@pytest.mark.parametrize(
    ("share", "required", "who"),
    [
        (100, [None, None], "all clients"),
        (100, [True, None], "all clients"),
        (100, [False, None], "all required clients"),
        (95, [None, None], "95 % of the clients"),
        (95, [True, False], "95 % of the clients, with all required ones,"),
        (95, [None, False], "95 % of the clients, or all required ones,"),
    ],
)
def test_a_certificate_waits_for_those_whom_the_settings_name(
    share: int, required: list[bool | None], who: str
) -> None:
    hosts: dict[str, Any] = {
        f"10.0.0.{number}": client() if one is None else client(required=one) for number, one in enumerate(required)
    }
    said = trusting(hosts=hosts, share=share)
    files = [{"bundle": "tls", "host": "localhost", "files": {"server.crt": {"digest": digest}}} for digest in "12"]
    served = event("update", f"{COMPONENT}ReleasedFiles", "registry-proxy-releasedfiles", *files, parent=below("Proxy"))
    command = event("update", COMMAND, "any", {}, {}, parent=below("Proxy", "ReleasedFiles"))
    [row] = impacts(preview(served, command, trust("same", said, said)))
    assert row.effect == f"once {who} trust it, nginx reloads with it; no interruption"
