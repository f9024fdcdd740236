"""Where a bundle of files goes: as its component says it, and in the words that its script gets."""

from collections.abc import Mapping

from ..scripts.script import words

_ORDER = (
    *("directory", "store", "link", "entry", "marker", "owner", "registry", "release"),
    *("program", "image", "probe", "container", "network", "root", "https", "generation"),
)
"""What stacks have in their states, in this order: in another one every command would run again."""


def arguments(verb: str, place: Mapping[str, str], files: Mapping[str, Mapping[str, str]]) -> str:
    """Return the arguments with which a script of files is started.

    Args:
        verb: What it does.
        place: What it has to know besides the files. What is empty is left out; what no stack had yet comes last.
        files: Name -> ``mode`` and ``digest``.
    """
    keys = [*(key for key in _ORDER if key in place), *sorted(place.keys() - {*_ORDER})]
    return " ".join(filter(None, [verb, words(**{key: place[key] for key in keys}), file_words(files)]))


def file_words(files: Mapping[str, Mapping[str, str]]) -> str:
    """Return ``file=NAME:MODE:DIGEST`` words, sorted by name: a preview shows by them which file changes."""
    return " ".join(words(file=f"{name}:{files[name]['mode']}:{files[name]['digest']}") for name in sorted(files))
