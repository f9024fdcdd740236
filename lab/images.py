"""The images: pulled where a registry answers, else built from Debian packages and a Go module."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.cache import built, digest_of
from lab.debian import install
from lab.engine import go_build
from lab.places import LAB, STATE
from lab.run import LabError, run, step, succeeds

_IMAGES = LAB / "images"
_PULL_SECONDS = 300

OFFICIAL = {"registry": "registry:3.1.1", "nginx": "nginx:1.28-alpine"}
"""Name -> tag. The digest is resolved once and kept in the images file."""


@dataclass(frozen=True)
class Built:
    """How an image is made without a registry."""

    sources: tuple[str, ...]
    tools: dict[str, str]
    """Program -> the Debian package that brings it."""
    changes: tuple[str, ...]
    """Dockerfile instructions for ``docker import``."""
    expected: str


_BUILT = {
    "nginx": Built(("nginx.sh",), {"mmdebstrap": "mmdebstrap"}, ('CMD ["nginx", "-g", "daemon off;"]',), "40 s"),
    "registry": Built(
        ("registry.sh", "registry"),
        {"busybox": "busybox-static"},
        ('ENTRYPOINT ["registry"]', "VOLUME /var/lib/registry"),
        "2 minutes",
    ),
    "client": Built(
        ("client.sh", "start-host"),
        {"mmdebstrap": "mmdebstrap"},
        ('ENTRYPOINT ["/usr/local/sbin/start-host"]', "VOLUME /var/lib/docker"),
        "a minute",
    ),
}


def ensure() -> dict[str, str]:
    """Make the images ready and write the images file.

    Returns:
        ``registry``, ``nginx``, ``client`` -> a pinned reference or an image id.
    """
    kept = _kept()
    images = {name: _again(name, kept[name]) if name in kept else _pulled(name) or _built(name) for name in OFFICIAL}
    if images != kept:
        file = STATE / "images.yaml"
        file.parent.mkdir(exist_ok=True)
        head = "# Written by the lab: what it found or built. Delete it to look again.\n"
        file.write_text(head + yaml.safe_dump(images))
    return images | {"client": _built("client")}


def _kept() -> dict[str, str]:
    file = STATE / "images.yaml"
    return yaml.safe_load(file.read_text()) if file.exists() else {}


def _again(name: str, image: str) -> str:
    """Return an image that was found before: Docker pulls a digest again, and what was built follows its recipe."""
    return _built(name) if image.startswith("sha256:") else image


def _present(image: str) -> bool:
    return succeeds(["docker", "image", "inspect", image])


def _pulled(name: str) -> str | None:
    """Return the digest of the official image, or None where no registry answers."""
    tag = OFFICIAL[name]
    try:
        run(["docker", "pull", "--quiet", tag], timeout=_PULL_SECONDS)
        digest = run(["docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", tag]).partition("@")[2]
    except LabError:
        return None
    with step(f"image {name}") as chosen:
        chosen.append(f"official {tag}@{digest}")
    return f"{tag}@{digest}"


def _built(name: str) -> str:
    recipe = _BUILT[name]
    digest = digest_of([_IMAGES / source for source in recipe.sources], *recipe.changes)
    with step(f"image {name}") as chosen:
        folder = built(f"image-{name}", digest, _builder(name, recipe))
        image = (folder / "id").read_text()
        if not _present(image):
            run(["docker", "load", "--quiet", "--input", folder / "image.tar"])
        chosen.append(f"built, {image[:19]}")
    return image


def _builder(name: str, recipe: Built) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        with step(f"  {name}", f"building, about {recipe.expected}"):
            for program, package in recipe.tools.items():
                install(program, package)
            command = ["sh", str(_IMAGES / recipe.sources[0])]
            if name == "registry":
                program_file = folder / "registry"
                go_build(
                    _IMAGES / "registry",
                    "github.com/distribution/distribution/v3/cmd/registry",
                    program_file,
                    cgo=False,
                )
                command.append(str(program_file))
            with (folder / "root.tar").open("wb") as root:
                run(command, stdout=root)
            changes = [word for change in recipe.changes for word in ("--change", change)]
            image = run(["docker", "import", *changes, folder / "root.tar", f"private-registry-lab/{name}"])
            (folder / "root.tar").unlink()
            run(["docker", "image", "save", "--output", folder / "image.tar", image])
            (folder / "id").write_text(image)

    return build
