"""Many clients: what places their trust, beside Ansible with the same files on the same hosts."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import hosts
from bench.contestants import certificate
from bench.hosts import Host
from bench.playbook import DIRECTORY, ENTRY, Ansible
from bench.report import Aim, Figures
from bench.stack import Stack
from lab import docker, engine, images

SERVER, FIRST, EMPTY, ASKED, AUTHORITY, GONE = (
    "update without clients s",
    "first update s",
    "empty preview s",
    "all hosts asked for changes s",
    "a CA more s",
    "all clients gone s",
)
STATE = "state, KB per client"

AIMS = (
    Aim(FIRST, "ours", FIRST, "ansible", 1, at_most=True),
    Aim(EMPTY, "ours", ASKED, "ansible", 1, at_most=True),
    Aim(ASKED, "ours", ASKED, "ansible", 1, at_most=True),
    Aim(AUTHORITY, "ours", AUTHORITY, "ansible", 1, at_most=True),
    Aim(GONE, "ours", GONE, "ansible"),
)

_Figures = defaultdict[tuple[str, str], list[float]]


def measured(count: int, rounds: int) -> Figures:
    """Measure on so many hosts: trust by Docker's folder and the hosts entry, without the proof."""
    engine.ensure()
    docker.ensure()
    found, figures = images.ensure(), _Figures(list)
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "key")
        with hosts.started(count, key) as clients:
            for number in range(rounds):
                print(f"round {number + 1} of {rounds}", flush=True)
                ours, theirs = (Path(folder, f"{number}-{name}") for name in ("ours", "ansible"))
                ours.mkdir()
                theirs.mkdir()
                parts = [
                    partial(_ours, figures, Stack(ours, found, key), clients),
                    partial(_ansible, figures, Ansible(theirs, key, clients), clients),
                ]
                for part in reversed(parts) if number % 2 else parts:
                    part()
    return figures


def _ours(figures: _Figures, stack: Stack, clients: Sequence[Host]) -> None:
    stack.configure([])
    _timed(figures, SERVER, "ours", stack.up)
    alone = stack.size
    stack.destroy()
    stack.configure(clients)
    _timed(figures, FIRST, "ours", stack.up)
    _see(clients, authorities=1)
    figures[STATE, "ours"].append((stack.size - alone) / 1000 / len(clients))
    _timed(figures, EMPTY, "ours", stack.preview)
    _timed(figures, ASKED, "ours", stack.drift)
    stack.configure(clients, ["1", "2"])
    _timed(figures, AUTHORITY, "ours", stack.up)
    _see(clients, authorities=2)
    stack.configure([], ["1", "2"])
    _timed(figures, GONE, "ours", stack.up)
    _see(clients, authorities=0)
    stack.destroy()


def _ansible(figures: _Figures, ansible: Ansible, clients: Sequence[Host]) -> None:
    one, other = (certificate()["server.crt"] for _ in range(2))
    _timed(figures, FIRST, "ansible", lambda: ansible.place(one))
    _see(clients, authorities=1)
    _timed(figures, ASKED, "ansible", lambda: ansible.place(one, check=True))
    _timed(figures, AUTHORITY, "ansible", lambda: ansible.place(one + other))
    _see(clients, authorities=2)
    _timed(figures, GONE, "ansible", ansible.take_away)
    _see(clients, authorities=0)


def _timed(figures: _Figures, measure: str, name: str, once: Callable[[], None]) -> None:
    started = time.monotonic()
    once()
    figures[measure, name].append(time.monotonic() - started)
    print(f"  {measure:<30}{name:<10}{figures[measure, name][-1]:>8.1f}", flush=True)


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
