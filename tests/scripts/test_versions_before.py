"""What the scripts of a version before take away at the end of an update, when these have placed theirs already.

Their texts lie in ``data`` as a stack of that version has them in its state.
"""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from components.clients import RUNTIMES
from components.clients.runtime import ANY, AUTHORITIES, Placement, ScriptRuntime, entry_alone
from tests.scripts.conftest import Shell
from tests.scripts.store import Machine, machine
from tests.unit.authority import issue

DATA = Path("tests/scripts/data")
MARK = "private-registry project/stack"
REGISTRY = replace(ANY, mark=MARK)
AUTHORITY = issue("authority", authority=True).pem
BEFORE, NOW = AUTHORITY, f"# a line that versions before did not write\n{AUTHORITY}"


def placed_by(runtime: str, *aliases: str) -> Placement:
    """Return how a runtime trusts the registry."""
    found = RUNTIMES[runtime]
    assert isinstance(found, ScriptRuntime)
    return found.placement(replace(REGISTRY, aliases=aliases))


def run(shell: Shell, verb: str, placement: Placement, authorities: str = "", **words: str) -> str:
    """Run what places something; return what it says."""
    shell = replace(shell, parts=placement.parts)
    payload, file = ({AUTHORITIES: authorities}, ["file=ca.crt:0644:-"]) if authorities else ({}, [])
    arguments = [f"{key}={value}" for key, value in {**placement.place, **words}.items() if value]
    done = shell.run(placement.script, verb, *arguments, *file, payload=payload)
    assert done.returncode == 0, done.stderr
    return done.stdout


def content(folder: Path) -> dict[str, str]:
    """Return each file with its content, and each link with what it says; a path would lose its dot."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_text()  # noqa: PTH115
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize(("version", "alias"), [("0.1", ""), ("0.2", ""), ("0.2", "b.test")])
def test_a_folder_and_an_entry_stay_whole(shell: Shell, tmp_path: Path, version: str, alias: str) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1\tlocalhost\n")
    docker, entry = placed_by("docker", *filter(None, [alias])), entry_alone(MARK)
    names = {"hosts": str(hosts), "entry": f"10.0.0.2/registry.test {alias}".strip()}
    places = {key: f"{tmp_path}{docker.place[key]}" for key in ("directory", "link")}
    docker = replace(docker, place={**docker.place, **places})
    place = {**docker.place, "marker": MARK, "hosts": str(hosts)}
    if version == "0.1":
        del place["link"], place["aliases"]
    old = Placement("", place, {}, DATA / f"files-{version}.txt", ())

    run(shell, "create", old, BEFORE, entry=names["entry"])
    assert hosts.read_text().endswith(f"\t# {MARK}\n127.0.0.1\tlocalhost\n")
    run(shell, "create", entry, **names)
    run(shell, "create", docker, NOW)
    there = content(tmp_path)
    run(shell, "delete", old, BEFORE)
    assert content(tmp_path) == there
    assert there["hosts"].count("private-registry") == 1, "one of the two lines is gone"
    assert run(shell, "check", entry, **names) == run(shell, "check", docker, NOW) == ""
    run(shell, "delete", docker, NOW)
    run(shell, "delete", entry, hosts=str(hosts))
    assert content(tmp_path) == {"hosts": "127.0.0.1\tlocalhost\n"}


def test_the_store_of_the_machine_stays_whole(dash: Shell, tmp_path: Path) -> None:
    store: Machine = machine(tmp_path / "root", "debian")
    shell = replace(dash, path=store.path(dash.path))
    now = placed_by("system")
    now = replace(now, place={**now.place, "root": str(store.root)})
    name = hashlib.sha256(f"{MARK} registry.test".encode()).hexdigest()[:8]
    old = replace(now, place={**now.place, "store": f"private-registry_registry.test_{name}"})
    before = store.content()

    run(shell, "create", old, BEFORE)
    run(shell, "create", now, NOW)
    assert len(list(store.anchors.iterdir())) == 2, "each has a file of its own"
    run(shell, "delete", old, BEFORE)
    assert run(shell, "check", now, NOW) == ""
    assert [file.name.startswith(now.place["store"]) for file in store.anchors.iterdir()] == [True]
    run(shell, "delete", now, NOW)
    assert store.content() == before
