"""What one room writes, no other room reads back as text: neither names of resources nor words of scripts."""

import ast
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.certificates import SOURCES
from components.clients import RUNTIMES
from components.storage import STORAGES
from lab.places import PROJECT
from tests.unit.conftest import Declare

READERS = ("review", "operations", "policies")
NAMES_BEFORE = {"operations/forget.py"}
"""May know how the names of a client's components began: in a state of the version before they said no more."""
OURS = "private-registry"
"""The project's own name, in settings and types."""
WRITTEN = ("read_payload", "read_words")
"""What reads the words and the files of a script."""
SENT = {"policies/commands.py"}
"""A rule judges what is sent, whatever a component says of it: so this one reads the words and files of a command."""

KINDS: dict[str, Iterable[Any]] = {
    "runtimes of clients": [type(runtime) for runtime in RUNTIMES.values()],
    "sources of the certificate": SOURCES.values(),
    "settings of the sources": SOURCES,
    "storages": STORAGES.values(),
    "settings of the storages": STORAGES,
}


def sources() -> list[Path]:
    return sorted(file for room in READERS for file in (PROJECT / room).rglob("*.py"))


def texts(file: Path) -> Iterator[str]:
    """Find the texts of a module that are not documentation."""
    tree = ast.parse(file.read_text())
    documented = {
        id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.value


def place(file: Path) -> str:
    return str(file.relative_to(PROJECT))


def test_no_name_of_a_resource_is_known_outside_of_the_components(declare: Declare) -> None:
    parts = {resource.name.partition("-")[2].partition("-10.0.0.7")[0] for resource in declare().resources}
    ends = {f"-{part}" for part in parts if part}
    assert {"-proxy-container", "-registry-data", "-trust", "-verification", "-proxy-site"} <= ends
    known = {
        (place(file), text)
        for file in sources()
        for text in texts(file)
        if any(end in text.replace(OURS, "") for end in ends) and place(file) not in NAMES_BEFORE
    }
    assert known == set()


def test_no_script_is_read_outside_of_the_components() -> None:
    readers = {
        place(file)
        for file in sources()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and any(name.name in WRITTEN for name in node.names)
    }
    assert readers == SENT


@pytest.mark.parametrize("kinds", KINDS)
def test_a_contract_has_each_kind_know_no_other(kinds: str) -> None:
    """Their folders have more in them, which they may know: so a contract can't name a folder."""
    modules = sorted({one.__module__ for one in KINDS[kinds]})
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    independent = [sorted(one["modules"]) for one in contracts if one["type"] == "independence"]
    assert modules in independent, f"pyproject.toml has no independence contract of just these {kinds}: {modules}"
