"""Taking away what is wanted no more."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..clients.placing import Record, take_away
from .fleet import Fleet
from .kind import Failures, Tell, Values

Entry = Mapping[str, Any]
"""What is on a client and is wanted no more: ``name``, ``host``, ``bundle``, ``record``, ``reach``, and how
often it was said ``again``."""


def entries(host: str, records: Iterable[tuple[str, Record]], reach: Values) -> list[Entry]:
    """Return an entry for each bundle of a client."""
    return [
        {
            # Another one each time, so that what was removed once and came back is removed again.
            "name": secrets.token_hex(6),
            "host": host,
            "bundle": bundle,
            "record": record,
            "reach": reach,
            "again": 0,
        }
        for bundle, record in records
    ]


async def remove(
    fleet: Fleet,
    dropped: Sequence[Entry],
    texts: Mapping[str, str],
    tell: Tell,
    stays: Mapping[str, Mapping[str, Record]],
) -> Failures:
    """Take away what entries say, client by client, and leave what stays; return client -> why it failed."""
    of: dict[str, list[Entry]] = defaultdict(list)
    for entry in dropped:
        of[entry["host"]].append(entry)

    async def work(host: str) -> None:
        for entry in of[host]:
            run = await fleet.run(entry["reach"])
            current = stays.get(host, {}).get(entry["bundle"])
            await take_away(run, entry["reach"]["sudo"], entry["bundle"], entry["record"], texts, current)

    return await fleet.each("removal", list(of), work, tell)
