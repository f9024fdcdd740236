"""Files on a host, as one command per bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from components.component import Component
from components.host_files.host import Host
from components.seed import Seed
from rendering.script import with_payload, words

_FILES = Path(__file__).parent / "files.sh"
_RELEASES = Path(__file__).parent / "releases.sh"


@dataclass(frozen=True)
class File:
    """A file's content and mode."""

    content: pulumi.Input[str]
    """Text that ends with a line break; may be secret."""
    mode: str = "0644"


@dataclass(frozen=True)
class Nginx:
    """nginx loads the bundle: the declared image checks it before it is live, and the container proves to serve it."""

    image: pulumi.Input[str]
    container: str
    network: pulumi.Input[str]
    https: str
    """The URL of what it serves with its certificate, as seen in its container."""
    generation: str
    """The URL by which it tells which configuration it has loaded."""


@dataclass(frozen=True)
class Registry:
    """The registry reads the bundle: the declared image has to start with it before it is live."""

    image: pulumi.Input[str]
    probe: str
    """The URL that it has to answer."""


class HostFiles(Component):
    """Files in a folder that belongs to others too, and a hosts entry: content changes are updates in place.

    Another host, folder or set of names is a replacement that deletes first, otherwise the old target would keep its
    files. A file that is there already with other content is never overwritten, and only content that this stack wrote
    is ever removed. Where the files tell whom to trust as ``registry`` (HOST[:PORT]), no authority is dropped by which
    the registry is known now.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        directory: str,
        files: Mapping[str, File],
        seed: Seed,
        hosts_entry: tuple[str, str] | None = None,
        registry: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        marker = f"private-registry {pulumi.get_project()}/{pulumi.get_stack()}"
        entry = "/".join(hosts_entry) if hosts_entry else ""
        place = pulumi.Output.concat(
            words(directory=directory, entry=entry, marker=marker, registry=registry), " ", _file_words(files, seed)
        )
        names = _words_of(files, dict.fromkeys(files, "-"))
        self.command = host.run(
            name,
            _script(_FILES, files),
            create=pulumi.Output.concat("create ", place),
            update=pulumi.Output.concat("update ", place),
            delete=f"delete {words(directory=directory, marker=marker)} {names}",
            triggers=[host.name, directory, *sorted(files)],
            opts=self.child(delete_before_replace=True),
        )
        self.register_outputs({})


class ReleasedFiles(Component):
    """Files on the server that change together: staged, tried by the program that reads them, made live by one rename.

    The bundle belongs to the stack alone. ``release`` names its content: what has to follow a change depends on it.
    ``reader`` is None where the program reads the files anew whenever it needs them.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        directory: str,
        owner: str,
        files: Mapping[str, File],
        seed: Seed,
        reader: Nginx | Registry | None,
        depends_on: Sequence[pulumi.Resource] | pulumi.Output[list[Any]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        file_words = _file_words(files, seed)
        self.release = seed.fingerprint(file_words)
        place = pulumi.Output.concat(
            words(directory=directory, owner=owner),
            " release=",
            self.release,
            " ",
            _reader_words(reader),
            " ",
            file_words,
        )
        self.command = host.run(
            name,
            _script(_RELEASES, files),
            create=pulumi.Output.concat("create ", place),
            update=pulumi.Output.concat("update ", place),
            delete=f"delete {words(directory=directory)}",
            triggers=[host.name, directory],
            # A new place is filled before the old one is emptied: until then nginx has its files.
            opts=self.child(depends_on=depends_on, delete_before_replace=False),
        )
        self.register_outputs({})


def _reader_words(reader: Nginx | Registry | None) -> pulumi.Input[str]:
    if reader is None:
        return ""
    known = {"program": type(reader).__name__.lower(), **vars(reader)}
    return pulumi.Output.all(**known).apply(lambda values: words(**values))


def _file_words(files: Mapping[str, File], seed: Seed) -> pulumi.Output[str]:
    """Return ``file=NAME:MODE:DIGEST`` words: a preview shows by them which file changes."""
    digests = pulumi.Output.all(**{name: seed.fingerprint(file.content) for name, file in files.items()})
    return digests.apply(lambda known: _words_of(files, known))


def _words_of(files: Mapping[str, File], digests: Mapping[str, str]) -> str:
    """Return the ``file=`` words of files, sorted by name."""
    return " ".join(words(file=f"{name}:{files[name].mode}:{digests[name]}") for name in sorted(files))


def _script(script: Path, files: Mapping[str, File]) -> pulumi.Output[str]:
    contents = pulumi.Output.all(*(file.content for file in files.values()))
    return contents.apply(lambda texts: with_payload(script, dict(zip(files, texts, strict=True))))
