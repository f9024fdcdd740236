"""The registry's version stands in many files, and is one and the same in all of them; no clone keeps an older one."""

import re

import pytest

from lab import engine, images
from lab.images import OFFICIAL
from lab.places import PROJECT
from lab.run import run

NAMED = re.compile(
    r"(?<![\w/-])registry:(\d+\.\d+\.\d+)|distribution/v3 v(\d+\.\d+\.\d+)\b(?!/)|distribution/blob/v(\d+\.\d+\.\d+)/"
    r"|images\.registry to version (\d+\.\d+\.\d+) or newer"
)
"""An image, the Go module, a place in its code, and the oldest one that the advice accepts."""


def test_every_file_names_the_same_version_of_the_registry() -> None:
    wanted = OFFICIAL["registry"].partition(":")[2]
    # Tests have old versions on purpose, and a list of changes tells of the past.
    # Tests have old versions on purpose, and a list of changes tells of the past.
    past = ("tests/", "CHANGELOG.md", "requirements")
    found = {
        name: {next(filter(None, match.groups())) for match in NAMED.finditer((PROJECT / name).read_text("utf-8"))}
        for name in run(["git", "-C", PROJECT, "ls-files"]).splitlines()
        if not name.startswith(past)
    }
    others = {name: versions for name, versions in found.items() if versions - {wanted}}
    assert others == {}, f"the lab pulls {wanted}"
    named = {name for name, versions in found.items() if versions}
    examples = {"Pulumi.prod.yaml", "Pulumi.staging.yaml"}
    assert named >= {*examples, "lab/images/registry/go.mod", "components/troubleshooting.py"}


@pytest.mark.parametrize(("tag", "kept"), [(OFFICIAL["registry"], True), ("registry:3.1.1", False), ("", False)])
def test_a_clone_keeps_an_image_only_while_its_tag_is_wanted(tag: str, kept: bool) -> None:
    image = f"{tag}@sha256:{'a' * 64}"
    assert images._again("registry", image) == (image if kept else None)


def test_another_version_of_the_project_has_an_engine_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    homes = set()
    for version in (engine.ENGINE_VERSION, "3.999.0"):
        monkeypatch.setattr(engine, "ENGINE_VERSION", version)
        engine._home.cache_clear()
        homes.add(engine._home())
    monkeypatch.undo()
    engine._home.cache_clear()
    assert len(homes) == 2
