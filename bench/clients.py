"""Many clients: what places their trust, beside Ansible and pyinfra with the same files on the same hosts."""

import ctypes
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench import hosts
from bench.contestants import certificate
from bench.empty import EmptyProgram
from bench.hosts import Host, Hosts
from bench.playbook import DIRECTORY, ENTRY, Ansible
from bench.pyinfra import Pyinfra
from bench.report import Aim, Figures
from bench.stack import Stack
from lab import docker, engine, images
from lab.run import LabError

ALONE, FIRST, EMPTY, NOTHING, ASKED, AUTHORITY, ADDED, GONE = (
    "update without clients",
    "first update",
    "empty preview",
    "nothing changed",
    "all hosts asked for changes",
    "a CA more",
    "a host more",
    "all clients gone",
)
STATE, CONNECTIONS = "state, KB per client", "connections of a client"
CLIENTS_ALONE = "first update, less that without clients"
LATE = "8 hosts silent, s more"
WALL, CPU = "s", "CPU s"
NO_CLIENT, EMPTY_PROGRAM = "ours, no client", "empty component"
SILENT_OF, SILENT = 100, 8
_SET_CHILD_SUBREAPER = 36
"""See prctl(2)."""
_SLOW_FROM = 200
"""With so many clients the others measure in the first round alone: a playbook takes minutes."""


def aims(counts: Sequence[int]) -> list[Aim]:
    """Return the ratios for so many clients each, and what they are wanted to be."""
    found = [aim for count in counts for unit in (WALL, CPU) for aim in _beside(count, unit)]
    if SILENT_OF in counts:
        found.append(Aim(_key(SILENT_OF, LATE), "ours", aim=25, at_most=True))
    if {100, 1000} <= {*counts}:
        grown = ((measure, unit) for measure in (FIRST, AUTHORITY, NOTHING, EMPTY) for unit in (WALL, CPU))
        found += [
            Aim(_key(1000, measure, unit), "ours", _key(100, measure, unit), "ours", 12, at_most=True)
            for measure, unit in grown
        ]
    return found


def measured(counts: Sequence[int], rounds: int) -> Figures:
    """Measure on so many hosts each: trust by Docker's folder and the hosts entry, without the proof."""
    # The engine kills its plugins and waits for none: they come here, where their time is counted.
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1)
    engine.ensure()
    docker.ensure()
    found, figures = images.ensure(), defaultdict[tuple[str, str], list[float]](list)
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            key = Path(folder, "key")
            with hosts.started(count + 1, SILENT if count == SILENT_OF else 0, key) as clients:
                for number in range(rounds):
                    print(f"{count} clients, round {number + 1} of {rounds}", flush=True)
                    place = Path(folder, str(number))
                    _Round(figures, place, key, clients, found).measure(number)
    return figures


