"""The same files on the same hosts by Ansible, which one would write a playbook for instead."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from bench.hosts import GATEWAY, Host
from bench.stack import DOMAIN
from lab.cache import built, digest_of
from lab.run import run

FORKS = 20
DIRECTORY = f"/etc/docker/certs.d/{DOMAIN}"
ENTRY = f"{GATEWAY}\t{DOMAIN}"
_REQUIREMENTS = Path(__file__).parent / "ansible.txt"
PLACE: list[dict[str, dict[str, str]]] = [
    {"file": {"path": DIRECTORY, "state": "directory", "mode": "0755"}},
    {"copy": {"src": "ca.crt", "dest": f"{DIRECTORY}/ca.crt", "mode": "0644"}},
    {"lineinfile": {"path": "/etc/hosts", "line": ENTRY}},
]
_TAKE_AWAY: list[dict[str, dict[str, str]]] = [
    {"file": {"path": "/etc/docker/certs.d", "state": "absent"}},
    {"lineinfile": {"path": "/etc/hosts", "line": ENTRY, "state": "absent"}},
]


class Ansible:
    """Playbooks for some hosts: 20 at a time, pipelined, their keys pinned, and no facts asked for."""

    def __init__(self, folder: Path, key: Path, hosts: Sequence[Host]) -> None:
        """Make playbooks in an empty folder; ``key`` is what the hosts let in."""
        self._folder, self._packages = folder, built("ansible", digest_of([_REQUIREMENTS], sys.version), _install)
        known = folder / "known_hosts"
        known.write_text("".join(f"{host.address} {host.host_key}\n" for host in hosts))
        variables = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(key),
            "ansible_ssh_common_args": f"-F none -o IdentitiesOnly=yes -o UserKnownHostsFile={known}",
            # It is not to look for it on each host.
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        self._variables = variables
        self.choose(hosts)
        for name, tasks in (("place", PLACE), ("take-away", _TAKE_AWAY)):
            play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
            (folder / f"{name}.yaml").write_text(yaml.safe_dump([play]))

    def choose(self, hosts: Sequence[Host]) -> None:
        """Say which hosts it is for."""
        inventory = {"all": {"hosts": {host.address: {} for host in hosts}, "vars": self._variables}}
        (self._folder / "hosts.yaml").write_text(yaml.safe_dump(inventory))

    def place(self, authorities: str) -> None:
        """Place the authorities and the hosts entry."""
        (self._folder / "ca.crt").write_text(authorities)
        self._play("place")

    def take_away(self) -> None:
        """Take away what it placed."""
        self._play("take-away")

    def _play(self, name: str) -> None:
        # Each play has a folder of its own for its connections: those of the one before are open still.
        with tempfile.TemporaryDirectory() as sockets:
            env = {
                "PYTHONPATH": str(self._packages),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_FORKS": str(FORKS),
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_HOME": str(self._folder / "home"),
                "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
            }
            words = ["--inventory", "hosts.yaml", f"{name}.yaml"]
            run([sys.executable, "-m", "ansible", "playbook", *words], env=env, cwd=self._folder)


def _install(folder: Path) -> None:
    run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "--requirement", _REQUIREMENTS])
