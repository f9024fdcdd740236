"""Clients of an inventory of Ansible."""

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from ..fields import NamedText, TextFile
from .entry import Doubt, Encrypted, Entry, Mistake, some
from .formats import parsed, variables_file
from .inventory import ALL, Inventory, Variables
from .source import ClientSource
from .ssh_options import client_keys

_KEYS = {
    "ansible_host": "host",
    "ansible_ssh_host": "host",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_ssh_private_key_file": "privateKeyFile",
    "ansible_private_key_file": "privateKeyFile",
    "ansible_password": "password",
    "ansible_ssh_password": "password",
    "ansible_ssh_pass": "password",
}
"""Variable -> key of a client. Of several for one key the first wins, as with Ansible."""
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_BECOME = ("ansible_become_user", "ansible_become_method", "ansible_become_password", "ansible_become_pass")
_CONNECTION = "ansible_connection"
_READ = {*_KEYS, *_ARGUMENTS, *_BECOME, _CONNECTION}
_OVER_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh")
_INSTEAD = "which only Ansible can read; write the value itself, or set a login in clientDefaults"
_SUFFIXES = ("", ".yml", ".yaml", ".json")


class ClientsInventory(ClientSource):
    """Clients of an inventory of Ansible: INI, YAML, or the JSON that `ansible-inventory --list` prints.

    Rules:
        - The variables that count are `ansible_host`, `ansible_port`, `ansible_user`, `ansible_password`,
          `ansible_ssh_private_key_file`, `ansible_connection`, `ansible_become_…` and `ansible_ssh_common_args`.
        - `group_vars` and `host_vars` beside the file are read too. Templates and encrypted values are refused.
        - A client must not be in another list too.

    Example:
        private-registry:clientDefaults:
          privateKeyFile: keys/ops
          knownHostsFile: keys/known_hosts
        private-registry:clientsInventory:
          file: hosts.ini
          group: registry_clients
    """

    file: TextFile
    """The inventory. For a folder, a script or a plugin: the output of `ansible-inventory --list`.

    Change: clients: as `clients`.
    """
    group: str = ALL
    """The group whose hosts are clients, with the groups below it.

    Change: clients: as `clients`.
    """

    def entries(self, mistakes: list[Mistake]) -> Sequence[Entry]:
        """Return what the inventory says of each host of the group."""
        inventory = parsed(self.file, mistakes)
        if mistakes:
            return ()
        try:
            names = self._names(inventory)
            read = _reader(inventory, self.file)
        except ValueError as error:
            mistakes.append(Mistake(str(error), self.file.name))
            return ()
        found = [_entry(name, inventory, read, mistakes) for name in names]
        if any("password" in one for one in found) and self.file.path.stat().st_mode & stat.S_IROTH:
            reason = "every user of this machine can read the file, which contains a password; "
            mistakes.append(Mistake(f"{reason}run 'chmod 600 {self.file.path}'", self.file.name))
        return found

    def _names(self, inventory: Inventory) -> list[str]:
        if self.group not in inventory.groups:
            known = sorted(inventory.groups)
            [guess] = get_close_matches(self.group, known, n=1) or [""]
            did = f"; did you mean {guess}?" if guess else ""
            raise ValueError(f"there is no group {self.group}{did}; the groups are {some(known)}")
        names = inventory.members(self.group)
        if not names:
            raise ValueError(f"the group {self.group} has no hosts")
        return names


def _reader(inventory: Inventory, file: NamedText) -> Callable[[str], Variables]:
    """Return what gives the variables of a host, by Ansible's order: the last one wins."""
    if inventory.is_resolved:
        return lambda host: {key: value for key, value in inventory.hosts[host].variables.items() if key in _READ}
    groups = inventory.groups_of()
    folder = file.path.parent

    @cache
    def beside(group: str) -> Variables:
        return _beside(folder, "group_vars", group)

    def read(host: str) -> Variables:
        names = (ALL, *groups[host])
        layers = [*(inventory.groups[name].variables for name in names), *(beside(name) for name in names)]
        layers += [inventory.hosts[host].variables, _beside(folder, "host_vars", host)]
        return {key: value for layer in layers for key, value in layer.items() if key in _READ}

    return read


