"""Hosts, groups and variables, as an inventory of Ansible has them.

https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html
"""

import itertools
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, NamedTuple

ALL = "all"
UNGROUPED = "ungrouped"
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_PLACE = re.compile(r"(?P<names>(?:[^:\[\]]|\[[^\[\]]*\])+)(?::(?P<port>\d+))?")
_IPV6 = re.compile(r"\[(?P<address>[0-9a-fA-F:.]+)\](?::(?P<port>\d+))?")
_LETTERS = string.ascii_letters
_MOST = 10_000
"""Of the hosts that one line may stand for."""


class Value(NamedTuple):
    """The value of a variable, and where it stands."""

    value: Any
    where: str


Variables = dict[str, Value]


@dataclass
class Group:
    """Hosts, and other groups."""

    hosts: dict[str, None] = field(default_factory=dict)
    """Their names, in order."""
    children: list[str] = field(default_factory=list)
    variables: Variables = field(default_factory=dict)


@dataclass
class Host:
    """A host, with where it is named first."""

    where: str
    variables: Variables = field(default_factory=dict)


@dataclass
class Inventory:
    """What an inventory's file says, before groups are resolved."""

    hosts: dict[str, Host] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=lambda: {ALL: Group(), UNGROUPED: Group()})
    is_resolved: bool = False
    """Whether each host has all its variables already."""

    def group(self, name: str) -> Group:
        """Return a group; a new one where there is none yet."""
        return self.groups.setdefault(name, Group())

    def add(self, group: str, pattern: str, variables: Mapping[str, Value], where: str) -> None:
        """Add the hosts of a pattern, such as ``web[01:20]:2222``, to a group.

        Raises:
            ValueError: It is none; says why.
        """
        names, port = _hosts(pattern)
        more = {"ansible_port": Value(port, where)} if port else {}
        for name in names:
            self.add_host(group, name, {**more, **variables}, where)

    def add_host(self, group: str, name: str, variables: Mapping[str, Value], where: str) -> None:
        """Add one host to a group, by its name."""
        self.hosts.setdefault(name, Host(where)).variables |= variables
        # A dictionary, since a list of a thousand is slow to search.
        self.group(group).hosts.setdefault(name)

    def members(self, name: str) -> list[str]:
        """Return the hosts of a group and of all groups below it, each once.

        Raises:
            ValueError: A group is below itself.
        """
        if name == ALL:
            return list(self.hosts)
        if name == UNGROUPED:
            grouped = {
                host for other, group in self.groups.items() if other not in (ALL, UNGROUPED) for host in group.hosts
            }
            return [host for host in self.hosts if host not in grouped]
        return list(dict.fromkeys(host for group, _ in self._below(name) for host in self.group(group).hosts))

    def _below(self, name: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, int]]:
        """Yield a group, and those below it, each with its depth."""
        if name in above:
            raise ValueError(f"the group {name} is below itself: {' > '.join((*above, name))}")
        yield name, len(above)
        for child in self.group(name).children:
            yield from self._below(child, (*above, name))

    def groups_of(self) -> dict[str, list[str]]:
        """Return host -> all its groups but ``all``, the one whose variables win last.

        Raises:
            ValueError: A group is below itself.
        """
        depth: dict[str, int] = {}
        for name in list(self.groups):
            for below, steps in self._below(name):
                depth[below] = max(depth.get(below, 0), steps)
        found: dict[str, list[str]] = {name: [] for name in self.hosts}
        for name in sorted(set(self.groups) - {ALL}, key=lambda name: (depth[name], self._priority(name), name)):
            for host in self.members(name):
                found[host].append(name)
        return found

    def _priority(self, name: str) -> int:
        given = self.groups[name].variables.get("ansible_group_priority")
        return int(given.value) if given and str(given.value).isdigit() else 1


def _hosts(pattern: str) -> tuple[list[str], int | None]:
    """Return the names that a pattern stands for, and their port."""
    if found := _IPV6.fullmatch(pattern):
        return [str(ip_address(found["address"]))], int(found["port"]) if found["port"] else None
    try:
        return [str(ip_address(pattern))], None
    except ValueError:
        pass
    found = _PLACE.fullmatch(pattern)
    if not found:
        raise ValueError(f"{pattern} is no host: NAME[:PORT], with ranges such as web[01:20]")
    # What is outside of brackets, and what is within them, take turns.
    parts = [list(_range(part)) if number % 2 else [part] for number, part in enumerate(_RANGE.split(found["names"]))]
    count = 1
    for part in parts:
        count *= len(part)
    if count > _MOST:
        raise ValueError(f"{pattern} stands for {count} hosts, and at most {_MOST} are possible")
    return ["".join(words) for words in itertools.product(*parts)], int(found["port"]) if found["port"] else None


def _range(text: str) -> list[str]:
    first, last, step = [*text.split(":"), "1"][:3] if text.count(":") in (1, 2) else ("", "", "")
    wrong = ValueError(f"[{text}] is no range: [01:20], [1:10:2] or [a:f]")
    if not step.isdigit() or int(step) < 1:
        raise wrong
    if len(first) == len(last) == 1 and first in _LETTERS and last in _LETTERS:
        numbers = range(_LETTERS.index(first), _LETTERS.index(last) + 1, int(step))
        found = [_LETTERS[number] for number in numbers]
    elif first.isdigit() and last.isdigit():
        found = _numbers(first, last, int(step))
    else:
        raise wrong
    if not found:
        raise wrong
    return found


def _numbers(first: str, last: str, step: int) -> list[str]:
    width = len(first) if first.startswith("0") else 0
    if width > 1 and width != len(last):
        raise ValueError(f"[{first}:{last}]: both ends of a range with leading zeros have the same number of digits")
    if int(last) - int(first) > _MOST * step:
        raise ValueError(f"[{first}:{last}] stands for too many hosts: at most {_MOST} are possible")
    return [str(number).zfill(width) for number in range(int(first), int(last) + 1, step)]
