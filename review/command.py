"""What a command of the stack says: which files it places where, and their content where that is no secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rendering.script import read_payload, read_words
from review.events import State, Step


@dataclass(frozen=True)
class Placement:
    """The files and the hosts entry of one command."""

    directory: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Name -> mode and digest."""
    entry: str = ""
    """ADDRESS/NAME, or nothing."""
    is_known: bool = True
    """Whether the content is known before the update."""

    @property
    def paths(self) -> list[str]:
        """The files with their folder."""
        return [f"{self.directory}/{name}" for name in self.files]


def placement(state: State) -> Placement:
    """Return what a command places; where that is not known yet, the folder and names by which it would delete."""
    create = state.text("create")
    values = _words(create or state.text("delete") or "")
    return Placement(
        directory=values.get("directory", [""])[0],
        files=dict(value.split(":", 1) for value in values.get("file", []) if ":" in value),
        entry=values.get("entry", [""])[0],
        is_known=create is not None,
    )


def changed_files(step: Step) -> list[str]:
    """Return the names of the files whose content or mode changes, or may."""
    if "stdin" not in step.diffs:
        return []
    old, new = placement(step.old), placement(step.new)
    names = {*old.files, *new.files}
    return sorted(name for name in names if not new.is_known or old.files.get(name) != new.files.get(name))


def contents(state: State) -> dict[str, str] | None:
    """Return name -> content of the files that a command carries; None where it is secret or not known yet."""
    script = state.text("stdin")
    return None if script is None else read_payload(script)


def _words(line: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for key, value in read_words(line):
        values.setdefault(key, []).append(value)
    return values
