"""The images: pulled where a registry answers, else built from Debian packages and a Go module."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.cache import built, digest_of
from lab.debian import install
from lab.engine import go_build
from lab.places import LAB, STATE
from lab.run import LONG_SECONDS, LabError, doing, last_line, run, say, step, succeeds

_IMAGES = LAB / "images"
_PULL_SECONDS = 300

OFFICIAL = {"registry": "registry:3.1.2", "nginx": "nginx:1.30-alpine", "lego": "goacme/lego:v4.35.2"}
"""Name -> tag. The digest is resolved once and kept in the images file."""
_OF_EVERY_STACK = ("registry", "nginx")

GENERATIONS = ("trixie", "forky")
"""The releases of Debian that bring clients of every kind: the stable one, and the one that comes next."""


@dataclass(frozen=True)
class Built:
    """How an image is made without a registry."""

    sources: tuple[str, ...]
    """What it is made of; the first writes its root file system to standard output."""
    tools: dict[str, str]
    """Program -> the Debian package that brings it."""
    changes: tuple[str, ...]
    """Dockerfile instructions for ``docker import``."""
    expected: str
    """How long that takes."""
    folder: Path = _IMAGES
    """Where the sources are."""
    arguments: tuple[str, ...] = ()
    """Those of the first source."""


_BUILT = {
    "nginx": Built(("nginx.sh",), {"mmdebstrap": "mmdebstrap"}, ('CMD ["nginx", "-g", "daemon off;"]',), "40 s"),
    "registry": Built(
        ("registry.sh", "registry"),
        {"busybox": "busybox-static"},
        ('ENTRYPOINT ["registry"]', "VOLUME /var/lib/registry"),
        "2 minutes",
    ),
    "lego": Built(("lego.sh", "flock"), {"mmdebstrap": "mmdebstrap"}, ('ENTRYPOINT ["/lego"]',), "30 s"),
    "keepalived": Built(("keepalived.sh",), {"mmdebstrap": "mmdebstrap"}, ('ENTRYPOINT ["keepalived"]',), "30 s"),
    "client": Built(
        ("client.sh", "start-host"),
        {"mmdebstrap": "mmdebstrap"},
        ('ENTRYPOINT ["/usr/local/sbin/start-host"]', "VOLUME /var/lib/docker"),
        "a minute",
    ),
    **{
        f"client-{generation}": Built(
            ("clients.sh", "start-host", "start-services", "buildkit.service"),
            {"mmdebstrap": "mmdebstrap"},
            (
                'ENTRYPOINT ["/usr/local/sbin/start-host"]',
                # Those that lie on overlayfs themselves could keep no layers as it does.
                "VOLUME /var/lib/docker /var/lib/containerd /var/lib/containers /var/lib/buildkit",
            ),
            "a minute",
            arguments=(generation,),
        )
        for generation in GENERATIONS
    },
}


def ensure() -> dict[str, str]:
    """Make the images ready and write the images file.

    Returns:
        ``registry``, ``nginx``, ``client`` -> a pinned reference or an image id.
    """
    return _kept_or_found(*_OF_EVERY_STACK) | {"client": build("client", _BUILT["client"])}


def lego() -> str:
    """Make the image of lego ready, which only a stack with certificates by ACME needs; return it."""
    return _kept_or_found("lego")["lego"]


def keepalived() -> str:
    """Make the image of keepalived ready, which only several servers with a floating address need; return it."""
    return build("keepalived", _BUILT["keepalived"])


def clients(generation: str) -> str:
    """Make the image of a host with clients of every kind ready, whose services are systemd's; return it."""
    return build(f"client-{generation}", _BUILT[f"client-{generation}"])


def _kept_or_found(*names: str) -> dict[str, str]:
    """Make images ready; what the images file does not have yet is added."""
    kept = _kept()
    found = {name: _found(name, kept) for name in names}
    if (images := kept | found) != kept:
        file = STATE / "images.yaml"
        file.parent.mkdir(exist_ok=True)
        head = "# Written by the lab: what it found or built. Delete it to look again.\n"
        # Other tests may read it meanwhile.
        new = file.with_name(f"{file.name}.{os.getpid()}")
        new.write_text(head + yaml.safe_dump(images))
        new.replace(file)
    return found


def _found(name: str, kept: Mapping[str, str]) -> str:
    return _again(name, kept.get(name, "")) or _pulled(name) or build(name, _BUILT[name])


def _kept() -> dict[str, str]:
    file = STATE / "images.yaml"
    return yaml.safe_load(file.read_text()) if file.exists() else {}


def _again(name: str, image: str) -> str | None:
    """Return an image that was found before: Docker pulls a digest again, and what was built follows its recipe."""
    if image.startswith("sha256:"):
        return build(name, _BUILT[name])
    # What was pulled under another tag belongs to another version of this project.
    return image if image.partition("@")[0] == OFFICIAL[name] else None


def _present(image: str) -> bool:
    return succeeds(["docker", "image", "inspect", image])


def _pulled(name: str) -> str | None:
    """Return the digest of the official image, or None where no registry answers."""
    tag = OFFICIAL[name]
    try:
        with step(f"image {name}") as chosen:
            doing(f"pulling {tag}")
            run(["docker", "pull", tag], timeout=_PULL_SECONDS, tell=lambda line: f"pulling {tag}: {line}")
            digest = run(["docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", tag]).partition("@")[2]
            chosen.append(f"official {tag}@{digest}")
    except LabError as error:
        say(f"  image {name}: {tag} can't be pulled ({str(error).rpartition(': ')[2]}), so it is built")
        return None
    return f"{tag}@{digest}"


def build(name: str, recipe: Built) -> str:
    """Make sure that Docker has an image, built once for all clones; return its id."""
    digest = digest_of([recipe.folder / source for source in recipe.sources], *recipe.changes, *recipe.arguments)
    with step(f"image {name}") as chosen:
        folder = built(f"image-{name}", digest, _builder(name, recipe))
        image = (folder / "id").read_text()
        if not _present(image):
            doing("loading it into Docker")
            run(["docker", "load", "--quiet", "--input", folder / "image.tar"])
        # An image without a name goes with the removal of one that was made from it, and a name that another recipe
        # may take leaves it without one.
        run(["docker", "image", "tag", image, f"private-registry-lab/{name}:{digest}"])
        chosen.append(f"built, {image[:19]}")
    return image


def _builder(name: str, recipe: Built) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        with step(f"  {name}", f"building, about {recipe.expected}"):
            for program, package in recipe.tools.items():
                install(program, package)
            command = ["sh", str(recipe.folder / recipe.sources[0]), *recipe.arguments]
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
                run(command, stdout=root, timeout=LONG_SECONDS, tell=last_line)
            doing("importing it into Docker")
            changes = [word for change in recipe.changes for word in ("--change", change)]
            image = run(["docker", "import", *changes, folder / "root.tar"])
            (folder / "root.tar").unlink()
            run(["docker", "image", "save", "--output", folder / "image.tar", image])
            (folder / "id").write_text(image)

    return fill
