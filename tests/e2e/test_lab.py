"""Two clones of this project on one machine: neither takes away what the other has. And what a build says.

Costs no update and no host.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from _pytest.monkeypatch import MonkeyPatch

from lab import __main__ as lab
from lab import cache, docker, engine, hosts, images
from lab.hosts import LabHost, Network
from lab.places import PROJECT
from lab.run import LabError, run, succeeds
from tests.e2e.hosts import PREFIX, WORKER

CLONES = Network(f"private-registry-clones-{WORKER}", PREFIX, (LabHost("client", f"{PREFIX}.99"),))
CONTAINER = f"{CLONES.name}-client"


@pytest.fixture(scope="module", autouse=True)
def _docker() -> None:
    docker.ensure()


@pytest.fixture
def image_of(tmp_path: Path, monkeypatch: MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Return the image ``tiny`` as a clone with the given version of its recipe has it."""
    made = []
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    recipe = images.Built(("tiny.sh",), {}, ("CMD tiny",), "a second", tmp_path)

    def build(version: str) -> str:
        (tmp_path / "tiny.sh").write_text(f"cd {tmp_path} && echo {WORKER} {version} > version && tar -c version")
        made.append(images.build("tiny", recipe))
        return made[-1]

    yield build
    for image in made:
        with suppress(LabError):
            run(["docker", "image", "rm", "--force", "--no-prune", image])


def test_an_image_outlives_another_clones_and_the_removal_of_one_made_from_it(
    image_of: Callable[[str], str],
) -> None:
    ours, theirs = image_of("1"), image_of("2")
    assert ours != theirs
    for image in (ours, theirs):
        child = run(["docker", "build", "--quiet", "-"], stdin=f"FROM {image}\nLABEL clone={WORKER}\n")
        run(["docker", "image", "rm", child])
    assert all(succeeds(["docker", "image", "inspect", image]) for image in (ours, theirs))
    assert image_of("1") == ours, "going back to it builds nothing anew"


@pytest.fixture
def host_of(image_of: Callable[[str], str]) -> Iterator[Callable[..., None]]:
    """Let somebody have the lab's host: the labels of the container that plays it."""

    def create(**labels: str) -> None:
        options = [
            word for label, value in labels.items() for word in ("--label", f"{label.replace('_', '-')}={value}")
        ]
        run(["docker", "rm", "--force", CONTAINER])
        run(["docker", "create", "--name", CONTAINER, *options, image_of("1")])

    yield create
    run(["docker", "rm", "--force", CONTAINER])


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_clone_leaves_the_lab_of_another_alone(
    host_of: Callable[..., None],
    tmp_path: Path,
    monkeypatch: MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setattr(hosts, "DEV", CLONES)
    monkeypatch.setattr(lab, "STATE", tmp_path / ".lab")
    monkeypatch.setattr("sys.argv", ["lab", command])
    other = tmp_path / "other-clone"
    other.mkdir()
    for labels, where in (({"folder": str(other)}, str(other)), ({}, "an older one")):
        host_of(authorized_key="ssh-ed25519 theirs", **labels)
        assert lab.main() == 1
        said = capsys.readouterr().err
        assert f"the lab is up in another clone of this project: {where}" in said
        assert f"docker rm --force --volumes {CONTAINER}" in said
        assert succeeds(["docker", "container", "inspect", CONTAINER])


def test_a_clone_takes_over_what_nobody_else_has(host_of: Callable[..., None], tmp_path: Path) -> None:
    hosts.refuse_another_clones(CLONES, tmp_path)
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh/id_ed25519.pub").write_text("ssh-ed25519 ours\n")
    for labels in (
        {"authorized_key": "ssh-ed25519 ours"},
        {"authorized_key": "ssh-ed25519 lost", "folder": str(PROJECT)},
        {"authorized_key": "ssh-ed25519 theirs", "folder": str(tmp_path / "removed")},
    ):
        host_of(**labels)
        hosts.refuse_another_clones(CLONES, tmp_path)


def test_a_build_says_what_it_compiles(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("lab.run.doing", said.append)
    for file, text in {
        "go.mod": "module example.test/tool\n\ngo 1.24\n",
        "main.go": 'package main\n\nimport "example.test/tool/part"\n\nfunc main() { println(part.Name) }\n',
        # Another name each time, so that it is compiled and not taken from go's cache.
        "part/part.go": f'package part\n\nconst Name = "{tmp_path}"\n',
    }.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    engine.go_build(tmp_path, ".", tmp_path / "tool")
    assert run(["sh", "-c", f"{tmp_path}/tool 2>&1"]) == str(tmp_path)
    assert any(line.startswith("compiling, ") and line.endswith(" packages: example.test/tool/part") for line in said)
    assert said[-1] == "linking example.test/tool"
