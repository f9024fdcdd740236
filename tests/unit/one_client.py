"""One client with all that the provider does there, on a host whose files are in memory."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from components.hosts.session import Answer, Run
from components.provider.fleet import Fleets
from components.provider.kind import Last, Result
from components.provider.trust import Trust
from components.provider.values import received, sent
from components.provider.verification import Verification
from components.scripts.script import read_payload

MARKER, NEXT = "marker-of-a-password", "marker-of-the-next"
REGISTRY = {
    "reference": "registry.test",
    "fullReference": "registry.test:443",
    "mark": "private-registry project/test",
    "hasAuthorities": True,
    "isPublic": False,
}
SAID = {
    "dockerd": "Docker version 28.5.2+dfsg3, build abc",
    "containerd --version": "containerd containerd.io v2.1.4 abc",
}
"""Word of a question -> what is answered."""


class Host:
    """Files of a host, read and written as the scripts do it; all other scripts succeed."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.modes: dict[str, str] = {}
        self.lines: list[str] = []
        self.services: list[str] = []
        """What was restarted or told to read its files again."""
        self.writes = 0
        """How often files were written or removed."""

    async def run(self, line: str, stdin: str) -> Answer:
        self.lines.append(line)
        payload = read_payload(stdin)
        if "paths" in payload:
            said = next((one for word, one in SAID.items() if word in payload["question"]), "")
            return Answer(0, self._read(payload["paths"].split(), said), "")
        if "changes" in payload:
            self.writes += 1
            self.services += payload["services"].split()
            self._write(payload)
        return Answer(0, "", "")

    def _read(self, paths: list[str], said: str) -> str:
        lines = ["home\t/root", f"said\t{base64.b64encode(said.encode()).decode()}"]
        for path in sorted(self.files):
            if any(fnmatchcase(path, one) for one in paths):
                content = base64.b64encode(self.files[path].encode()).decode()
                lines.append(f"file\t{path}\t{self.modes.get(path, '0600')}\t-\tw\t{content}")
        return "\n".join(lines)

    def _write(self, payload: Mapping[str, str]) -> None:
        for change in payload["changes"].splitlines():
            path, mode, _, name = change.split("\t")
            if name == "-":
                del self.files[path]
            else:
                self.files[path] = base64.b64decode(payload[name]).decode()
                self.modes[path] = self.modes.get(path, "0600") if mode == "-" else mode


class Client:
    """A client of which each step is an update of the whole program."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = Host()
        self.last = Last()
        self._proven = Last()
        self._fleets = Fleets()

        async def run(*_: object) -> Run:
            return self.host.run

        monkeypatch.setattr("components.provider.fleet.Fleet.run", run)

    def update(self, *runtimes: str, user: str = "ci", password: str = MARKER, **changes: Any) -> Result:
        """Place, and take away what is wanted no more."""
        result = self.place(*runtimes, user=user, password=password, **changes)
        self.take_away()
        return result

    def place(self, *runtimes: str, user: str = "ci", password: str = MARKER, **changes: Any) -> Result:
        """Place alone, as an update does that fails at the proxy."""
        said = inputs(*runtimes, user=user, password=password, **changes)
        self._fleets = Fleets()
        kind = Trust(self._fleets)
        kind.changed(self.last, said)
        result = asyncio.run(kind.update(self.last, said, lambda _: None))
        self.last = Last(received(sent(said)), received(sent(result.outputs)))
        return result

    def take_away(self) -> None:
        """Take away what is wanted no more, after the proxy."""
        verification = Verification(self._fleets)
        proof = {"registry": REGISTRY, "hosts": {}, "user": "verification", "password": "", "generation": "1"}
        verification.changed(self._proven, proof)
        proven = asyncio.run(verification.update(self._proven, proof, lambda _: None))
        assert proven.failures == {}
        self._proven = Last(received(sent(proof)), received(sent(proven.outputs)))

    def destroy(self) -> None:
        """Take all away."""
        fleets = Fleets()
        asyncio.run(Verification(fleets).delete(Last({"registry": REGISTRY}, self._proven.outputs), lambda _: None))
        assert asyncio.run(Trust(fleets).delete(self.last, lambda _: None)) == {}


def inputs(*runtimes: str, user: str, password: str, **changes: Any) -> dict[str, Any]:
    """Return what a program says of one client, with caches where there are some."""
    host: dict[str, Any] = {"local": True, "runtimes": list(runtimes)}
    host |= {"caches": True} if "caches" in changes else {}
    logins = {"passwords": {user: password}, "passwordDigests": {user: keyed(password)}} if user else {}
    return {
        "registry": REGISTRY,
        "hosts": {"a": {**host, "loginAs": user} if user else host},
        "logins": {},
        "authorities": "one\n",
        "share": 100.0,
        **logins,
        **changes,
    }


def keyed(password: str) -> str:
    """Return a digest for which one needs a key."""
    return hashlib.sha256(f"key {password}".encode()).hexdigest()[:12]
