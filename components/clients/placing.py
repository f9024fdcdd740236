"""What is placed on one client: from what is there of the stack to what is to be there, step by step.

It knows no resource. What was placed is a record that goes into the state: bundle -> ``place``, what its script has to
know, and ``authorities``, the digest of the text that it carries, or nothing. In a place a login is a user, and a keyed
digest of the password.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..hosts.connections import Failed, succeeding
from ..hosts.host import shell
from ..hosts.place import arguments
from ..hosts.session import Run
from ..scripts.script import with_payload, words
from . import CACHES_FILES, LOGIN_FILES, RUNTIMES, paths
from .access import Access, Login
from .host_changes import (
    Change,
    beside,
    changes_to,
    changes_without,
    digest_of,
    made_files,
    own_files,
    read,
    write,
)
from .host_file import Facts, HostFile, Own, Refused, Shared
from .runtime import (
    ANY,
    AUTHORITIES,
    KEEP_TRUST,
    MODE,
    FilesRuntime,
    Known,
    Placement,
    Planned,
    ScriptRuntime,
    entry_alone,
)

Record = Mapping[str, Any]
"""``place`` and ``authorities`` of one bundle."""
Records = dict[str, Record]
"""Bundle -> record: a runtime's name, that of a login file or of files for caches, or that of the hosts entry."""
Texts = Mapping[str, str]
"""Digest, as records have it -> authorities, or a password."""

ENTRY = "hosts"
"""The bundle of the hosts entry."""
_PLANNED: Mapping[str, Planned] = {
    **{name: runtime for name, runtime in RUNTIMES.items() if isinstance(runtime, FilesRuntime)},
    **LOGIN_FILES,
    **CACHES_FILES,
}
_KEEP = Path(__file__).parent / "keep_trust_of_file.sh"
_FOR_WRITING = ("entry", "registry")
"""What of a place is of no use to who takes it away."""
_HAS_AUTHORITIES = "hasAuthorities"
"""What of a place says that clients are given no authorities, where it is there."""


def digest(authorities: str) -> str:
    """Return what names a text of authorities in a record."""
    return hashlib.sha256(authorities.encode()).hexdigest()[:12]


def login_place(user: str, password_digest: str) -> Mapping[str, str]:
    """Return what a record says of a login."""
    return {"user": user, "passwordDigest": password_digest}


def wanted(
    known: Known,
    runtimes: Sequence[str],
    entry: str,
    authorities: str,
    login: Mapping[str, str] | None = None,
    caches: Sequence[str] = (),
) -> Records:
    """Return what is to be on a client.

    Args:
        known: The registry.
        runtimes: What the client trusts by.
        entry: ADDRESSES/NAMES for the hosts file, or nothing.
        authorities: What it is to trust, PEM.
        login: As whom it logs in, if it does: ``login_place``.
        caches: The other registries whose images come from our caches.
    """
    found: Records = {}
    # First the name, so that a check of what is served finds it.
    if entry:
        found[ENTRY] = {"place": {**entry_alone(known.mark, known.reference).place, "entry": entry}, "authorities": ""}
    carried = digest(authorities) if known.has_authorities else ""
    for runtime in runtimes:
        own: Record = login if login and RUNTIMES[runtime].login == runtime else {}
        if caches and RUNTIMES[runtime].caches == runtime:
            own = {**own, "caches": list(caches)}
        if known.has_authorities or own:
            found[runtime] = {"place": {**_place_of(runtime, known), **own}, "authorities": carried}
    for file in dict.fromkeys(RUNTIMES[runtime].login for runtime in runtimes):
        if login and file in LOGIN_FILES:
            found[file] = {"place": {**_reference(known), **login}, "authorities": ""}
    for files in dict.fromkeys(RUNTIMES[runtime].caches for runtime in runtimes):
        if caches and files in CACHES_FILES:
            place = {**_reference_without(known), **(login or {}), "caches": list(caches)}
            found[files] = {"place": place, "authorities": ""}
    return found