def _beside(folder: Path, kind: str, name: str) -> Variables:
    """Return the variables of a group or a host that stand in files beside the inventory."""
    found: Variables = {}
    for suffix in _SUFFIXES:
        for path in _files(folder / kind / f"{name}{suffix}"):
            shown = str(path.relative_to(folder))
            try:
                found |= variables_file(NamedText(shown, path, path.read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError):
                raise ValueError(f"can't read {shown}") from None
    return found


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from sorted(one for one in path.rglob("*") if one.is_file() and one.suffix in _SUFFIXES)


def _entry(name: str, inventory: Inventory, read: Callable[[str], Variables], mistakes: list[Mistake]) -> Entry:
    entry = Entry(host=name)
    entry.where, entry.name = inventory.hosts[name].where, name
    try:
        variables = read(name)
    except ValueError as error:
        mistakes.append(Mistake(str(error), client=name))
        return entry
    usable = {key: value for key, value in variables.items() if not _unreadable(value.value)}
    found = [(key, f"{key} {_unreadable(variables[key].value)}") for key in variables if key not in usable]
    found += [(key, f"{key}: {reason}") for key, reason in _refused(usable)]
    doubts = [Doubt(_matters_for(key), Mistake(reason, variables[key].where, name)) for key, reason in found]
    entry.doubts = [doubt for doubt in doubts if doubt.key]
    mistakes += [doubt.mistake for doubt in doubts if not doubt.key]
    _add_login(entry, usable, mistakes)
    return entry


def _matters_for(variable: str) -> str:
    """Return for what a variable that cannot be followed may be without effect; or nothing."""
    if variable in _BECOME:
        return "user"
    return "login" if _KEYS.get(variable) in ("password", "privateKeyFile") else ""


def _unreadable(value: Any) -> str:
    if isinstance(value, Encrypted) or (isinstance(value, Mapping) and "__ansible_vault" in value):
        return f"is encrypted, {_INSTEAD}"
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        return f"is a template, {_INSTEAD}"
    return ""


def _add_login(entry: Entry, variables: Variables, mistakes: list[Mistake]) -> None:
    keys: dict[str, Any] = {}
    at: dict[str, str] = {}
    for variable, key in _KEYS.items():
        if variable in variables and key not in keys:
            keys[key], at[key] = variables[variable]
    for variable in _ARGUMENTS:
        value, where = variables.get(variable, ("", ""))
        try:
            of_ssh = client_keys(str(value))
        except ValueError as error:
            mistakes.append(Mistake(f"{variable}: {error}", where, entry.name))
            continue
        keys, at = {**of_ssh, **keys}, {**dict.fromkeys(of_ssh, where), **at}
    if _connection(variables) == "local":
        keys = {"local": True, **{key: value for key, value in keys.items() if key == "host"}}
    if "port" in keys and str(keys["port"]).isdigit():
        keys["port"] = int(keys["port"])
    if "privateKeyFile" in keys and "password" in keys:
        # Ansible tries the key first, and a client has one login.
        del keys["password"]
    entry.update(keys)
    entry.places = at


def _refused(variables: Variables) -> Iterator[tuple[str, str]]:
    """Yield what Ansible does for a host, and this stack cannot do."""
    connection = _connection(variables)
    if connection not in (*_OVER_SSH, "local"):
        yield _CONNECTION, f"only ssh and local can be used, not {connection}"
    for key in _BECOME:
        if key in variables and (reason := _becomes(key, str(variables[key].value))):
            yield key, reason


def _connection(variables: Variables) -> str:
    return _short(variables[_CONNECTION].value) if _CONNECTION in variables else "ssh"


def _becomes(key: str, value: str) -> str:
    needs = "the stack becomes root by 'sudo -n', which needs sudo without a password"
    if key == "ansible_become_user" and value != "root":
        return f"{needs}; remove the variable, or use a group without this host"
    if key == "ansible_become_method" and _short(value) != "sudo":
        return f"{needs}, not by {value}"
    return f"{needs}; remove the variable when sudo asks for none" if key.endswith(("password", "pass")) else ""


def _short(name: Any) -> str:
    return str(name).rpartition(".")[2]
