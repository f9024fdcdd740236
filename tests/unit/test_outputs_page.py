"""What the pages show of a stack is what it has."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from components.private_registry import PrivateRegistry
from components.settings.model import Limits
from docs.pictures import draw
from lab import stack, summary
from lab.places import PROJECT

PAGE = (PROJECT / "docs/outputs.md").read_text()


def test_each_output_is_on_its_page() -> None:
    outputs = [name for name, kind in PrivateRegistry.__annotations__.items() if "Output" in str(kind)]
    assert sorted(outputs) == sorted(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("name", Limits.model_fields)
def test_the_memory_of_a_container_is_its_default(name: str) -> None:
    key = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
    assert f"`limits.{key}`, {Limits.model_fields[name].default} MiB" in PAGE


def test_the_readme_shows_the_summary_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = re.search(r"^```text\n(The registry is up.*?)^```$", (PROJECT / "README.md").read_text(), re.M | re.S)
    assert shown
    proofs = re.findall(r"^ {16}(trusted, .*)$", shown[1], re.MULTILINE)
    clients = ["172.30.77.11", "172.30.77.12"]
    now = datetime.now(UTC)
    ends = {"CN=dev registry authority 2026": 3649, "server certificate": 364}
    outputs = {
        "url": "https://registry.test",
        "registry": "registry.test",
        "clients": dict.fromkeys(clients, "/etc/docker/certs.d/registry.test/ca.crt"),
        "verification": dict(zip(clients, proofs, strict=True)),
        "renewal": {"by": "update", "days": 30},
        "ends": {name: (now + timedelta(days, hours=1)).isoformat() for name, days in ends.items()},
    }
    monkeypatch.setattr(stack, "pulumi", lambda *_: json.dumps(outputs))
    printed, shown_here = (re.sub(r"\d{4}-\d\d-\d\d", "DATE", text) for text in (summary.text(), shown[1]))
    assert printed.strip() == shown_here.strip()


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
