"""What the pages show of a stack is what it has."""

import re

import pytest

from components.private_registry import PrivateRegistry
from components.settings.model import Limits
from docs.pictures import draw
from lab.places import PROJECT

PAGE = (PROJECT / "docs/outputs.md").read_text()


def test_each_output_is_on_its_page() -> None:
    outputs = [name for name, kind in PrivateRegistry.__annotations__.items() if "Output" in str(kind)]
    assert sorted(outputs) == sorted(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("name", Limits.model_fields)
def test_the_memory_of_a_container_is_its_default(name: str) -> None:
    key = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
    assert f"`limits.{key}`, {Limits.model_fields[name].default} MiB" in PAGE


def test_pictures_are_as_drawn() -> None:
    drawn = draw.files()
    assert set(draw.FOLDER.glob("*.svg")) == set(drawn)
    for file, content in drawn.items():
        assert file.read_text(encoding="utf-8") == content, "python docs/pictures/draw.py"


@pytest.mark.parametrize("name", draw.PICTURES)
def test_nothing_in_a_picture_is_cut_off(name: str) -> None:
    picture = draw.PICTURES[name]
    for box in picture.boxes:
        assert box.x + box.width <= picture.width
        assert box.y + box.height <= picture.height
        # A letter is some 7 wide, a line 19 high.
        assert all(14 + 7.4 * len(line) < box.width for line in box.lines), box
        assert 46 + 19 * (len(box.lines) - 1) < box.height, box
