"""The configuration reference, made from the settings themselves: ``python -m components.settings.reference``."""

import inspect
import sys
from collections.abc import Iterator
from typing import Any, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .load import NAMESPACE, choices_of, kinds_of, section_of
from .model import Settings

_COMPUTED = {"serverDirectory": "`/var/lib/private-registry` for root"}
_HEADINGS = "| key | value | default | meaning |\n|---|---|---|---|\n"
_WORDS = {str: "text", int: "number", bool: "true or false"}


def reference() -> str:
    """Return the reference as Markdown."""
    introduction = (
        "# Configuration\n\n"
        "Generated from `components/settings/` by `python -m components.settings.reference`. Every key stands in\n"
        f"`Pulumi.<stack>.yaml` under `config:` and starts with `{NAMESPACE}:`. File names are relative to the\n"
        "project.\n"
    )
    return introduction + "".join(_sections(Settings, ""))


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    fields = model.model_fields.values()
    title = f"\n## `{path}`\n\n" if path else "\n"
    rows = "".join(_row(field) for field in fields)
    yield f"{title}{_HEADINGS}{rows}"
    for field in fields:
        section = section_of(field)
        if kinds_of(field):
            yield from _kinds(field)
        elif section and not _is_file(field):
            many = "[…]" if "tuple" in str(field.annotation) else ""
            yield from _sections(section, f"{path}{'.' if path else ''}{field.alias}{many}")


def _kinds(field: FieldInfo) -> Iterator[str]:
    """Yield a section that is one of several kinds, each with keys of its own."""
    tells = str(field.discriminator)
    yield f"\n## `{field.alias}`\n\n`{tells}` says which of these it is; without it the first one.\n"
    for name, kind in kinds_of(field).items():
        rows = "".join(_row(below) for key, below in kind.model_fields.items() if key != tells)
        yield f"\n### `{tells}: {name}`\n\n{inspect.getdoc(kind)}\n" + (f"\n{_HEADINGS}{rows}" if rows else "")


def _row(field: FieldInfo) -> str:
    meaning = " ".join(str(field.description).split())
    return f"| `{field.alias}` | {_value(field)} | {_default(field)} | {meaning} |\n"


def _value(field: FieldInfo) -> str:
    if _is_file(field):
        return "file name"
    if section_of(field):
        return "list" if "tuple" in str(field.annotation) else "section"
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
    if default in (None, (), "") or isinstance(default, BaseModel):
        return ""
    if isinstance(default, tuple):
        return f"`[{', '.join(default)}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _is_file(field: FieldInfo) -> bool:
    return str(field.alias).endswith("File")


if __name__ == "__main__":
    sys.stdout.write(reference())
