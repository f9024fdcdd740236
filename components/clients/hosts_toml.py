"""``hosts.toml`` in a registry's folder: from where containerd, and Docker with containerd's store, pull its images."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from . import toml_keys
from .access import Login, refuse_readable
from .host_file import Facts, HostFile, Own, Refused, Shared
from .managed import refuse_managed
from .runtime import Known
from .toml_keys import Tables, table_in

HOSTS = "hosts.toml"
_CACHED = ("pull", "resolve")


@dataclass(frozen=True)
class Host:
    """One address to pull from, in a registry's folder."""

    path: str
    """The file ``hosts.toml``."""
    server: str
    """Where containerd goes when no host answers."""
    url: str
    capabilities: tuple[str, ...]
    authority: str
    """The file with the authorities, or nothing."""
    login: Login | None
    mark: str
    server_authorities: tuple[str, ...] = ()
    """Files beside it with authorities of the server, which count no more beside this one unless it names them."""

    def tables(self, there: str = "", server: str = "") -> Tables:
        """Return the tables of this address.

        Args:
            there: How a file of others writes the address already, if it does.
            server: Where that file sends containerd in the end, if it says so.
        """
        keys: dict[str, Any] = {}
        tables: dict[tuple[str, ...], dict[str, Any]] = {}
        if _plain(server or self.server) == _plain(self.url):
            # Without it, what is not there would be asked for again, and the error would be one of trust.
            tables = self._tables((), {})
        if not there:
            keys["capabilities"] = list(self.capabilities)
            keys |= {"override_path": True} if urlsplit(self.url).path else {}
        return {**tables, **self._tables(("host", there or self.url), keys)}

    def _tables(self, table: tuple[str, ...], keys: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
        ca = {"ca": self.authority} if self.authority else {}
        header = {(*table, "header"): {toml_keys.SECRET: self.login.basic()}} if self.login else {}
        return {table: {**keys, **ca}, **header}

    def whole(self) -> str:
        """Return a file of our own."""
        begin = f"# {self.mark}: this file is written as a whole, changes of it are lost"
        tables = {(): {"server": self.server}, **self.tables()}
        theirs = {"ca": list(self.server_authorities)} if self.server_authorities else {}
        tables[()] = {"server": self.server, **theirs, **tables[()]}
        return f"{begin}\n{toml_keys.written(tables)}"

    def is_own(self, facts: Facts) -> bool:
        """Tell whether the file is ours, or there is none."""
        text = facts.text(self.path)
        # Another name of the registry is marked otherwise.
        stack = self.mark.partition("@")[0]
        return not text or text.startswith((f"# {stack}: ", f"# {stack}@"))

    def put(self, text: str) -> str:
        """Return a file of others with our tables."""
        return toml_keys.put(self.path, text, self.tables(*self._there(text)), self.mark)

    def take(self, text: str) -> str:
        """Return a file of others without our tables."""
        return toml_keys.take(self.path, text, self.mark)

    def _there(self, text: str) -> tuple[str, str]:
        """Return the address as others have it, and their server."""
        said = toml_keys.parse(self.path, self.take(text))
        hosts = table_in(said, "host")
        there = next((one for one in hosts if _plain(one) == _plain(self.url)), "")
        if table_in(hosts, there).get("skip_verify"):
            raise Refused(
                f"{self.path} has skip_verify = true for {there}, which this stack did not write: no certificate is "
                "checked then. Remove that line; the file was not changed"
            )
        return there, str(said.get("server", ""))


def cache_file(
    registry: Known, folder: str, upstream: str, authority: str, login: Login | None, facts: Facts
) -> HostFile:
    """Return the file by which images of another registry come from our cache, or from there where the cache is down.

    Args:
        registry: Ours.
        folder: That of the other registry.
        upstream: What names of its images start with.
        authority: The file with our authorities, as the file may name it, or nothing.
        login: As whom the cache is asked.
        facts: What is there.

    Raises:
        Refused: As of ``hosts_file``.
    """
    server = "https://registry-1.docker.io" if upstream == "docker.io" else f"https://{upstream}"
    url = f"https://{registry.reference}/v2/{upstream}"
    theirs = tuple(_certificates(folder, facts))
    host = Host(f"{folder}/{HOSTS}", server, url, _CACHED, authority, login, registry.mark, theirs)
    return hosts_file(host, facts)


def hosts_file(host: Host, facts: Facts) -> HostFile:
    """Return the file with an address: a whole one of our own, or keys in one of others.

    Raises:
        Refused: The file of others can't have them beside what it says.
    """
    mode = "0600" if host.login else "0644"
    if host.is_own(facts):
        return Own(host.path, host.whole(), mode)
    text = facts.text(host.path)
    if host.put(text) != text:
        refuse_managed(host.path, facts, toml_keys.shown(host.tables()))
    if host.login:
        refuse_readable(host.path, facts)
    return Shared(host.path, host.put, host.take, mode)


def _certificates(folder: str, facts: Facts) -> Sequence[str]:
    return [
        posixpath.basename(path)
        for path in sorted(facts.files)
        if path.startswith(f"{folder}/") and path.endswith(".crt")
    ]


def _plain(url: str) -> str:
    return url.removesuffix("/").removesuffix("/v2").removesuffix(":443")
