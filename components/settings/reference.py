"""The configuration reference, made from the settings themselves: ``python -m components.settings.reference``."""

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .documented import EFFECTS, documented, effect_of, meaning_of
from .load import NAMESPACE, choices_of, is_mapping, kinds_of, section_of
from .model import Settings
from .ssh import ClientDefaults, SshAccess, SshLogin

_COMPUTED = {"serverDirectory": "`/var/lib/private-registry`; not as root: `~/.local/share/private-registry`"}
_HEADINGS = "| key | value | default | meaning | effect of a change |\n|---|---|---|---|---|\n"
_WORDS = {str: "text", int: "number", bool: "`true` or `false`"}
_SSH = "SSH access"
"""The heading of what all hosts have in common that are reached over SSH."""
_PAGE = re.compile(r"\b([a-z-]+\.md)\b")

_INTRODUCTION = f"""\
# Configuration

All keys of `Pulumi.<stack>.yaml`, each with the effect of a change. `python -m components.settings.reference` generates
this page from `components/settings/`.

- Each key is in `Pulumi.<stack>.yaml` below `config:`. It starts with `{NAMESPACE}:`. Examples leave `config:` out.
- File names are relative to the project. `~` is your home folder.
- A key and the same key with `File` exclude each other. Two files add to the key instead: `clientsFile`, `imagesFile`.
- Set a secret with `pulumi config set --secret --path '{NAMESPACE}:KEY'`, or put it into a file that git ignores.
- An unknown key, a wrong value or a broken rule is refused before anything is created or changed. One message lists all
  mistakes.

## Effects of a change

`make preview STACK=prod` shows what a change does, host by host, before you apply it.

| effect | meaning |
|---|---|
"""


def reference() -> str:
    """Return the reference as Markdown."""
    effects = "".join(f"| {name} | {meaning} |\n" for name, meaning in EFFECTS.items())
    return f"{_INTRODUCTION}{effects}" + "".join(_each_once()) + "".join(_ssh_access())


def _each_once() -> Iterable[str]:
    """Return the sections, without those that a section before has too."""
    return dict.fromkeys(_sections(Settings, "Top level"))


def _sections(model: type[BaseModel], title: str) -> Iterator[str]:
    yield f"\n## {title}\n\n{_described(model)}{_more(model)}{_table(_own(model))}"
    for field in model.model_fields.values():
        section = section_of(field)
        if kinds_of(field):
            yield from _kinds(field)
        elif section and section is not SshAccess and not _is_file(field):
            yield from _sections(section, f"`{field.alias}`")


def _ssh_access() -> Iterator[str]:
    """Yield how hosts are reached, once for all of them."""
    yield f"\n## {_SSH}\n\n{_described(SshAccess)}"
    # Where it is first, and then how to log in to it.
    place = ("host", "user", "port")
    yield _table({name: SshAccess.model_fields[name] for name in (*place, *SshAccess.model_fields)})


def _own(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a section's fields, without those that all hosts have that are reached over SSH."""
    if model is ClientDefaults:
        return {}
    common = SshAccess.model_fields if issubclass(model, SshLogin) else {}
    return {name: field for name, field in model.model_fields.items() if name not in common}


def _more(model: type[BaseModel]) -> str:
    if not issubclass(model, SshLogin):
        return ""
    if model is ClientDefaults:
        return f"\nAll keys of [{_SSH}]({_anchor(_SSH)}) without `host`, and of [clients](#clients) without `local`.\n"
    without = "" if issubclass(model, SshAccess) else ", without `host`, `user` and `port`"
    return f"\nAll keys of [{_SSH}]({_anchor(_SSH)}){without}, and these:\n"


def _kinds(field: FieldInfo) -> Iterator[str]:
    """Yield a section that is one of several kinds, each with keys of its own."""
    chosen_by, kinds = str(field.discriminator), kinds_of(field)
    names = [f"[`{name}`]({_anchor(f'{chosen_by}: {name}')})" for name in kinds]
    yield f"\n## `{field.alias}`\n\n`{chosen_by}` is one of {', '.join(names)}. Default: `{next(iter(kinds))}`.\n"
    for name, kind in kinds.items():
        fields = {key: below for key, below in kind.model_fields.items() if key != chosen_by}
        yield f"\n### `{chosen_by}: {name}`\n\n{_described(kind)}{_table(fields)}"


def _described(section: type[BaseModel]) -> str:
    """Return what a section says of itself, in Markdown."""
    text, rules, example = documented(section)
    parts = [text.replace("``", "`"), f"```yaml\n{example}\n```" if example else ""]
    parts += ["Rules:", rules] if rules else []
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(fields: dict[str, FieldInfo]) -> str:
    rows = "".join(_row(field, fields.values()) for field in fields.values())
    return f"\n{_HEADINGS}{rows}" if rows else ""


def _row(field: FieldInfo, beside: Iterable[FieldInfo]) -> str:
    cells = (f"`{field.alias}`", _value(field), _default(field), meaning_of(field), _effect(field, beside))
    return f"| {' | '.join(map(_with_links, cells))} |\n"


def _effect(field: FieldInfo, beside: Iterable[FieldInfo]) -> str:
    if effect := effect_of(field):
        kinds = ", ".join(effect.kinds)
        return f"{kinds}: {effect.text}" if effect.text else kinds
    text = str(field.alias).removesuffix("File")
    if _is_file(field) and any(other.alias == text for other in beside):
        return f"as `{text}`"
    return f"as [its keys]({_anchor(str(field.alias))})"


def _with_links(cell: str) -> str:
    return _PAGE.sub(r"[\1](\1)", cell)


def _anchor(heading: str) -> str:
    """Return the link to a heading on this page, as GitHub makes it."""
    return "#" + re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def _value(field: FieldInfo) -> str:
    if _is_file(field):
        return "file name"
    if section := section_of(field):
        target = _SSH if section is SshAccess else str(field.alias)
        kind = "mapping" if is_mapping(field) else "list" if "tuple" in str(field.annotation) else "section"
        return f"[{kind}]({_anchor(target)})"
    choices = [f"`{choice}`" for choice in choices_of(field)]
    if "tuple" in str(field.annotation):
        return f"list of {', '.join(choices) or 'text'}"
    if choices:
        return " or ".join(choices)
    if "dict" in str(field.annotation):
        return "mapping of text"
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind in _WORDS]
    return f"{_WORDS[kinds[0]]}{_limits(field)}" if kinds else "text"


def _limits(field: FieldInfo) -> str:
    least = next((rule.ge for rule in field.metadata if isinstance(rule, Ge)), None)
    most = next((rule.le for rule in field.metadata if isinstance(rule, Le)), None)
    if least is None:
        return ""
    return f", {least} or more" if most is None else f", {least} to {most}"


def _default(field: FieldInfo) -> str:
    if str(field.alias) in _COMPUTED:
        return _COMPUTED[str(field.alias)]
    if field.is_required():
        return "required"
    default: Any = field.default
    if default in (None, (), "", {}) or isinstance(default, BaseModel):
        return ""
    if isinstance(default, tuple):
        return f"`[{', '.join(default)}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _is_file(field: FieldInfo) -> bool:
    return str(field.alias).endswith("File") or field.alias == "file"


if __name__ == "__main__":
    sys.stdout.write(reference())
