"""Clients of an ssh_config (https://man.openbsd.org/ssh_config)."""

import getpass
import tempfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from ..fields import KnownHostsFile, TextFile
from .entry import Entry, Jump, Mistake, some
from .source import ClientSource
from .ssh_blocks import WILD, Blocks, named
from .ssh_options import jump, through_command

if TYPE_CHECKING:
    from asyncssh.config import SSHConfig


class ClientsSsh(ClientSource):
    """Clients of an `ssh_config`: how `ssh NAME` reaches each.

    Rules:
        - The keywords that count are `HostName`, `User`, `Port`, `IdentityFile`, `ProxyJump`, `HostKeyAlias`, and
          `ProxyCommand ssh -W %h:%p HOST`, with `Host`, `Match` and `Include`.
        - Without `User` the user is that of `clientDefaults`, or root.
        - A client must not be in another list too.

    Example:
        private-registry:clientsSsh:
          configFile: keys/ssh_config
          hosts: [web*, db1]
          knownHostsFile: keys/known_hosts
    """

    config_file: TextFile
    """The `ssh_config`, such as `~/.ssh/config`.

    Change: clients: as `clients`.
    """
    hosts: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    """Which hosts of it are clients: names, and patterns with `*` and `?` of names after `Host`.

    Change: clients: as `clients`.
    """
    known_hosts_file: KnownHostsFile | None = None
    """The `known_hosts` file with their host keys, such as `~/.ssh/known_hosts`. Without it, that of `clientDefaults`.

    Change: nothing.
    """

    def entries(self, mistakes: list[Mistake]) -> Sequence[Entry]:
        """Return what the configuration says of each host."""
        found: list[Entry] = []
        with tempfile.TemporaryDirectory() as folder:
            read = _Reader(Blocks.of(self.config_file.text), Path(folder, "config"), self.config_file.name)
            try:
                for name, where in self._names(mistakes).items():
                    found.append(self._entry(name, where, read, mistakes))
            except ValueError as error:
                # The library says file and line itself.
                mistakes.append(Mistake(read.named(error)))
        return found

    def _names(self, mistakes: list[Mistake]) -> Mapping[str, str]:
        """Return the name of each host that is a client, and where it stands."""
        known = dict(named(self.config_file.text, self.config_file.name))
        names: dict[str, str] = {}
        for pattern in self.hosts:
            fits = {name: where for name, where in known.items() if fnmatchcase(name, pattern)}
            if not fits and set(pattern) & set(WILD):
                there = some(known)
                reason = f"no name after Host fits {pattern}; the names are {there}"
                mistakes.append(Mistake(reason, self.config_file.name))
            names |= fits or ({} if set(pattern) & set(WILD) else {pattern: self.config_file.name})
        return names

    def _entry(self, name: str, where: str, read: "_Reader", mistakes: list[Mistake]) -> Entry:
        options = read.options(name)
        entry = Entry(host=str(options.get("Hostname", name)))
        entry.where, entry.name = where, name
        try:
            entry.update(_login(options))
            if through := _through(options, read):
                entry["bastion"] = through
            if self.known_hosts_file:
                entry["knownHostsFile"] = self.known_hosts_file.name
            if self.known_hosts_file and (alias := options.get("HostKeyAlias")):
                entry["hostKey"] = self.known_hosts_file.key_of(str(alias), int(str(options.get("Port", 22))))
        except ValueError as error:
            mistakes.append(Mistake(str(error), where, name))
        return entry


class _Reader(NamedTuple):
    """Asks the library for the options of one host after the other."""

    blocks: Blocks
    file: Path
    """The library reads files alone, so that each host's part becomes one."""
    name: str

    def options(self, host: str) -> "SSHConfig":
        # Loaded where it is needed, by few stacks.
        from asyncssh.config import SSHClientConfig

        self.file.write_text(self.blocks.for_host(host), encoding="utf-8")
        user, path = getpass.getuser(), str(self.file)
        first = SSHClientConfig.load(None, path, False, False, False, user, (), host, ())
        if first.has_match_final():
            return SSHClientConfig.load(first, path, False, False, True, user, (), host, ())
        return first

    def named(self, error: ValueError) -> str:
        """Return the words of an error with the name of the real file."""
        return str(error).replace(str(self.file), self.name)


def _login(options: "SSHConfig") -> dict[str, Any]:
    keys = {"user": options.get("User"), "port": options.get("Port"), **_identity(options)}
    return {key: value for key, value in keys.items() if value is not None}


def _through(options: "SSHConfig", read: _Reader) -> Jump | None:
    """Return the bastion, which may be a name of the configuration too."""
    given, command = (str(options.get(key) or "") for key in ("ProxyJump", "ProxyCommand"))
    if "none" in (given.lower(), command.lower()) or not (given or command):
        return None
    found = jump(given) if given else through_command(command)
    of_jump = read.options(found["host"])
    return Jump({**_login(of_jump), **found, "host": str(of_jump.get("Hostname", found["host"]))})


def _identity(options: "SSHConfig") -> dict[str, Any]:
    given = options.get("IdentityFile")
    files = [str(one) for one in given] if isinstance(given, list) else []
    there = [file for file in files if Path(file).expanduser().is_file()] or files[:1]
    if len(there) > 1:
        raise ValueError(f"IdentityFile names several keys ({', '.join(there)}); keep the one that the host accepts")
    if not there:
        return {}
    # With a public key, ssh asks its agent for the private one.
    return {"agent": True} if there[0].endswith(".pub") else {"privateKeyFile": there[0]}
