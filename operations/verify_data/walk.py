"""The walk from the tags of a registry over all manifests to each blob, which is read once and hashed."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from operations.command_line import OperationError
from operations.progress import counted
from operations.verify_data.connection import NOT_FOUND, OK, Answer, Asked, Connections, NoAnswer

_AT_ONCE = 4
_PER_PAGE = 100
_SHA256 = "sha256:"
_One = TypeVar("_One")


class Wrong(StrEnum):
    """What is wrong with something that is stored."""

    MISSING = "missing"
    CHANGED = "changed"
    BROKEN = "not a manifest"
    UNREADABLE = "unreadable"
    UNCHECKED = "not checked"


class Tag(NamedTuple):
    """A name for an image."""

    repository: str
    name: str


@dataclass(frozen=True)
class Finding:
    """Something that is not stored as it was pushed."""

    wrong: Wrong
    kind: str
    """``manifest`` or ``blob``."""
    digest: str
    """Empty for a tag that leads to none."""
    detail: str
    tags: tuple[Tag, ...]
    """Which need it."""


@dataclass
class Checked:
    """What was read, and what was found."""

    repositories: int = 0
    tags: int = 0
    manifests: int = 0
    blobs: int = 0
    size: int = 0
    """How many bytes were hashed."""
    seconds: float = 0
    findings: list[Finding] = field(default_factory=list)


def check(asked: Asked, repositories: Sequence[str] = ()) -> Checked:
    """Check all that the tags of some repositories need, or of all.

    Raises:
        OperationError: The registry cannot be asked, or has no such repository.
    """
    with closing(Connections(asked)) as connections, ThreadPoolExecutor(_AT_ONCE) as pool:
        connections.check()
        begun = time.monotonic()
        walk = _Walk(connections, pool)
        checked = walk.all(repositories)
        # An error of the whole registry is no finding about each blob.
        if any(one.wrong is Wrong.UNREADABLE for one in checked.findings):
            connections.check()
        checked.seconds = time.monotonic() - begun
        return checked


@dataclass
class _Manifest:
    """A manifest of a repository, with the tags that need it."""

    size: int | None
    """None where it could not be read."""
    children: tuple[str, ...] = ()
    blobs: tuple[tuple[str, int], ...] = ()
    """Digest and size."""
    tags: set[Tag] = field(default_factory=set)
    wrong: tuple[Wrong, str] | None = None


_Need = tuple[int, _Manifest]
"""A size, and the manifest that says it of a blob."""


class _Walk:
    def __init__(self, connections: Connections, pool: ThreadPoolExecutor) -> None:
        self._connections, self._pool, self._lock = connections, pool, Lock()
        self._manifests: dict[tuple[str, str], _Manifest] = {}
        self._untold: list[Finding] = []
        """Of tags that lead to no manifest."""
        self._size = self._hashed = 0
        """Of blobs: bytes, and how many."""
        self._heads: dict[Tag, str] = {}

    def all(self, repositories: Sequence[str]) -> Checked:
        names = list(dict.fromkeys(repositories)) or list(self._pages("/v2/_catalog", "repositories"))
        tags = [tag for found in self._each("repositories", names, self._tags(bool(repositories))) for tag in found]
        list(self._each("tags", tags, self._walk_tag))
        blobs = self._blobs()
        found = [one for each in self._each("blobs", list(blobs.items()), self._blob) for one in each]
        wrong = [*self._untold, *self._wrong_manifests(), *found]
        read = [one.size for one in self._manifests.values() if one.size is not None]
        size = sum(read) + self._size
        return Checked(len(names), len(tags), len(read), self._hashed, size, findings=list(self._still(wrong)))

    def _each(self, what: str, items: Sequence[_One], work: Callable[[_One], Any]) -> Iterator[Any]:
        with counted(f"{what} that were checked", len(items)) as count:
            for result in self._pool.map(work, items):
                count()
                yield result

    def _pages(self, path: str, key: str) -> Iterator[str]:
        page = f"{path}?n={_PER_PAGE}"
        while page:
            try:
                answer = self._connections.get(page)
            except NoAnswer as error:
                raise OperationError(f"{path} cannot be read: {error}") from None
            if answer.status != OK:
                raise _NoSuch(f"{path} cannot be read: HTTP status {answer.status}")
            try:
                yield from json.loads(answer.body).get(key) or []
            except (ValueError, AttributeError):
                raise OperationError(f"{path} is not answered as a registry does") from None
            page = _next(answer.headers.get("link", ""))

    def _tags(self, is_named: bool) -> Callable[[str], list[Tag]]:
        def of(repository: str) -> list[Tag]:
            try:
                return [Tag(repository, one) for one in self._pages(f"/v2/{repository}/tags/list", "tags")]
            except _NoSuch:
                # One whose last tag was deleted stays in the list.
                if is_named:
                    raise OperationError(f"the registry has no repository {repository}, or it has no tag") from None
                return []

        return of

    def _walk_tag(self, tag: Tag) -> None:
        manifest, digest = self._read(tag.repository, tag.name)
        if not digest:
            wrong, detail = manifest.wrong or (Wrong.UNREADABLE, "")
            self._untold.append(Finding(wrong, "manifest", "", detail, (tag,)))
            return
        self._heads[tag] = digest
        with self._lock:
            self._manifests.setdefault((tag.repository, digest), manifest)
        waiting, seen = [digest], set[str]()
        while waiting:
            if (one := waiting.pop()) not in seen:
                seen.add(one)
                waiting += self._known(tag, one).children

    def _known(self, tag: Tag, digest: str) -> _Manifest:
        key = (tag.repository, digest)
        known = self._manifests.get(key) or self._read(*key)[0]
        with self._lock:
            known = self._manifests.setdefault(key, known)
            known.tags.add(tag)
        return known

    def _read(self, repository: str, reference: str) -> tuple[_Manifest, str]:
        """Return a manifest, and the digest that it should have."""
        wanted = reference if ":" in reference else ""
        try:
            answer = self._connections.stored(f"/v2/{repository}/manifests/{reference}")
        except NoAnswer as error:
            return _Manifest(None, wrong=(Wrong.UNREADABLE, f"the registry cannot read it: {error}")), wanted
        if answer.status != OK:
            return _Manifest(None, wrong=_refused(answer)), wanted
        wanted = wanted or answer.headers.get("docker-content-digest", answer.digest)
        if wanted.startswith(_SHA256) and wanted != answer.digest:
            return _Manifest(answer.size, wrong=(Wrong.CHANGED, f"its content is {answer.digest}")), wanted
        return _parsed(answer), wanted

    def _blobs(self) -> Mapping[str, Mapping[str, list[_Need]]]:
        """Return digest -> repository -> the sizes that manifests say, with these."""
        found: dict[str, dict[str, list[_Need]]] = defaultdict(lambda: defaultdict(list))
        for (repository, _), manifest in self._manifests.items():
            for digest, size in manifest.blobs:
                found[digest][repository].append((size, manifest))
        return found

    def _blob(self, item: tuple[str, Mapping[str, list[_Need]]]) -> Sequence[Finding]:
        digest, needed = item
        found, is_read = [], False
        for repository, needs in needed.items():
            wrong = self._judged(repository, digest, needs, is_read)
            is_read = is_read or wrong is None or wrong[0] is Wrong.CHANGED
            if wrong:
                tags = {tag for _, manifest in needs for tag in manifest.tags}
                found.append(Finding(wrong[0], "blob", digest, wrong[1], tuple(sorted(tags))))
        return found

    def _judged(self, repository: str, digest: str, needs: list[_Need], is_read: bool) -> tuple[Wrong, str] | None:
        # It is stored once for all repositories: the others only have to lead to it.
        method = "HEAD" if is_read else "GET"
        try:
            answer = self._connections.stored(f"/v2/{repository}/blobs/{digest}", method, is_kept=False)
        except NoAnswer as error:
            return Wrong.UNREADABLE, f"the registry cannot read it: {error}"
        if answer.status != OK:
            return _refused(answer)
        size = int(answer.headers.get("content-length", "0")) if is_read else answer.size
        if not is_read:
            with self._lock:
                self._size, self._hashed = self._size + size, self._hashed + 1
            if digest.startswith(_SHA256) and answer.digest != digest:
                return Wrong.CHANGED, f"its content is {answer.digest}, {size} bytes"
            if not digest.startswith(_SHA256):
                return Wrong.UNCHECKED, "only SHA-256 is checked"
        if others := sorted({said for said, _ in needs} - {size}):
            return Wrong.CHANGED, f"it has {size} bytes, and a manifest says {others[0]}"
        return None

    def _wrong_manifests(self) -> Iterator[Finding]:
        for (_, digest), one in self._manifests.items():
            if one.wrong:
                yield Finding(one.wrong[0], "manifest", digest, one.wrong[1], tuple(sorted(one.tags)))

    def _still(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Leave out what was deleted, or got another image, while the check ran."""
        findings = list(findings)
        now = {tag: self._is_same(tag) for tag in {tag for one in findings for tag in one.tags}}
        for one in findings:
            if tags := tuple(tag for tag in one.tags if now[tag]):
                yield Finding(one.wrong, one.kind, one.digest, one.detail, tags)

    def _is_same(self, tag: Tag) -> bool:
        try:
            answer = self._connections.stored(f"/v2/{tag.repository}/manifests/{tag.name}", "HEAD")
        except NoAnswer:
            return True
        if answer.status == NOT_FOUND:
            return tag in self._tags(is_named=False)(tag.repository)
        return tag not in self._heads or answer.headers.get("docker-content-digest") == self._heads[tag]


class _NoSuch(OperationError):
    """The registry knows nothing of this name."""


def _next(link: str) -> str:
    """Return the path of the next page, of the header ``Link: </v2/…>; rel="next"``."""
    target = urlsplit(link.partition("<")[2].partition(">")[0])
    return f"{target.path}?{target.query}" if target.path else ""


def _refused(answer: Answer) -> tuple[Wrong, str]:
    if answer.status == NOT_FOUND:
        return Wrong.MISSING, "the registry does not have it"
    return Wrong.UNREADABLE, f"HTTP status {answer.status}"


def _parsed(answer: Answer) -> _Manifest:
    try:
        text = json.loads(answer.body)
        children = tuple(str(one["digest"]) for one in text.get("manifests") or ())
        described = [*([text["config"]] if text.get("config") else ()), *(text.get("layers") or ())]
        # A layer with addresses is kept elsewhere.
        blobs = tuple((str(one["digest"]), int(one["size"])) for one in described if not one.get("urls"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _Manifest(answer.size, wrong=(Wrong.BROKEN, "it cannot be parsed"))
    if not children and not blobs and "manifests" not in text:
        return _Manifest(answer.size, wrong=(Wrong.BROKEN, "it names no image"))
    return _Manifest(answer.size, children, blobs)
