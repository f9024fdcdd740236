"""Files on a host, as one command per bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pulumi

from ..component import Component
from ..ordering import without_dependencies
from ..scripts.script import with_payload
from ..seed import Seed
from .host import Host
from .place import arguments, file_words

_RELEASES = Path(__file__).parent / "releases.sh"


@dataclass(frozen=True)
class File:
    """A file's content and mode."""

    content: pulumi.Input[str]
    """Text that ends with a line break; may be secret."""
    mode: str = "0644"


@dataclass(frozen=True)
class Reader:
    """A program that reads a bundle and has to be told of another one. Its fields are the words for its script."""

    program: ClassVar[str]
    """Its name, for messages."""
    script: ClassVar[Path]
    """The functions by which releases.sh has a bundle tried, and put to use."""


class ReleasedFiles(Component):
    """Files on the server that change together: staged, tried by the program that reads them, made live by one rename.

    The bundle belongs to the stack alone, and is the name of its folder. ``release`` names its content: what has to
    follow a change depends on it. ``reader`` is None where the program reads the files anew whenever it needs them.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        folder: str,
        bundle: str,
        owner: str,
        files: Mapping[str, File],
        seed: Seed,
        reader: Reader | None,
        depends_on: Sequence[pulumi.Resource] | pulumi.Output[list[Any]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        directory, described = f"{folder}/{bundle}", _described(files, seed)
        self.release = seed.fingerprint(pulumi.Output.all(**described).apply(file_words))
        place = {"directory": directory, "owner": owner, "release": self.release, **_reader(reader)}
        super().__init__(name, opts, {**_said(host, place, described), "bundle": bundle})
        self.command = host.run(
            name,
            _script(_RELEASES, files, [reader.script] if reader else []),
            create=_arguments("create", place, described),
            update=_arguments("update", place, described),
            delete=arguments("delete", {"directory": directory}, {}),
            triggers=[host.name, directory],
            # A new place is filled before the old one is emptied: until then nginx has its files.
            opts=self.child(depends_on=depends_on, delete_before_replace=False),
        )
        self.register_outputs({})


def _reader(reader: Reader | None) -> dict[str, pulumi.Input[str]]:
    return {"program": reader.program, **vars(reader)} if reader else {}


def _described(files: Mapping[str, File], seed: Seed) -> dict[str, dict[str, pulumi.Input[str]]]:
    """Return name -> mode and digest; a digest records no dependency: what the content comes from, the script has."""
    return {
        name: {"mode": file.mode, "digest": without_dependencies(seed.fingerprint(file.content))}
        for name, file in files.items()
    }


def _said(
    host: Host, place: Mapping[str, pulumi.Input[str]], described: Mapping[str, Mapping[str, pulumi.Input[str]]]
) -> dict[str, Any]:
    """Return what a component says of itself, without a dependency: what it comes from, its command has."""
    return {
        "host": host.name,
        "sudo": host.sudo,
        "place": {key: _alone(value) for key, value in place.items() if value != ""},
        "files": described,
    }


def _alone(value: pulumi.Input[str]) -> pulumi.Input[str]:
    return without_dependencies(value) if isinstance(value, pulumi.Output) else value


def _arguments(
    verb: str, place: Mapping[str, pulumi.Input[str]], described: Mapping[str, Mapping[str, pulumi.Input[str]]]
) -> pulumi.Output[str]:
    known = pulumi.Output.all(place=dict(place), files=dict(described))
    return known.apply(lambda values: arguments(verb, values["place"], values["files"]))


def _script(script: Path, files: Mapping[str, File], parts: Sequence[Path] = ()) -> pulumi.Output[str]:
    contents = pulumi.Output.all(*(file.content for file in files.values()))
    return contents.apply(lambda texts: with_payload(script, dict(zip(files, texts, strict=True)), parts))
