"""What is placed on one client: from what is there of the stack to what is to be there, step by step.

It knows no resource. What was placed is a record that goes into the state: bundle -> ``place``, what its script has to
know, and ``authorities``, the digest of the text that it carries, or nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..hosts.connections import Failed
from ..hosts.host import shell
from ..hosts.place import arguments
from ..hosts.session import Run, reason
from ..scripts.script import with_payload, words
from . import RUNTIMES
from .host_changes import changes_to, changes_without, made_files, own_files, read, write
from .host_file import Facts, HostFile, Own, Refused
from .runtime import ANY, AUTHORITIES, KEEP_TRUST, MODE, FilesRuntime, Known, Placement, ScriptRuntime, entry_alone

Record = Mapping[str, Any]
"""``place`` and ``authorities`` of one bundle."""
Records = dict[str, Record]
"""Bundle -> record: a runtime's name, or that of the hosts entry."""

ENTRY = "hosts"
"""The bundle of the hosts entry."""
_KEEP = Path(__file__).parent / "keep_trust_of_file.sh"
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
    for runtime in runtimes if known.has_authorities else ():
        found[runtime] = {"place": _place_of(runtime, known), "authorities": digest(authorities)}
    return found


def is_placed(have: Record | None, want: Record) -> bool:
    """Tell whether what is there is what is wanted."""
    return have is not None and all(have.get(key) == value for key, value in want.items())


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
        if is_placed(have.get(bundle), record):
            continue
        is_there = bundle in have and target(have[bundle]) == target(record)
        try:
            if isinstance(runtime := RUNTIMES.get(bundle), FilesRuntime):
                before = have[bundle] if is_there else None
                have[bundle] = await _put(run, sudo and not runtime.is_of_user, runtime, record, before, texts)
            else:
                said += await _run(run, *command(sudo, "update" if is_there else "create", bundle, record, texts))
                have[bundle] = record
        except Failed as error:
            failed += error.reasons
        except Refused as error:
            failed.append(str(error))
    if failed:
        raise Failed(*failed)
    return said


async def take_away(run: Run, sudo: bool, bundle: str, record: Record, texts: Mapping[str, str]) -> list[str]:
    """Take away what a record says; return what the script said.

    Raises:
        Failed: The script failed.
    """
    runtime = RUNTIMES.get(bundle)
    if not isinstance(runtime, FilesRuntime):
        return await _run(run, *command(sudo, "delete", bundle, record, texts))
    sudo = sudo and not runtime.is_of_user
    try:
        facts, wants = await _wants(run, sudo, runtime, record, texts)
        await write(
            run, sudo, changes_without(wants, facts, record.get("files") or {}, record.get("made") or ()), facts
        )
    except Refused as error:
        raise Failed(str(error)) from None
    return []


async def findings(run: Run, sudo: bool, bundle: str, record: Record, texts: Mapping[str, str]) -> list[str]:
    """Return what is not as it was left.

    Raises:
        Failed: Nobody could look.
    """
    runtime = RUNTIMES.get(bundle)
    if not isinstance(runtime, FilesRuntime):
        return await _run(run, *command(sudo, "check", bundle, record, texts))
    try:
        facts, wants = await _wants(run, sudo and not runtime.is_of_user, runtime, record, texts)
        changed = changes_to(wants, facts)
    except Refused as error:
        return [str(error)]
    return [f"{one.path} {'has other content' if one.path in facts.files else 'is missing'}" for one in changed]


def command(sudo: bool, verb: str, bundle: str, record: Record, texts: Mapping[str, str]) -> tuple[str, str]:
    """Return the command that does something with a bundle of a script, and its standard input.

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


def target(record: Record) -> Sequence[Any]:
    """Return where a bundle is: in another place it is another one."""
    return [record["place"].get(key) for key in ("directory", "store", "reference", "fullReference")]


async def _put(
    run: Run, sudo: bool, runtime: FilesRuntime, record: Record, before: Record | None, texts: Mapping[str, str]
) -> Record:
    """Write the files of a runtime; return the record with what was written."""
    facts, wants = await _wants(run, sudo, runtime, record, texts)
    written = own_files(wants)
    _refuse_strangers(wants, facts, (before or {}).get("files") or {})
    if before:
        for path in (before.get("files") or {}).keys() & facts.files.keys():
            await _keep_trust(run, sudo, runtime, record, path, texts)
    gone = {path: one for path, one in ((before or {}).get("files") or {}).items() if path not in written}
    await write(run, sudo, [*changes_to(wants, facts), *changes_without([], facts, gone)], facts)
    made = sorted({*made_files(wants, facts, is_first=before is None), *((before or {}).get("made") or ())})
    return {**record, "files": written, **({"made": made} if made else {})}


def _refuse_strangers(wants: Sequence[HostFile], facts: Facts, ours: Mapping[str, str]) -> None:
    """Refuse to overwrite a file that this stack has not written.

    Raises:
        Refused: It names the file.
    """
    for one in wants:
        if not isinstance(one, Own) or one.path in ours or one.path not in facts.files:
            continue
        there = facts.text(one.path)
        if there != one.content and "private-registry" not in there.partition("\n")[0]:
            raise Refused(f"{one.path} exists with other content and was not written by this stack; it was not changed")


async def _wants(
    run: Run, sudo: bool, runtime: FilesRuntime, record: Record, texts: Mapping[str, str]
) -> tuple[Facts, Sequence[HostFile]]:
    known = _known_of(record)
    facts = await read(
        run,
        sudo,
        runtime.question,
        lambda home: [*runtime.reads(known, home), *(record.get("files") or {})],
        lambda facts: runtime.reads_more(known, facts),
    )
    wants = runtime.wants(known, texts[record["authorities"]], facts)
    missing = [one.path for one in wants if one.path not in facts.files]
    if missing:
        # What a runtime wants may be there, though it did not have to know that.
        more = await read(run, sudo, "", lambda _: missing, lambda _: [])
        facts = Facts({**facts.files, **more.files}, facts.said, facts.home)
    return facts, wants


async def _keep_trust(
    run: Run, sudo: bool, runtime: FilesRuntime, record: Record, path: str, texts: Mapping[str, str]
) -> None:
    """Refuse to drop an authority by which the registry is known."""
    line = shell(sudo) + words(registry=record["place"]["reference"], file=path)
    await _run(run, line, with_payload(_KEEP, {AUTHORITIES: texts[record["authorities"]]}, [KEEP_TRUST]))


async def _run(run: Run, line: str, stdin: str) -> list[str]:
    answer = await run(line, stdin)
    if answer.status != 0:
        raise Failed(reason(answer))
    return answer.output.splitlines()


def _place_of(runtime: str, known: Known) -> Mapping[str, Any]:
    found = RUNTIMES[runtime]
    if isinstance(found, ScriptRuntime):
        return {key: value for key, value in found.placement(known).place.items() if value}
    return {
        "reference": known.reference,
        "fullReference": known.full_reference,
        "mark": known.mark,
        **({"aliases": list(known.aliases)} if known.aliases else {}),
    }


def _known_of(record: Record) -> Known:
    place = record["place"]
    aliases = tuple(place.get("aliases") or ())
    return Known(place["reference"], place["fullReference"], place["mark"], has_authorities=True, aliases=aliases)


def _placement(bundle: str) -> Placement:
    runtime = RUNTIMES.get(bundle)
    return runtime.placement(ANY) if isinstance(runtime, ScriptRuntime) else entry_alone(ANY.mark)
