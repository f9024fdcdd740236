"""A client that answers what reads and writes files, as the two scripts do on a real one."""

import base64
import hashlib
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from components.clients.host_file import There
from components.hosts.session import Answer
from components.scripts.script import read_payload, read_words

SAID = {"containerd": "containerd github.com/containerd/containerd 1.7.24 1\n"}
"""What a client answers to the question of a runtime that needs an answer."""


@dataclass
class AnsweringHost:
    """Files of a client, and what it was asked."""

    files: dict[str, There] = field(default_factory=dict)
    said: str = ""
    """What it answers to a runtime's own question."""
    home: str = "/root"
    keeps: str = ""
    """Why it drops no authority, if it does not."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """What each command did, and to what: ``read``, ``write``, ``keep`` with the file, or the verb of a script."""
    lines: list[str] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)

    async def run(self, line: str, stdin: str) -> Answer:
        """Run a command."""
        payload, words = read_payload(stdin), read_words(line)
        self.lines.append(line)
        if "paths" in payload:
            self.asked.append(("read", payload["paths"].strip()))
            return Answer(0, self._read(payload), "")
        if "changes" in payload:
            return self._write(payload)
        if words[0][0] == "registry":
            self.asked.append(("keep", dict(words)["file"]))
            return Answer(bool(self.keeps), "", self.keeps)
        self.asked.append((words[0][0], dict(words).get("directory", "")))
        return Answer(0, "", "")

    def text(self, path: str) -> str:
        """Return what a file has; nothing where there is none."""
        return self.files[path].text if path in self.files else ""

    def did(self, verb: str) -> list[str]:
        """Return what a verb was done to."""
        return [what for one, what in self.asked if one == verb]

    def _read(self, payload: dict[str, str]) -> str:
        lines = [f"home\t{self.home}", f"said\t{_encoded('' if payload['question'] == ':' else self.said)}"]
        asked = payload["paths"].split("\n")
        for path, one in self.files.items():
            if any(fnmatchcase(path, each) if "*" in each else path == each for each in asked):
                access = "w" if one.is_writable else "r"
                lines.append("\t".join(["file", path, one.mode, one.link or "-", access, _encoded(one.text)]))
        return "\n".join(lines)

    def _write(self, payload: dict[str, str]) -> Answer:
        changes = [line.split("\t") for line in payload["changes"].strip("\n").split("\n")]
        for path, _, before, _ in changes:
            if before != (hashlib.sha256(_bytes(self.text(path))).hexdigest() if path in self.files else "-"):
                return Answer(1, "", f"{path} was changed while this update looked at it")
        for path, mode, _, name in changes:
            self.asked.append(("write" if name != "-" else "remove", path))
            if name == "-":
                del self.files[path]
                continue
            there = self.files.get(path, There("", mode))
            text = base64.b64decode(payload[name]).decode(errors="surrogateescape")
            self.files[path] = replace(there, text=text, mode=there.mode if mode == "-" else mode)
        self.restarts += payload["services"].split()
        return Answer(0, "", "")


def _encoded(text: str) -> str:
    return base64.b64encode(_bytes(text)).decode()


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