class _Round:
    """Each contestant once in each measure; every other round in the opposite order."""

    def __init__(
        self,
        figures: defaultdict[tuple[str, str], list[float]],
        folder: Path,
        key: Path,
        clients: Hosts,
        found: Mapping[str, str],
    ) -> None:
        self._figures, self._folder, self._key, self._images = figures, folder, key, found
        self._hosts, self._all, self._clients = clients, clients.healthy, clients.healthy[:-1]

    def measure(self, number: int) -> None:
        """Measure in the round of this number."""
        parts: list[Callable[[], None]] = [self._ours]
        if number == 0 or len(self._clients) < _SLOW_FROM:
            parts += [
                lambda: self._theirs("ansible", Ansible(self._place("ansible"), self._key, self._all)),
                lambda: self._theirs("pyinfra", Pyinfra(self._place("pyinfra"), self._key, self._all)),
            ]
        for part in reversed(parts) if number % 2 else parts:
            part()

    def _ours(self) -> None:
        stack = Stack(self._place("ours"), self._images, self._key)
        stack.configure([])
        self._timed(ALONE, "ours", stack.up)
        alone = stack.size
        self._timed(EMPTY, NO_CLIENT, stack.preview)
        self._timed(EMPTY, EMPTY_PROGRAM, EmptyProgram(self._place("empty")).preview)
        stack.destroy()
        stack.configure(self._clients)
        self._timed(FIRST, "ours", stack.up)
        _see(self._clients, authorities=1)
        for unit in (WALL, CPU):
            self._add(CLIENTS_ALONE, "ours", self._last(FIRST, unit) - self._last(ALONE, unit), unit)
        self._add(STATE, "ours", (stack.size - alone) / 1000 / len(self._clients))
        self._timed(EMPTY, "ours", stack.preview)
        self._timed(NOTHING, "ours", stack.repeat)
        self._timed(ASKED, "ours", stack.drift)
        authorities = ["1", "2"]
        stack.configure(self._clients, authorities)
        self._timed(AUTHORITY, "ours", stack.up)
        _see(self._clients, authorities=2)
        stack.configure(self._all, authorities)
        self._timed(ADDED, "ours", stack.up)
        _see(self._all, authorities=2)
        stack.configure([], authorities)
        self._timed(GONE, "ours", stack.up)
        _see(self._all, authorities=0)
        stack.destroy()
        if self._hosts.silent:
            self._silence(stack)

    def _silence(self, stack: Stack) -> None:
        """See that hosts that answer nothing keep nobody up, and are named once."""
        answering = self._clients[: -len(self._hosts.silent)]
        stack.configure([*answering, *self._hosts.silent])
        started = time.monotonic()
        said = stack.failing()
        self._add(LATE, "ours", time.monotonic() - started - self._last(FIRST, WALL))
        _see(answering, authorities=1)
        for host in self._hosts.silent:
            if said.count(f"{host.address}: no answer") != 1:
                raise LabError(f"the update does not say once that {host.address} does not answer:\n{said}")
        stack.destroy()

    def _theirs(self, name: str, them: Ansible | Pyinfra) -> None:
        one, other = (certificate()["server.crt"] for _ in range(2))
        them.choose(self._clients)
        self._timed(FIRST, name, lambda: them.place(one))
        _see(self._clients, authorities=1)
        self._timed(NOTHING, name, lambda: them.place(one))
        self._timed(AUTHORITY, name, lambda: them.place(one + other))
        _see(self._clients, authorities=2)
        them.choose(self._all)
        self._timed(ADDED, name, lambda: them.place(one + other))
        _see(self._all, authorities=2)
        self._timed(GONE, name, them.take_away)
        _see(self._all, authorities=0)

    def _place(self, name: str) -> Path:
        place = self._folder / name
        place.mkdir(parents=True)
        return place

    def _timed(self, measure: str, name: str, once: Callable[[], None]) -> None:
        """Measure the time, that of the processors for it and all that it starts here, and the connections."""
        self._hosts.connections()
        started, used = time.monotonic(), _used()
        once()
        self._add(measure, name, time.monotonic() - started, WALL)
        self._add(measure, name, _used() - used, CPU)
        self._add(f"{measure}, {CONNECTIONS}", name, max(self._hosts.connections().values(), default=0))

    def _last(self, measure: str, unit: str) -> float:
        return self._figures[_key(len(self._clients), measure, unit), "ours"][-1]

    def _add(self, measure: str, name: str, figure: float, unit: str = "") -> None:
        key = _key(len(self._clients), measure, unit)
        self._figures[key, name].append(figure)
        print(f"  {key:<52}{name:<18}{figure:>8.1f}", flush=True)


def _beside(count: int, unit: str) -> list[Aim]:
    def aim(measure: str, other: str, most: float | None = None) -> Aim:
        key = _key(count, measure, unit)
        return Aim(key, "ours", key, other, most if count == SILENT_OF else None, at_most=True)

    return [
        aim(FIRST, "ansible", 0.25),
        aim(FIRST, "pyinfra", 2.5),
        *(
            Aim(_key(count, CLIENTS_ALONE, unit), "ours", _key(count, FIRST, unit), other)
            for other in ("ansible", "pyinfra")
        ),
        aim(EMPTY, NO_CLIENT, 1.25),
        aim(EMPTY, EMPTY_PROGRAM),
        *(aim(measure, other) for measure in (NOTHING, AUTHORITY, ADDED, GONE) for other in ("ansible", "pyinfra")),
    ]


def _key(count: int, measure: str, unit: str = "") -> str:
    return f"{count} clients: {measure}{unit and f', {unit}'}"


def _used() -> float:
    """Return the seconds of the processors of all children that have ended, of theirs, and of those these have left."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _see(clients: Sequence[Host], authorities: int) -> None:
    """See on the first and the last host that it has so many authorities, and the hosts entry if it has any.

    Raises:
        RuntimeError: It has others.
    """
    for client in (clients[0], clients[-1]):
        file, entries = f"{DIRECTORY}/ca.crt", client.inside("cat /etc/hosts").splitlines()
        found = client.inside(f"grep -c BEGIN {file} 2> /dev/null || true") or "0"
        has_entry = any(line.startswith(ENTRY) for line in entries)
        if int(found) != authorities or has_entry != bool(authorities):
            raise RuntimeError(f"{client.address} has {found} authorities instead of {authorities}: {entries}")