def named(record: Record) -> set[str]:
    """Return the digests of what a record needs: of authorities, and of a password."""
    return {record["authorities"], record["place"].get("passwordDigest", "")} - {""}


def is_placed(have: Record | None, want: Record) -> bool:
    """Tell whether what is there is what is wanted."""
    return have is not None and all(have.get(key) == value for key, value in want.items())


def superseded(have: Mapping[str, Record], want: Mapping[str, Record]) -> Iterator[tuple[str, Record]]:
    """Return the bundles of a record that are nowhere in another one, or in another place."""
    for bundle, record in have.items():
        if bundle not in want or target(record) != target(want[bundle]):
            yield bundle, record


async def place(
    run: Run,
    sudo: bool,
    have: Records,
    want: Mapping[str, Record],
    texts: Texts,
    leaving: Records | None = None,
) -> list[str]:
    """Place what is wanted and not there; ``have`` becomes what is there. A bundle that fails does not stop the others.

    Args:
        run: Runs commands on the client.
        sudo: Whether they become root.
        have: What is there of the stack. What is wanted no more stays.
        want: What is to be there.
        texts: What the records name.
        leaving: What is to be taken away of a bundle later, and may be away already. It becomes what is there instead
            of what is wanted, where authorities are wanted no more: ``have`` then says what is there afterwards.

    Returns:
        What the scripts said.

    Raises:
        Failed: Scripts failed.
    """
    said, failed = [], []
    leaving = {} if leaving is None else leaving
    for bundle, record in want.items():
        if is_placed(have.get(bundle), record):
            continue
        is_there = bundle in have and target(have[bundle]) == target(record)
        try:
            if bundle in _PLANNED:
                runtime, former = _PLANNED[bundle], have.get(bundle)
                trusting = await _trusting(run, sudo, runtime, record, (former, leaving.get(bundle)), texts)
                if trusting:
                    have[bundle], leaving[bundle] = await _put_trusting(run, sudo, runtime, record, trusting, texts)
                else:
                    have[bundle] = await _put(run, sudo, runtime, record, former, is_there, texts)
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


async def take_away(
    run: Run, sudo: bool, bundle: str, record: Record, texts: Texts, current: Record | None = None
) -> list[str]:
    """Take away what a record says; return what the script said.

    Args:
        run: Runs commands on the client.
        sudo: Whether they become root.
        bundle: The bundle.
        record: What goes of it.
        texts: What the records name.
        current: What stays of it, of another name of the registry.

    Raises:
        Failed: The script failed.
    """
    runtime = _PLANNED.get(bundle)
    if runtime is None:
        return await _run(run, *command(sudo, "delete", bundle, record, texts))
    sudo = sudo and not runtime.is_of_user
    stays = (current or {}).get("files") or {}
    files = {path: one for path, one in (record.get("files") or {}).items() if path not in stays}
    try:
        facts, wants = await _planned(run, sudo, runtime, runtime.placed, record, texts)
    except Refused as error:
        if current is None or _loses_authorities(record, current):
            raise Failed(str(error)) from None
        # Its lines are those of what stays, where names have changed places.
        facts, wants = await read(run, sudo, "", lambda _: list(files), lambda _: []), []
    try:
        gone = changes_without(wants, facts, files, _hiding(record, texts), record.get("made") or ())
        if current and wants:
            lines = wants if _loses_authorities(record, current) else ()
            there, now = await _planned(run, sudo, runtime, runtime.wants, current, texts, gone=lines)
            facts = facts.beside(there.files)
            # First what names the authorities, and then these.
            gone = [*_without_authorities(record, current, wants, gone, now, facts), *beside(gone, now, facts)]
        await write(run, sudo, gone, facts)
    except Refused as error:
        raise Failed(str(error)) from None
    return []


