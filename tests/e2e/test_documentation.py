"""Every command of the documentation is run, in the order in which a reader meets it, on a copy of the project.

What differs from the text: the lab's and the stack's names and addresses, so that nothing of a reader's own is touched;
hosts are test hosts; images are what the lab found; and a key or a password is there where a reader brings one. Where
a page shows the output of its commands, they have to print it.

Costs some 60 runs of the engine, by the pages' own commands, and five hosts, two of which are the lab's.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import engine, hosts
from lab.places import PROJECT
from lab.run import run
from tests.e2e.hosts import Hosts
from tests.e2e.pages import Block, blocks, fits
from tests.e2e.stack import clear, kill_once_locked, write_secret
from tests.unit.authority import issue

LAB = ["docs/first-registry.md", "docs/drift.md"]
# In this order: each page goes on where the one before left the stack.
OWN = [
    f"docs/{name}.md"
    for name in (
        "your-own-server",
        "clients",
        "users",
        "monitoring",
        "garbage",
        "backup",
        "rotate",
        "troubleshooting",
        "decommission",
    )
]
PASSWORD = "correct horse battery"
HOST_KEY = re.compile(r"ssh-ed25519 AAAA…(\s+# (\S+):/etc/ssh/ssh_host_ed25519_key\.pub)?")
THEIR_HOSTS = {"registry.example.com": "server", "build-1.example.com": "one", "build-2.example.com": "two"}

OF_THE_READER: dict[str, Any] = {
    "users": [{"name": "web", "access": "push", "repositories": ["web"], "passwordFile": "keys/web"}],
    "certificate": {"validityDays": 200},
    "clients": [{"port": 22}],
}
"""What a reader's stack has that the pages do not know: more users, more keys in a section and at a client."""

NOT_SET = {"authorities": ["1"]}
"""What a page names, and is not set in the reader's stack: its default."""


@dataclass(frozen=True)
class Reader:
    """Somebody who works through pages in a copy of the project."""

    folder: Path
    env: Mapping[str, str]
    replacements: Mapping[str, str]
    """Text of the documentation -> what stands for it here; longer ones first."""
    on: Callable[[str, str], str] | None = None
    """Runs commands on a host of the reader's."""
    host_key: Callable[[str], str] = str
    """The host key of a host, by its name in the documentation."""

    def follow(self, page: str) -> str:
        """Do all that a page says; return what was printed."""
        return self.follow_text((PROJECT / page).read_text())

    def follow_text(self, text: str) -> str:
        """Do all that a part of a page says; return what was printed."""
        return "".join(map(self._do, filter(is_followed, blocks(text))))

    def _do(self, block: Block) -> str:
        """Do what a block says, see that it prints what the page shows, and return that."""
        text = self._here(block.text)
        if block.kind != "sh":
            self._change(self._here(block.where), block.kind, text)
            return ""
        if block.where:
            assert self.on
            printed = self.on(block.where, text)
        else:
            printed = self._run(text)
        if block.shown is not None:
            shown = self._here(block.shown)
            assert fits(shown, printed), f"{text}\nshows\n{shown}\nand prints\n{printed}"
        return printed

    def _change(self, file: str, kind: str, text: str) -> None:
        config = self.config(file)
        if kind == "yaml":
            self.write(file, config | yaml.safe_load(text)["config"])
        else:
            self.write(file, changed(config, *map(yaml.safe_load, sides(text))))

    def _here(self, text: str) -> str:
        text = HOST_KEY.sub(lambda found: self.host_key(found[2]) if found[2] else found[0], text)
        for old, new in self.replacements.items():
            text = text.replace(old, new)
        return text

    def config(self, file: str) -> dict[str, Any]:
        """Return what a stack's file says."""
        return dict(yaml.safe_load((self.folder / file).read_text())["config"])

    def write(self, file: str, config: Mapping[str, Any]) -> None:
        """Write a stack's file with these settings."""
        content = yaml.safe_load((self.folder / file).read_text())
        (self.folder / file).write_text(yaml.safe_dump({**content, "config": dict(config)}))

    def _run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**os.environ, **self.env},
            input=PASSWORD,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def is_followed(block: Block) -> bool:
    """Return whether a reader does what a block says: a command, or a change of a file that it names."""
    return block.kind == "sh" or (block.kind in ("yaml", "diff") and bool(block.where))


