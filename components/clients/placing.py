"""What is placed on one client: from what is there of the stack to what is to be there, step by step.

It knows no resource. What was placed is a record that goes into the state: bundle -> ``place``, what its script has to
know, and ``authorities``, the digest of the text that it carries, or nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..hosts.connections import Failed
from ..hosts.host import shell
from ..hosts.place import arguments
from ..hosts.session import Run, reason
from ..scripts.script import with_payload
from . import RUNTIMES
from .runtime import ANY, AUTHORITIES, MODE, Known, Placement, entry_alone

Record = Mapping[str, Any]
"""``place`` and ``authorities`` of one bundle."""
Records = dict[str, Record]
"""Bundle -> record: a runtime's name, or that of the hosts entry."""

ENTRY = "hosts"
"""The bundle of the hosts entry."""
_FOR_WRITING = ("entry", "registry")
"""What of a place is of no use to who takes it away."""


def digest(authorities: str) -> str:
    """Return what names a text of authorities in a record."""
    return hashlib.sha256(authorities.encode()).hexdigest()[:12]


def wanted(known: Known, runtimes: Sequence[str], entry: str, authorities: str) -> Records:
    """Return what is to be on a client.

    Args:
        known: The registry.
        runtimes: What the client trusts by.
        entry: ADDRESS/NAMES for the hosts file, or nothing.
        authorities: What it is to trust, PEM.
    """
    found: Records = {}
    # First the name, so that a check of what is served finds it.
    if entry:
        found[ENTRY] = {"place": {**entry_alone(known.mark).place, "entry": entry}, "authorities": ""}
    for runtime in runtimes:
        placement = RUNTIMES[runtime].placement(known)
        if placement.paths:
            place = {key: value for key, value in placement.place.items() if value}
            found[runtime] = {"place": place, "authorities": digest(authorities)}
    return found


def superseded(have: Mapping[str, Record], want: Mapping[str, Record]) -> Iterator[tuple[str, Record]]:
    """Return the bundles of a record that are nowhere in another one, or in another place."""
    for bundle, record in have.items():
        if bundle not in want or target(record) != target(want[bundle]):
            yield bundle, record


async def place(run: Run, sudo: bool, have: Records, want: Mapping[str, Record], texts: Mapping[str, str]) -> list[str]:
    """Place what is wanted and not there; ``have`` becomes what is there. A bundle that fails does not stop the others.

    Args:
        run: Runs commands on the client.
        sudo: Whether they become root.
        have: What is there of the stack. What is wanted no more stays.
        want: What is to be there.
        texts: Digest -> authorities.

    Returns:
        What the scripts said.

    Raises:
        Failed: Scripts failed.
    """
    said, failed = [], []
    for bundle, record in want.items():
        if have.get(bundle) == record:
            continue
        is_there = bundle in have and target(have[bundle]) == target(record)
        try:
            said += await _run(run, sudo, "update" if is_there else "create", bundle, record, texts)
            have[bundle] = record
        except Failed as error:
            failed += error.reasons
    if failed:
        raise Failed(*failed)
    return said


async def take_away(run: Run, sudo: bool, bundle: str, record: Record, texts: Mapping[str, str]) -> list[str]:
    """Take away what a record says; return what the script said.

    Raises:
        Failed: The script failed.
    """
    return await _run(run, sudo, "delete", bundle, record, texts)


async def _run(run: Run, sudo: bool, verb: str, bundle: str, record: Record, texts: Mapping[str, str]) -> list[str]:
    answer = await run(*command(sudo, verb, bundle, record, texts))
    if answer.status != 0:
        raise Failed(reason(answer))
    return answer.output.splitlines()


def command(sudo: bool, verb: str, bundle: str, record: Record, texts: Mapping[str, str]) -> tuple[str, str]:
    """Return the command that does something with a bundle, and its standard input.

    Args:
        sudo: Whether it becomes root.
        verb: ``create``, ``update``, ``delete``, or ``check``, which prints what is not as it was left.
        bundle: Its name.
        record: What is there of it, or is to be.
        texts: Digest -> authorities.
    """
    placement = _placement(bundle)
    place = record["place"]
    if verb == "delete":
        place = {key: value for key, value in place.items() if key not in _FOR_WRITING}
    carried = record["authorities"]
    files = {AUTHORITIES: {"mode": MODE, "digest": "-"}} if carried else {}
    payload = {AUTHORITIES: texts[carried]} if carried else {}
    return shell(sudo) + arguments(verb, place, files), with_payload(placement.script, payload, placement.parts)


def _placement(bundle: str) -> Placement:
    return entry_alone(ANY.mark) if bundle == ENTRY else RUNTIMES[bundle].placement(ANY)


def target(record: Record) -> Sequence[Any]:
    """Return where a bundle is: in another place it is another one."""
    return [record["place"].get(key) for key in ("directory", "store")]