async def findings(run: Run, sudo: bool, bundle: str, record: Record, texts: Texts) -> list[str]:
    """Return what is not as it was left.

    Raises:
        Failed: Nobody could look.
    """
    runtime = _PLANNED.get(bundle)
    if runtime is None:
        return await _run(run, *command(sudo, "check", bundle, record, texts))
    try:
        facts, wants = await _wants(run, sudo and not runtime.is_of_user, runtime, record, texts)
        changed = changes_to(wants, facts)
    except Refused as error:
        return [str(error)]
    return [f"{one.path} {'has other content' if one.path in facts.files else 'is missing'}" for one in changed]


async def repair(run: Run, sudo: bool, bundle: str, record: Record, texts: Texts) -> None:
    """Write the files of a bundle as they were left; it must be one of ``is_planned``.

    Raises:
        Failed: They can't be written.
    """
    sudo = sudo and not _PLANNED[bundle].is_of_user
    try:
        facts, wants = await _wants(run, sudo, _PLANNED[bundle], record, texts)
        await write(run, sudo, changes_to(wants, facts), facts)
    except Refused as error:
        raise Failed(str(error)) from None


def is_planned(bundle: str) -> bool:
    """Tell whether the files of a bundle are worked out here, and no script of their own writes them."""
    return bundle in _PLANNED


