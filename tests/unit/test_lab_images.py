"""Which image the lab takes is found once, and kept for all that follow."""

import re
from pathlib import Path

import pytest
import yaml

from lab import images
from lab.places import LAB


def test_an_image_is_looked_for_once_and_kept_beside_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pulled: list[str] = []

    def pull(name: str) -> str:
        pulled.append(name)
        return f"{images.OFFICIAL[name]}@sha256:{'0' * 64}"

    monkeypatch.setattr(images, "STATE", tmp_path / "state")
    monkeypatch.setattr(images, "_pulled", pull)
    monkeypatch.setattr(images, "build", lambda name, _: f"sha256:{name}")
    for _ in range(2):
        lego, found = images.lego(), images.ensure()
    assert pulled == ["lego", "registry", "nginx"]
    kept = yaml.safe_load((tmp_path / "state/images.yaml").read_text())
    assert kept == {"lego": lego, "registry": found["registry"], "nginx": found["nginx"]}
    assert found["client"] == "sha256:client"


def test_what_several_client_programs_need_is_compiled_once() -> None:
    required: dict[str, set[str]] = {}
    for file in LAB.glob("clients/*/go.mod"):
        for module, version in re.findall(r"^\t(\S+) (v\S+)", file.read_text(), re.MULTILINE):
            required.setdefault(module, set()).add(version)
    assert {module: versions for module, versions in required.items() if len(versions) > 1} == {}
