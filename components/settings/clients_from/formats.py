"""The formats of an inventory of Ansible: INI, YAML, and what ``ansible-inventory --list`` prints."""

import ast
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ..fields import NamedText
from .entry import Entry, Mistake, with_lines
from .inventory import UNGROUPED, Inventory, Value, Variables

_SECTION = re.compile(r"\[([^:\[\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?")
_KINDS = ("hosts", "vars", "children")
PRINTED = "'ansible-inventory -i INVENTORY --list > hosts.json'"
"""What makes a file of any inventory."""


def parsed(file: NamedText, mistakes: list[Mistake]) -> Inventory:
    """Return what an inventory says; add what is no inventory, with its line, to the mistakes."""
    suffix = PurePath(file.name).suffix
    text = file.text.lstrip()
    try:
        if text.startswith("#!"):
            raise ValueError(f"{file.name} is a program; use the output of {PRINTED}")
        if text.startswith("{"):
            return _of_json(file)
        if suffix in (".yml", ".yaml", ".json") or text.startswith("---"):
            return _of_yaml(file, mistakes)
    except ValueError as error:
        mistakes.append(Mistake(str(error)))
        return Inventory()
    return _of_ini(file, mistakes)


def _of_ini(file: NamedText, mistakes: list[Mistake]) -> Inventory:
    inventory, group, kind = Inventory(), UNGROUPED, "hosts"
    for number, line in enumerate(map(str.strip, file.text.splitlines()), 1):
        where = f"{file.name}:{number}"
        if not line or line[0] in "#;":
            continue
        try:
            if line[0] == "[" and (found := _SECTION.fullmatch(line)):
                group, kind = found[1], found[2] or "hosts"
                inventory.group(group)
                if kind not in _KINDS:
                    raise ValueError(f"[{group}:{kind}] is not known; allowed are :vars and :children")
            elif kind == "hosts":
                _add_line(inventory, group, line, where)
            elif kind == "children":
                child = line.split("#")[0].strip()
                inventory.group(child)
                inventory.group(group).children.append(child)
            elif kind == "vars":
                key, _, value = line.partition("=")
                inventory.group(group).variables[key.strip()] = Value(_literal(value.strip()), where)
        except ValueError as error:
            mistakes.append(Mistake(str(error), where))
    return inventory


def _add_line(inventory: Inventory, group: str, line: str, where: str) -> None:
    try:
        pattern, *words = shlex.split(line, comments=True)
    except ValueError:
        raise ValueError("a quote is not closed") from None
    variables: Variables = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign:
            # The word is not shown: it may be a part of a password.
            raise ValueError(f"after {pattern} only NAME=VALUE can follow")
        variables[key] = Value(_literal(value), where)
    inventory.add(group, pattern, variables, where)


def _literal(text: str) -> Any:
    """Return a value as Ansible reads it: a literal of Python, or else a text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def _of_yaml(file: NamedText, mistakes: list[Mistake]) -> Inventory:
    inventory = Inventory()
    content = with_lines(file.text, file.name)
    if not isinstance(content, Entry):
        raise ValueError(f"{file.name} is no inventory: a mapping of groups, with hosts, children and vars")
    if "plugin" in content:
        raise ValueError(f"{file.name} is the configuration of a plugin of Ansible; use the output of {PRINTED}")
    for name, group in content.items():
        _add_group(inventory, str(name), group, file.name, mistakes)
    return inventory


def _add_group(inventory: Inventory, name: str, group: Any, file: str, mistakes: list[Mistake]) -> None:
    found = inventory.group(name)
    if group is None:
        return
    if not isinstance(group, Entry) or set(group) - {"hosts", "children", "vars"}:
        line = f":{group.line}" if isinstance(group, Entry) else ""
        mistakes.append(Mistake(f"the group {name} can only have hosts, children and vars", f"{file}{line}"))
        return
    for pattern, variables in _part(group, "hosts", name, file, mistakes).items():
        where = f"{file}:{group['hosts'].lines.get(str(pattern), group.line)}"
        try:
            inventory.add(name, str(pattern), _variables(variables, file), where)
        except ValueError as error:
            mistakes.append(Mistake(str(error), where))
    found.variables |= _variables(_part(group, "vars", name, file, mistakes), file)
    for child, below in _part(group, "children", name, file, mistakes).items():
        found.children.append(str(child))
        _add_group(inventory, str(child), below, file, mistakes)


def _part(group: Entry, key: str, name: str, file: str, mistakes: list[Mistake]) -> Mapping[Any, Any]:
    part = group.get(key)
    if part is None:
        return {}
    if not isinstance(part, Entry):
        where = f"{file}:{group.lines.get(key, group.line)}"
        mistakes.append(Mistake(f"{key} of the group {name} must be a mapping", where))
        return {}
    return part


def _variables(given: Any, file: str) -> Variables:
    if not isinstance(given, Entry):
        return {}
    return {str(key): Value(value, f"{file}:{given.lines.get(str(key), given.line)}") for key, value in given.items()}


def variables_file(file: NamedText) -> Variables:
    """Return the variables of a file in ``group_vars`` or ``host_vars``.

    Raises:
        ValueError: It can't be read; says what to do.
    """
    if file.text.startswith("$ANSIBLE_VAULT"):
        raise ValueError(f"{file.name} is encrypted, which only Ansible can read; use the output of {PRINTED}")
    return _variables(with_lines(file.text, file.name), file.name)


def _of_json(file: NamedText) -> Inventory:
    try:
        content = json.loads(file.text)
        variables = content.get("_meta", {})["hostvars"]
        inventory = Inventory(is_resolved=True)
        for name, group in content.items():
            if name != "_meta":
                inventory.group(name).children += group.get("children", [])
                for host in group.get("hosts", []):
                    given = variables.get(host, {}).items()
                    inventory.add_host(name, host, {key: Value(value, file.name) for key, value in given}, file.name)
        for child in [child for group in inventory.groups.values() for child in group.children]:
            # A group without hosts has no entry of its own.
            inventory.group(child)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ValueError(f"{file.name} is not what {PRINTED} writes: groups, and _meta with hostvars") from None
    return inventory
