"""Clients of an ssh_config (https://man.openbsd.org/ssh_config)."""

import getpass
import glob
import shlex
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ..fields import KnownHostsFile, TextFile
from .entry import Entry, Jump
from .source import ClientSource
from .ssh_options import jump, through_command

if TYPE_CHECKING:
    from asyncssh.config import SSHConfig

_WILD = "*?!"


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

    def entries(self, mistakes: list[str]) -> Sequence[Entry]:
        """Return what the configuration says of each host."""
        found: list[Entry] = []
        try:
            for name, where in self._names(mistakes).items():
                found.append(self._entry(name, where, mistakes))
        except ValueError as error:
            # The library names file and line itself.
            mistakes.append(str(error).replace(str(self.config_file.path), self.config_file.name))
        return found

    def _names(self, mistakes: list[str]) -> Mapping[str, str]:
        """Return the name of each host that is a client, and where it stands."""
        named = dict(_named(self.config_file.path, self.config_file.name))
        names: dict[str, str] = {}
        for pattern in self.hosts:
            fits = {name: where for name, where in named.items() if fnmatchcase(name, pattern)}
            if not fits and set(pattern) & set(_WILD):
                known = ", ".join(named) or "none"
                mistakes.append(f"{self.config_file.name}: no name after Host fits {pattern}; the names are {known}")
            names |= fits or ({} if set(pattern) & set(_WILD) else {pattern: self.config_file.name})
        return names

    def _entry(self, name: str, where: str, mistakes: list[str]) -> Entry:
        options = self._options(name)
        entry = Entry(host=str(options.get("Hostname", name)))
        entry.where = f"{where} ({name})"
        try:
            entry.update(self._login(options))
            if through := self._through(options):
                entry["bastion"] = through
            if self.known_hosts_file:
                entry["knownHostsFile"] = self.known_hosts_file.name
            if self.known_hosts_file and (alias := options.get("HostKeyAlias")):
                entry["hostKey"] = self.known_hosts_file.key_of(str(alias), int(str(options.get("Port", 22))))
        except ValueError as error:
            mistakes.append(f"{entry.where}: {error}")
        return entry

    def _options(self, name: str) -> "SSHConfig":
        # Loaded where it is needed, by few stacks.
        from asyncssh.config import SSHClientConfig

        user = getpass.getuser()
        path = str(self.config_file.path)
        first = SSHClientConfig.load(None, path, False, False, False, user, (), name, ())
        if first.has_match_final():
            return SSHClientConfig.load(first, path, False, False, True, user, (), name, ())
        return first

    def _login(self, options: "SSHConfig") -> dict[str, Any]:
        keys = {"user": options.get("User"), "port": options.get("Port"), **_identity(options)}
        return {key: value for key, value in keys.items() if value is not None}

    def _through(self, options: "SSHConfig") -> Jump | None:
        """Return the bastion, which may be a name of the configuration too."""
        given, command = (str(options.get(key) or "") for key in ("ProxyJump", "ProxyCommand"))
        if "none" in (given.lower(), command.lower()) or not (given or command):
            return None
        found = jump(given) if given else through_command(command)
        of_jump = self._options(found["host"])
        return Jump({**self._login(of_jump), **found, "host": str(of_jump.get("Hostname", found["host"]))})


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


def _named(path: Path, shown: str) -> Iterator[tuple[str, str]]:
    """Yield the names after ``Host``, also of files that are included."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        keyword, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if keyword.lower() == "host":
            for name in rest.replace('"', " ").split():
                if not set(name) & set(_WILD):
                    yield name, f"{shown}:{number}"
        elif keyword.lower() == "include":
            for pattern in shlex.split(rest):
                for file in sorted(glob.glob(str(Path("~/.ssh").expanduser() / Path(pattern).expanduser()))):  # noqa: PTH207
                    yield from _named(Path(file), file)
