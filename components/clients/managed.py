"""Files that another tool writes again and again: a change there would be lost, or would be undone by us."""

import posixpath
import re

from .host_file import Facts, Refused, There

_HEADER_LINES = 20
_HEADER = re.compile(
    r"managed by|maintained by|do(n't| not) (edit|modify|change)|(?<!re)generated (by|from|automatically)|"
    r"automatically generated|auto-?generated|puppet|ansible|saltstack|\bchef\b",
    re.IGNORECASE,
)
_STORES = ("/nix/", "/gnu/store/", "/etc/static/", "/run/current-system/", "/ostree/", "/usr/")
"""Where no file is changed in place: NixOS, Guix, images of whole systems, packages."""


def refuse_managed(path: str, facts: Facts, lines: str) -> None:
    """Refuse a file that is not to be rewritten; a link to elsewhere is followed by who writes.

    Raises:
        Refused: It says which lines to add, and to what.
    """
    there = facts.files.get(path)
    if there and (why := _reason(path, there)):
        raise Refused(f"{path} {why}, so it is not changed: add to it, where it is made:\n{lines}")


def _reason(path: str, there: There) -> str:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), there.link)) if there.link else ""
    if target.startswith(_STORES):
        return f"is a link to {target}"
    if not there.is_writable:
        return "cannot be written"
    header = _header(there.text)
    return f"is written by another tool ('{header}')" if header else ""


def _header(text: str) -> str:
    """Return the comment before all content that names a tool, if there is one."""
    for line in text.splitlines()[:_HEADER_LINES]:
        words = line.strip().lstrip("\ufeff")
        if words and not words.startswith(("#", ";", "//")):
            return ""
        if _HEADER.search(words):
            return words.lstrip("#;/ ").rstrip()
    return ""
