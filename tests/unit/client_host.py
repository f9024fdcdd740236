"""A host as the functions of a runtime see it: files that are read, decided on, and written."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Protocol

from components.clients.access import TRUST, Access
from components.clients.host_file import Facts, HostFile, Own, There
from components.clients.runtime import Known

REGISTRY = Known("registry.test:8443", "registry.test:8443", "private-registry project/stack", has_authorities=True)
OTHER = replace(
    REGISTRY, mark="private-registry project/other", reference="other.test:8443", full_reference="other.test:8443"
)
FIRST = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SECOND = FIRST + FIRST.replace("MIIB", "MIIC")


class Planned(Protocol):
    """What a runtime has to have for this."""

    def reads(self, registry: Known, home: str, access: Access = TRUST) -> list[str]: ...
    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> list[str]: ...
    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> list[HostFile]: ...


@dataclass
class ClientHost:
    """Files of a host, and what each registry has placed there."""

    runtime: Planned
    files: dict[str, There]
    said: str = ""
    restarts: list[str] = field(default_factory=list)
    _placed: dict[str, list[HostFile]] = field(default_factory=dict)

    def facts(self, registry: Known, access: Access = TRUST) -> Facts:
        """Return what is asked for of what is there."""
        asked, more = set[str](), self.runtime.reads(registry, "/root", access)
        facts = Facts({}, self.said)
        while set(more) - asked:
            asked |= set(more)
            facts = replace(facts, files={path: one for path, one in self.files.items() if _is_asked(path, asked)})
            more = self.runtime.reads_more(registry, facts, access)
        return facts

    def up(self, registry: Known, authorities: str = FIRST, access: Access = TRUST) -> list[HostFile]:
        """Write what a runtime wants, and remove what it wanted before and no longer does."""
        wanted = self.runtime.wants(registry, authorities, self.facts(registry, access), access)
        paths = {file.path for file in wanted}
        for file in self._placed.get(registry.mark, []):
            if file.path not in paths:
                self._take(file)
        for file in wanted:
            text = file.content if isinstance(file, Own) else file.put(self.text(file.path))
            self._write(file, text)
        self._placed[registry.mark] = wanted
        return wanted

    def destroy(self, registry: Known) -> None:
        """Remove all that was placed."""
        for file in self._placed.pop(registry.mark):
            self._take(file)

    def text(self, path: str) -> str:
        """Return what a file has; nothing where there is none."""
        return self.files[path].text if path in self.files else ""

    def _take(self, file: HostFile) -> None:
        self._write(file, "" if isinstance(file, Own) else file.take(self.text(file.path)))

    def _write(self, file: HostFile, text: str) -> None:
        if text == self.text(file.path):
            return
        if not isinstance(file, Own) and file.restart:
            self.restarts.append(file.restart)
        there = self.files.get(file.path)
        if text:
            self.files[file.path] = replace(there, text=text) if there else There(text, file.mode)
        else:
            del self.files[file.path]


def files_of(texts: Mapping[str, str]) -> dict[str, There]:
    """Return files of others, each of them with a mode that none of ours has."""
    return {path: There(text, "0640") for path, text in texts.items()}


def _is_asked(path: str, asked: set[str]) -> bool:
    return any(fnmatchcase(path, one) if "*" in one else path == one for one in asked)
