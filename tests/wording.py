"""The words that texts must not use, and what to use instead: in pages, and in the messages of the code.

``python -m tests.wording`` is a part of ``make lint``. The rules of wording are in CONTRIBUTING.md.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab.places import PROJECT
from lab.run import run

KEYS = r"(?<!unknown )(?<!registry )(?<!certificate )authorit(y|ies)"
"""What keys of settings match: messages about settings name them. A CA can be called '… registry authority …'."""

INSTEAD = {
    KEYS: "CA, CA certificate",
    r"mend(s|ed|ing)?": "fix",
    r"nobody": "no client, no user, unknown",
    r"(some|any|every)body": "name it: a user, every client",
    r"anew": "again, create again",
    r"besides": "also",
    r"take[sn]? (it |them |that )?(away|out|off)": "remove",
    r"gone for good": "no longer exists",
    r"(last|own) words?": "last lines of the log, error",
    r"h(o|e)ld(s|ing)? back": "delay, wait",
    r"may not": "must not, cannot",
    r"(goes|went) on": "continues",
    r"tells? (of|which|why|how)": "shows, reports",
    r"remembered": "cached",
    r"declared (image|certificate)": "configured",
    r"makes no sense": "cannot be used with",
    r"sees? to it": "make sure",
    r"over a way": "over a trusted connection",
}
"""Pattern -> what to use."""

SETTINGS = "components/settings/"

_WORD = re.compile("|".join(rf"(?P<w{number}>\b{pattern}\b)" for number, pattern in enumerate(INSTEAD)), re.IGNORECASE)
_CODE = re.compile(r"```.*?```|`[^`\n]*`|[\w-]+\.md|\]\([^)]*\)|(?<!\w)'[^'\n]*'(?!\w)", re.DOTALL)
_OF_A_SCRIPT = re.compile(r'\b(?:fail|say) ((?:"(?:[^"\\]|\\.)*"(?:\s*\\\n\s*)?)+)')
_SENTENCE = 3
"""A text with fewer words is a name."""


class Text(NamedTuple):
    """What people read."""

    file: str
    line: int
    text: str


class Found(NamedTuple):
    """A word that has a better one."""

    file: str
    line: int
    word: str
    instead: str


def texts(file: str, content: str) -> Iterator[Text]:
    """Yield what people read of a file: a page, the messages of a program or a script, the help of the Makefile."""
    if file.endswith(".md"):
        yield Text(file, 1, content)
    elif file.endswith(".py"):
        yield from _messages(file, content)
    else:
        pattern = _OF_A_SCRIPT if file.endswith(".sh") else re.compile("## (.*)")
        for found in pattern.finditer(content):
            yield Text(file, content.count("\n", 0, found.start()) + 1, found[1])


def _messages(file: str, content: str) -> Iterator[Text]:
    tree = ast.parse(content)
    comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in comments:
            continue
        if isinstance(node.value, str) and len(node.value.split()) >= _SENTENCE:
            yield Text(file, node.lineno, node.value)


def judge(one: Text) -> Iterator[Found]:
    """Yield the words of a text that have a better one; code is none of them."""
    plain = _CODE.sub(lambda code: re.sub(r"[^\n]", "`", code[0]), one.text)
    for found in _WORD.finditer(plain):
        pattern = list(INSTEAD)[int(str(found.lastgroup)[1:])] if found.lastgroup else ""
        if not (one.file.startswith(SETTINGS) and pattern == KEYS):
            line = one.line + plain.count("\n", 0, found.start())
            yield Found(one.file, line, found[0], INSTEAD[pattern])


def files() -> Iterator[str]:
    """Yield the files that have texts."""
    shown = re.compile(r"(docs/|bench/)?[^/]*\.md|(components|lab|operations|policies|review)/.*\.(py|sh)|Makefile")
    return filter(shown.fullmatch, run(["git", "-C", PROJECT, "ls-files"]).splitlines())


def main() -> int:
    """Print each word that has a better one; return the exit status."""
    every = (text for file in files() for text in texts(file, Path(PROJECT, file).read_text()))
    found = [one for text in every for one in judge(text)]
    for one in found:
        print(f"{one.file}:{one.line}: {one.word!r}: use {one.instead}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