def sides(diff: str) -> list[str]:
    """Return what a difference starts from and what it leads to."""
    return ["\n".join(line[1:] for line in diff.splitlines() if line[0] in marks) for marks in (" -", " +")]


def changed(here: Any, old: Any, new: Any, key: str = "") -> Any:
    """Return settings after a change as a page shows it: what it does not show stays as it is."""
    if any(isinstance(value, list) and value and isinstance(value[0], dict) for value in (old, new)):
        here, old, new = ({_name(entry): entry for entry in value or []} for value in (here, old, new))
        return list(changed(here, old, new).values())
    if isinstance(new, dict) or isinstance(old, dict):
        here, old, new = dict(here or {}), old or {}, new or {}
        for gone in old.keys() - new.keys():
            assert gone in here or gone in NOT_SET, f"the page takes out {gone}, which is not there"
            here.pop(gone, None)
        return here | {name: changed(here.get(name), old.get(name), value, name) for name, value in new.items()}
    assert here == old or (here is None and NOT_SET.get(key) == old), f"the page does not fit: {key} is {here}"
    return new


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or entry["host"])


def copy_of_the_project(folder: Path, replacements: Mapping[str, str]) -> None:
    """Copy what is committed or would be, with some texts replaced, and share the virtual environment."""
    listed = run(["git", "-C", PROJECT, "ls-files", "--cached", "--others", "--exclude-standard"])
    for name in listed.splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / name).exists():
            shutil.copy2(PROJECT / name, target)
    for file in [*(folder / "lab").rglob("*.py"), folder / "Pulumi.dev.yaml"]:
        text = file.read_text()
        for old, new in replacements.items():
            text = text.replace(old, new)
        file.write_text(text)
    (folder / ".venv").symlink_to(PROJECT / ".venv")


def create_the_stack(folder: Path) -> None:
    """Create the stack of the lab that a copy of the project has."""
    run([".venv/bin/python", "-c", "from lab import stack; stack.ensure()"], cwd=folder)


def test_every_command_stands_on_a_page_that_is_followed() -> None:
    pages = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").glob("*.md")]
    with_commands = {
        str(page.relative_to(PROJECT)) for page in pages if any(map(is_followed, blocks(page.read_text())))
    }
    assert with_commands == {*LAB, *OWN}


@pytest.mark.usefixtures("found_images")
def test_a_kill_while_the_lab_creates_its_stack_leaves_nothing_to_mend(tmp_path: Path) -> None:
    copy_of_the_project(tmp_path, {})
    committed = (tmp_path / "Pulumi.dev.yaml").read_text()
    create_the_stack(tmp_path)
    # Killed between the two, a run leaves the stack and not its salt.
    (tmp_path / ".lab/Pulumi.dev.salt").unlink()
    create_the_stack(tmp_path)
    salt = (tmp_path / ".lab/Pulumi.dev.salt").read_text()
    assert (tmp_path / ".lab/Pulumi.dev.yaml").read_text() == f"encryptionsalt: {salt}\n{committed}"
    assert (tmp_path / "Pulumi.dev.yaml").read_text() == committed


def test_the_lab(client_hosts: Hosts, tmp_path: Path) -> None:
    # They keep make down from stopping Docker.
    client_hosts.start("one", "two")
    replacements = {
        "private-registry-lab": "private-registry-docs",
        "172.30.77": "172.30.79",
        "private-registry-dev-": "private-registry-docs-",
        'STACK = "dev"': 'STACK = "docs"',
        "Pulumi.dev.yaml": "Pulumi.docs.yaml",
    }
    # What a run left that was killed here belongs to another clone.
    hosts.remove(replace(hosts.DEV, name="private-registry-docs"))
    clear("docs")
    copy_of_the_project(tmp_path, replacements)
    (tmp_path / "Pulumi.dev.yaml").rename(tmp_path / "Pulumi.docs.yaml")
    reader = Reader(tmp_path, {}, {**replacements, "Stack dev ": "Stack docs "})
    # Creating it takes a lock too: a run killed there has none to leave.
    create_the_stack(tmp_path)
    kill_once_locked(["make", "up"], tmp_path, tmp_path / ".lab/backend/.pulumi/locks")
    try:
        printed = "".join(map(reader.follow, LAB))
    finally:
        subprocess.run(["make", "down", "PURGE=1"], cwd=tmp_path, capture_output=True, check=False)
    assert "Its lock was removed" in printed
    assert printed.count("Login Succeeded") == 2
    assert "file=htpasswd:0600:" in printed
    # Three times when asked, and once when a repair has looked again.
    assert printed.count("is unchanged since the last update") == 4
    assert "container private-registry-docs-proxy is stopped" in printed
    assert "container private-registry-docs-proxy is gone" in printed