def command(sudo: bool, verb: str, bundle: str, record: Record, texts: Texts) -> tuple[str, str]:
    """Return the command that does something with a bundle of a script, and its standard input.

    Args:
        sudo: Whether it becomes root.
        verb: ``create``, ``update``, ``delete``, or ``check``, which prints what is not as it was left.
        bundle: Its name.
        record: What is there of it, or is to be.
        texts: What the records name.
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
    keys = ("directory", "store", "reference", "fullReference", _HAS_AUTHORITIES, "marker")
    return [record["place"].get(key) for key in keys]


async def _put(
    run: Run, sudo: bool, runtime: Planned, record: Record, known: Record | None, is_there: bool, texts: Texts
) -> Record:
    """Write the files of a bundle, remove those that it wants no more; return the record with what was written.

    Args:
        run: Runs commands on the client.
        sudo: Whether they become root.
        runtime: What it is for.
        record: What is wanted.
        known: What is there of it, if anything.
        is_there: Whether that is in the same place; else it stays until somebody takes it away.
        texts: What the records name.
    """
    sudo, before = sudo and not runtime.is_of_user, known if is_there else None
    if known and not is_there:
        try:
            return await _put(run, sudo, runtime, record, None, False, texts)
        except Refused:
            return await _put_over(run, sudo, runtime, record, known, texts)
    ours: Mapping[str, str] = (before or {}).get("files") or {}
    made_before: Sequence[str] = (before or {}).get("made") or ()
    facts, wants = await _wants(run, sudo, runtime, {**record, "files": ours}, texts, before)
    former: Sequence[HostFile] = []
    if before and before["place"] != record["place"]:
        there, former = await _planned(run, sudo, runtime, runtime.placed, before, texts)
        facts = facts.beside(there.files)
    written = own_files(wants, _hiding(record, texts))
    _refuse_strangers(wants, facts, ours)
    for path in ours.keys() & facts.files.keys() if before and before["authorities"] else ():
        await _keep_trust(run, sudo, record, path, texts)
    paths_wanted = {one.path for one in wants}
    gone = changes_without(
        [one for one in former if one.path not in paths_wanted],
        facts,
        {path: one for path, one in ours.items() if path not in written},
        _hiding(before or record, texts),
        made_before,
    )
    is_new = before is None or before["place"] != record["place"]
    await write(run, sudo, [*changes_to(wants, facts, restart=is_new), *gone], facts)
    made = sorted({*made_files(wants, facts, is_first=before is None), *made_before})
    return {**record, "files": written, **({"made": made} if made else {})}


async def _put_over(run: Run, sudo: bool, runtime: Planned, record: Record, known: Record, texts: Texts) -> Record:
    """Write the files of a bundle where names of the registry change places: the lines of both are the same ones."""
    facts, former = await _planned(run, sudo, runtime, runtime.placed, known, texts)
    takes = {one.path: one.take for one in former if isinstance(one, Shared) and one.path in facts.files}
    wants = runtime.wants(
        _known_of(record),
        texts.get(record["authorities"], ""),
        _without(former, facts),
        _access_of(record, known, texts),
    )
    over = [_after(one, takes[one.path]) if one.path in takes and isinstance(one, Shared) else one for one in wants]
    await write(run, sudo, changes_to(over, facts, restart=True), facts)
    made = known.get("made") or ()
    return {**record, "files": own_files(wants, _hiding(record, texts)), **({"made": made} if made else {})}


async def _trusting(
    run: Run, sudo: bool, runtime: Planned, record: Record, known: Sequence[Record | None], texts: Texts
) -> Record | None:
    """Return by what a bundle that is to have no authorities trusts the registry until now, if by anything.

    Args:
        run: Runs commands on the client.
        sudo: Whether they become root.
        runtime: What it is for.
        record: What is wanted.
        known: What is there of it, and what is to be taken away of it later.
        texts: What the records name.
    """
    have, leaving = known
    if have and _loses_authorities(have, record):
        return have
    if leaving and _loses_authorities(leaving, record) and await _has_files(run, sudo, runtime, leaving, texts):
        return leaving
    return None


async def _has_files(run: Run, sudo: bool, runtime: Planned, record: Record, texts: Texts) -> bool:
    """Tell whether a file of a record is on the client as it was written."""
    files, hide = record.get("files") or {}, _hiding(record, texts)
    facts = await read(run, sudo and not runtime.is_of_user, "", lambda _: list(files), lambda _: [])
    return any(digest_of(hide(there.text)) == files[path] for path, there in facts.files.items())


async def _put_trusting(
    run: Run, sudo: bool, runtime: Planned, record: Record, former: Record, texts: Texts
) -> tuple[Record, Record]:
    """Write what is wanted beside the authorities, which the client needs until the proxy does without them.

    Args:
        run: Runs commands on the client.
        sudo: Whether they become root.
        runtime: What it is for.
        record: What is wanted, without authorities.
        former: What is there of it, with some.
        texts: What the records name.

    Returns:
        What will be there once the authorities are taken away, and what is there until then.
    """
    sudo = sudo and not runtime.is_of_user
    _, before = await _planned(run, sudo, runtime, runtime.placed, former, texts)
    _, wants = await _planned(run, sudo, runtime, runtime.wants, record, texts, gone=before)
    place = {key: value for key, value in record["place"].items() if key != _HAS_AUTHORITIES}
    now: Record = {"place": place, "authorities": former["authorities"]}
    if is_placed(former, now):
        now = former
    else:
        now = await _put(run, sudo, runtime, now, former, target(former) == target(now), texts)
    made = {"made": now["made"]} if now.get("made") else {}
    return {**record, "files": own_files(wants, _hiding(record, texts)), **made}, now


def _loses_authorities(before: Record, after: Record) -> bool:
    return before["place"].get(_HAS_AUTHORITIES, True) and not after["place"].get(_HAS_AUTHORITIES, True)


def _without_authorities(
    record: Record,
    current: Record,
    wants: Sequence[HostFile],
    gone: Sequence[Change],
    now: Sequence[HostFile],
    facts: Facts,
) -> Sequence[Change]:
    """Return how files that had authorities, or named them, are written without."""
    if not _loses_authorities(record, current):
        return []
    paths_before = {*(record.get("files") or {}), *(one.path for one in wants)} - {one.path for one in gone}
    return changes_to([one for one in now if one.path in paths_before], facts)


def _without(files: Sequence[HostFile], facts: Facts) -> Facts:
    """Return what is there without our lines in files of others."""
    takes = {one.path: one.take for one in files if isinstance(one, Shared) and one.path in facts.files}
    freed = {path: replace(facts.files[path], text=take(facts.text(path))) for path, take in takes.items()}
    return replace(facts, files={**facts.files, **freed})


def _after(one: Shared, take: Callable[[str], str]) -> Shared:
    return replace(one, put=lambda text: one.put(take(text)))


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
    run: Run, sudo: bool, runtime: Planned, record: Record, texts: Texts, before: Record | None = None
) -> tuple[Facts, Sequence[HostFile]]:
    return await _planned(run, sudo, runtime, runtime.wants, record, texts, before)


async def _planned(
    run: Run,
    sudo: bool,
    runtime: Planned,
    plan: Callable[[Known, str, Facts, Access], Sequence[HostFile]],
    record: Record,
    texts: Texts,
    before: Record | None = None,
    gone: Sequence[HostFile] = (),
) -> tuple[Facts, Sequence[HostFile]]:
    """Return what is on a client, and what a plan wants there once the lines of some files are gone."""
    known, access = _known_of(record), _access_of(record, before, texts)
    facts = await read(
        run,
        sudo,
        runtime.question,
        lambda home: [*runtime.reads(known, home, access), *(record.get("files") or {})],
        lambda facts: runtime.reads_more(known, facts, access),
    )
    wants = plan(known, texts.get(record["authorities"], ""), _without(gone, facts), access)
    missing = [one.path for one in wants if one.path not in facts.files]
    if missing:
        # What a runtime wants may be there, though it did not have to know that.
        more = await read(run, sudo, "", lambda _: missing, lambda _: [])
        facts = facts.beside(more.files)
    return facts, wants


async def _keep_trust(run: Run, sudo: bool, record: Record, path: str, texts: Texts) -> None:
    """Refuse to drop an authority by which the registry is known."""
    line = shell(sudo) + words(registry=record["place"]["reference"], file=path)
    await _run(run, line, with_payload(_KEEP, {AUTHORITIES: texts.get(record["authorities"], "")}, [KEEP_TRUST]))


async def _run(run: Run, line: str, stdin: str) -> list[str]:
    return (await succeeding(run, line, stdin)).splitlines()


def _place_of(runtime: str, known: Known) -> Mapping[str, Any]:
    found = RUNTIMES[runtime]
    if isinstance(found, ScriptRuntime):
        return {key: value for key, value in found.placement(known).place.items() if value}
    return _reference_without(known)


def _reference_without(known: Known) -> Mapping[str, Any]:
    """Return the registry, and whether clients are given no authorities for it."""
    return {**_reference(known), **({} if known.has_authorities else {_HAS_AUTHORITIES: False})}


def _reference(known: Known) -> Mapping[str, Any]:
    return {
        "reference": known.reference,
        "fullReference": known.full_reference,
        "mark": known.mark,
        **({"aliases": list(known.aliases)} if known.aliases else {}),
    }


def _known_of(record: Record) -> Known:
    place = record["place"]
    aliases = tuple(place.get("aliases") or ())
    has_authorities = place.get(_HAS_AUTHORITIES, True)
    # Each reference has lines of its own in files of others, so that one can come before another goes.
    mark = f"{place['mark']}@{place['reference']}{'' if has_authorities else '+public'}"
    return Known(place["reference"], place["fullReference"], mark, has_authorities, aliases=aliases)


def _access_of(record: Record, before: Record | None, texts: Texts) -> Access:
    """Return what comes with trust, and the login that was written before."""
    names = paths.names(_known_of(before)) if before else []
    former = _login_of(before, texts) if before else None
    return Access(_login_of(record, texts), former, names, record["place"].get("caches") or ())


def _login_of(record: Record, texts: Texts) -> Login | None:
    place = record["place"]
    password = texts.get(place.get("passwordDigest", ""))
    return None if password is None else Login(place["user"], password)


def _hiding(record: Record, texts: Texts) -> Callable[[str], str]:
    """Return what puts the keyed digest of a password into the place of the login."""
    login = _login_of(record, texts)
    return (lambda text: text.replace(login.basic(), record["place"]["passwordDigest"])) if login else str


def _placement(bundle: str) -> Placement:
    runtime = RUNTIMES.get(bundle)
    return runtime.placement(ANY) if isinstance(runtime, ScriptRuntime) else entry_alone(ANY.mark)
