"""The same files on the same hosts by pyinfra, which is much faster than a playbook."""

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.hosts import Host
from bench.playbook import DIRECTORY, ENTRY
from lab.cache import built, digest_of
from lab.run import run

_REQUIREMENTS = Path(__file__).parent / "pyinfra.txt"
PLACE = f"""\
from pyinfra.operations import files

files.directory(path={DIRECTORY!r}, mode="755")
files.put(src="ca.crt", dest="{DIRECTORY}/ca.crt", mode="644")
files.line(path="/etc/hosts", line={ENTRY!r})
"""
_TAKE_AWAY = f"""\
from pyinfra.operations import files

files.directory(path="/etc/docker/certs.d", present=False)
files.line(path="/etc/hosts", line={ENTRY!r}, present=False)
"""


class Pyinfra:
    """Deploys for some hosts: as many at a time as it does by itself, their keys pinned."""

    def __init__(self, folder: Path, key: Path, hosts: Sequence[Host]) -> None:
        """Make deploys in an empty folder; ``key`` is what the hosts let in."""
        self._folder = folder
        self._packages = built("pyinfra", digest_of([_REQUIREMENTS], sys.version), _install)
        known = folder / "known_hosts"
        known.write_text("".join(f"{host.address} {host.host_key}\n" for host in hosts))
        self._data = {
            "ssh_user": "root",
            "ssh_key": str(key),
            "ssh_known_hosts_file": str(known),
            "ssh_strict_host_key_checking": "yes",
        }
        self.choose(hosts)
        (folder / "place.py").write_text(PLACE)
        (folder / "take_away.py").write_text(_TAKE_AWAY)

    def choose(self, hosts: Sequence[Host]) -> None:
        """Say which hosts it is for."""
        (self._folder / "inventory.py").write_text(f"hosts = ({[host.address for host in hosts]!r}, {self._data!r})\n")

    def place(self, authorities: str) -> None:
        """Place the authorities and the hosts entry."""
        (self._folder / "ca.crt").write_text(authorities)
        self._deploy("place.py")

    def take_away(self) -> None:
        """Take away what it placed."""
        self._deploy("take_away.py")

    def _deploy(self, file: str) -> None:
        words = [sys.executable, "-m", "pyinfra", "inventory.py", file, "--yes"]
        run(words, env={"PYTHONPATH": str(self._packages), "LC_ALL": "C.UTF-8"}, cwd=self._folder)


def _install(folder: Path) -> None:
    run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "--requirement", _REQUIREMENTS])