@pytest.fixture(scope="module")
def owner(found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Somebody with a server and clients of their own."""
    folder = tmp_path_factory.mktemp("own") / "private-registry"
    folder.mkdir()
    copy_of_the_project(folder, {})
    client_hosts.inside("server", "usermod --append --groups docker ops")
    client_hosts.bring_images("server", found_images)
    addresses = {
        "ssh://ops@registry.example.com": f"ssh://ops@{client_hosts.host('server').address}",
        "build-1.example.com": client_hosts.host("one").address,
        "build-2.example.com": client_hosts.host("two").address,
        "10.0.0.2": client_hosts.host("server").address,
        "file://~/registry-state": f"file://{folder.parent}",
        "~/registry-state": str(folder.parent),
        # Each user that a page adds comes after the reader's own one.
        "users[1]": "users[2]",
        '"2026"': '"1"',
        "authority 2026": "authority 1",
        "CA 2026": "CA 1",
        # A reader reads what it would do; pages that are about that say so by a preview of their own.
        "pulumi up --continue-on-error": "pulumi up --continue-on-error --skip-preview",
    }
    (folder / "keys").mkdir(mode=0o700)
    shutil.copy(client_hosts.clients["one"]["privateKeyFile"], folder / "keys/ops")
    root = issue("root", authority=True)
    server = issue("server", root, ["registry.example.com"])
    for name, text in (("chain.pem", server.pem), ("server.key", server.key_pem()), ("authority.pem", root.pem)):
        write_secret(folder / "keys" / name, text)
    example = (folder / "Pulumi.prod.yaml").read_text()
    # What most stacks have: the one authority that has no other name than its default.
    example = re.sub(r"^ *authorities: .*\n", "", example, flags=re.MULTILINE)
    for name in ("registry", "nginx"):
        example = re.sub(rf"{name}: {name}:\S+@sha256:\S+", f"{name}: {found_images[name]}", example)
    (folder / "Pulumi.prod.yaml").write_text(example)
    env = {
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_CREDENTIALS_PATH": str(folder.parent / "credentials"),
        # A reader answers the questions.
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        **engine.environment(),
    }

    def on(host: str, script: str) -> str:
        # Where a command asks for a password, a reader types it.
        return client_hosts.inside(THEIR_HOSTS.get(f"{host}.example.com", host), f"set -e\n{script}", PASSWORD)

    def host_key(name: str) -> str:
        return hosts.host_key(client_hosts.network, client_hosts.host(THEIR_HOSTS[name]))

    return Reader(folder, env, addresses, on, host_key)


def make_it_the_readers(owner: Reader) -> None:
    """Give the stack what the pages do not know."""
    write_secret(owner.folder / "keys/web", "the password of web")

    config = owner.config("Pulumi.prod.yaml")
    config["private-registry:users"] += OF_THE_READER["users"]
    config["private-registry:certificate"] |= OF_THE_READER["certificate"]
    config["private-registry:clients"][0] |= OF_THE_READER["clients"][0]
    owner.write("Pulumi.prod.yaml", config)
    owner._run("pulumi up --continue-on-error --skip-preview")


def assert_it_is_the_readers(owner: Reader) -> None:
    config = owner.config("Pulumi.prod.yaml")
    assert [user["name"] for user in config["private-registry:users"]][:2] == ["ci", "web"]
    assert config["private-registry:users"][1] == OF_THE_READER["users"][0]
    assert config["private-registry:certificate"].items() >= OF_THE_READER["certificate"].items()
    assert config["private-registry:clients"][0].items() >= OF_THE_READER["clients"][0].items()


def assert_a_place_that_is_anothers_is_left_alone(owner: Reader) -> None:
    """Do literally what the page says of a place in the list: here it is the reader's own user's."""
    before = owner.config("Pulumi.prod.yaml")
    literal = replace(owner, replacements={})
    for block in blocks((PROJECT / "docs/users.md").read_text()):
        if block.kind == "sh" and "users[" in block.text:
            with pytest.raises(AssertionError):
                literal._run(block.text)
    assert owner.config("Pulumi.prod.yaml") == before


KEPT = "registry.example.com/team/kept:1"


def push_garbage(client_hosts: Hosts) -> str:
    """Push an image, and a layer that no image has; return the layer's digest."""
    login = f"echo '{PASSWORD}' | docker login -u ci --password-stdin registry.example.com"
    client_hosts.inside("one", f"{login}; tar -c -C /etc hostname | docker import - {KEPT}; docker push {KEPT}")
    digest = f"sha256:{hashlib.sha256(b'garbage').hexdigest()}"
    curl = f"curl -sS --fail -u 'ci:{PASSWORD}' --cacert /etc/docker/certs.d/registry.example.com/ca.crt"
    started = f"{curl} -X POST -D - https://registry.example.com/v2/team/kept/blobs/uploads/"
    client_hosts.inside(
        "one",
        f"to=$({started} | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')\n"
        f"case $to in /*) to=https://registry.example.com$to;; esac\n"
        f'printf garbage | {curl} -X PUT -H "Content-Type: application/octet-stream" --data-binary @- '
        f'"$to&digest={digest}"',
    )
    return digest


def assert_it_is_collected(client_hosts: Hosts, digest: str) -> None:
    """See that the layer is gone and can be pushed anew, and that the image is as it was."""
    client_hosts.inside("one", f"docker image rm {KEPT}")
    client_hosts.inside("one", f"docker pull {KEPT}")
    data = f"/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}/data"
    volume = "/var/lib/docker/volumes/private-registry-prod-data/_data/docker/registry"
    assert "gone" in client_hosts.inside("server", f"test -e {volume}{data} || echo gone")
    assert push_garbage(client_hosts) == digest
    client_hosts.inside("server", f"test -e {volume}{data}")
    client_hosts.inside("one", "docker logout registry.example.com")


def follow_the_page_of_backups(owner: Reader, client_hosts: Hosts) -> str:
    """Lose all of the server but the archive before the restore; see that an image is there again."""
    backup, restore, rest = (PROJECT / "docs/backup.md").read_text().partition("\n## Restore on a new server\n")
    printed = owner.follow_text(backup)
    client_hosts.inside(
        "server",
        "docker rm --force $(docker ps --all --quiet); docker volume rm $(docker volume ls --quiet)\n"
        "docker network prune --force; rm -r /var/lib/private-registry",
    )
    printed += owner.follow_text(restore + rest)
    client_hosts.inside(
        "one",
        f"docker image rm {KEPT}; echo '{PASSWORD}' | docker login -u ci --password-stdin registry.example.com\n"
        f"docker pull {KEPT}; docker logout registry.example.com",
    )
    return printed


@pytest.mark.parametrize("page", OWN)
def test_a_page_of_ones_own_registry(owner: Reader, client_hosts: Hosts, page: str) -> None:
    name = Path(page).stem
    garbage = push_garbage(client_hosts) if name == "garbage" else ""
    printed = follow_the_page_of_backups(owner, client_hosts) if name == "backup" else owner.follow(page)
    if name == "your-own-server":
        login = "docker login -u ci --password-stdin registry.example.com"
        client_hosts.inside("one", login, PASSWORD)
        client_hosts.inside("one", "docker logout registry.example.com")
        make_it_the_readers(owner)
    assert_it_is_the_readers(owner)
    if name == "users":
        assert_a_place_that_is_anothers_is_left_alone(owner)
    if garbage:
        assert f"blob eligible for deletion: {garbage}" in printed
        assert_it_is_collected(client_hosts, garbage)
    if name == "troubleshooting":
        assert re.search(r"\(healthy\)\s*in\s*Filesystem", printed), printed
    if name == "decommission":
        assert client_hosts.inside("server", "docker ps -aq; docker volume ls -q") == ""
        assert "registry.example.com" not in client_hosts.inside("one", "cat /etc/hosts; ls -R /etc/docker")
