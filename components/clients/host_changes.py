"""Reading files of a client, and writing what a runtime wants of them."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..hosts.connections import succeeding
from ..hosts.host import shell
from ..hosts.session import Run
from ..scripts.script import with_payload, words
from .host_file import Facts, HostFile, Own, Refused, Shared, There

_SCRIPTS = Path(__file__).parents[1] / "hosts"
RELOAD = "reload="
_ROUNDS = 5
"""So often a file may name another one to be read."""


@dataclass(frozen=True)
class Change:
    """Another content of a file."""

    path: str
    text: str | None
    """None where the file goes."""
    mode: str = ""
    """Nothing where it stays."""
    restart: str = ""
    """The service that is restarted, or behind ``RELOAD`` the one that is told to read the file again."""


async def read(
    run: Run, sudo: bool, question: str, first: Callable[[str], Sequence[str]], more: Callable[[Facts], Sequence[str]]
) -> Facts:
    """Return what a runtime has to know of a client.

    Args:
        run: Runs commands there.
        sudo: Whether they become root.
        question: A shell command whose output is wanted too, or nothing.
        first: Returns the paths to read, by the home of the one who reads.
        more: Returns further paths, by what is known; asked again until it names nothing new.

    Raises:
        Failed: The files could not be read.
    """
    facts = await _read(run, sudo, [], question)
    asked: set[str] = set()
    wanted = set(first(facts.home))
    for _ in range(_ROUNDS):
        if not wanted - asked:
            break
        found = await _read(run, sudo, sorted(wanted - asked), "")
        asked |= wanted
        facts = facts.beside(found.files)
        wanted = set(more(facts))
    return facts


def changes_to(wants: Sequence[HostFile], facts: Facts, restart: bool = False) -> list[Change]:
    """Return what has to be written so that a client has what is wanted: files of our own first.

    Args:
        wants: What is wanted.
        facts: What is there.
        restart: Whether a service restarts though its file is right: it may have been written just before a kill.
    """
    found = [_wanted(one, facts, restart) for one in sorted(wants, key=lambda one: isinstance(one, Shared))]
    return [change for change in found if change is not None]


def changes_without(
    wants: Sequence[HostFile],
    facts: Facts,
    placed: Mapping[str, str],
    hide: Callable[[str], str] = str,
    made: Sequence[str] = (),
) -> list[Change]:
    """Return what has to be written so that nothing of ours is left: keys in files of others first.

    Args:
        wants: What was wanted.
        facts: What is there.
        placed: Path -> digest of each file of our own, as it was written: one with other content is left.
        hide: Returns a content without what is secret, as of ``own_files``.
        made: The files of others that were not there before: they go where nothing is left in them.
    """
    shared = [_unwanted(one, facts, made) for one in wants if isinstance(one, Shared)]
    own = [
        Change(path, None)
        for path, written in placed.items()
        if path in facts.files and digest_of(hide(facts.files[path].text)) == written
    ]
    return [*(change for change in shared if change is not None), *own]


def beside(gone: Sequence[Change], stays: Sequence[HostFile], facts: Facts) -> list[Change]:
    """Return changes by which something goes, so that what stays in the same files of others is there afterwards."""
    shared = {one.path: one for one in stays if isinstance(one, Shared)}
    kept = [replace(one, text=shared[one.path].put(one.text or "")) if one.path in shared else one for one in gone]
    return [one for one in kept if one.text is None or one.text != facts.text(one.path)]


async def write(run: Run, sudo: bool, changes: Sequence[Change], facts: Facts) -> None:
    """Write and remove files, all or none, and restart what reads them only when it starts.

    Raises:
        Failed: One of them could not be written, was changed meanwhile, or a service did not start with it.
    """
    if not changes:
        return
    texts = {f"f{number}": change.text for number, change in enumerate(changes) if change.text is not None}
    contents = {name: f"{_encoded(text)}\n" for name, text in texts.items()}
    lines = [_line(change, number, facts) for number, change in enumerate(changes)]
    services = dict.fromkeys(change.restart for change in changes if change.restart)
    payload = {"changes": _lines(lines), "services": _lines(list(services)), **contents}
    await _run(run, sudo, words(user="" if sudo or facts.home == "/root" else "yes"), "write_files.sh", payload)


def digest_of(text: str) -> str:
    """Return what names a content in a record."""
    return _sha256(text)[:12]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def own_files(wants: Sequence[HostFile], hide: Callable[[str], str] = str) -> dict[str, str]:
    """Return path -> digest of the files that are the stack's as a whole.

    Args:
        wants: What is wanted.
        hide: Returns a content without what is secret: by a digest of it passwords could be guessed.
    """
    return {one.path: digest_of(hide(one.content)) for one in wants if isinstance(one, Own)}


def made_files(wants: Sequence[HostFile], facts: Facts, is_first: bool) -> list[str]:
    """Return the files of others that are not there; at first also those in which an update that broke off began."""
    return [one.path for one in wants if isinstance(one, Shared) and _is_made(one, facts, is_first)]


def _is_made(one: Shared, facts: Facts, is_first: bool) -> bool:
    text = facts.text(one.path)
    try:
        return one.path not in facts.files or bool(is_first and text and not one.take(text))
    except Refused:
        return False


def _wanted(one: HostFile, facts: Facts, again: bool) -> Change | None:
    there = facts.files.get(one.path)
    text = one.content if isinstance(one, Own) else one.put(there.text if there else "")
    restart = _restart(one) if isinstance(one, Shared) else ""
    is_right = there and there.text == text and (isinstance(one, Shared) or int(there.mode, 8) == int(one.mode, 8))
    if is_right and not (again and restart):
        return None
    keeps_mode = there is not None and isinstance(one, Shared)
    return Change(one.path, text, "" if keeps_mode else one.mode, restart)


def _unwanted(one: Shared, facts: Facts, made: Sequence[str]) -> Change | None:
    there = facts.files.get(one.path)
    text = one.take(there.text) if there else ""
    if there is None or there.text == text:
        return None
    return Change(one.path, None if not text and one.path in made else text, "", _restart(one))


def _restart(one: Shared) -> str:
    return one.restart or (f"{RELOAD}{one.reload}" if one.reload else "")


def _line(change: Change, number: int, facts: Facts) -> str:
    there = facts.files.get(change.path)
    before = _sha256(there.text) if there else "-"
    return "\t".join([change.path, change.mode or "-", before, "-" if change.text is None else f"f{number}"])


async def _read(run: Run, sudo: bool, paths: Sequence[str], question: str) -> Facts:
    payload = {"paths": _lines(paths), "question": f"{question or ':'}\n"}
    files: dict[str, There] = {}
    said, home = "", "/root"
    for line in (await _run(run, sudo, "", "read_files.sh", payload)).splitlines():
        kind, *rest = line.split("\t")
        if kind == "home":
            home = rest[0]
        elif kind == "said":
            said = _decoded(rest[0])
        elif kind == "file":
            path, mode, link, access, content = rest
            files[path] = There(_decoded(content), mode, "" if link == "-" else link, access == "w")
    return Facts(files, said, home)


async def _run(run: Run, sudo: bool, arguments: str, script: str, payload: Mapping[str, str]) -> str:
    return await succeeding(run, f"{shell(sudo)}{arguments}", with_payload(_SCRIPTS / script, payload))


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines) or "\n"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode(errors="surrogateescape")).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="surrogateescape")
