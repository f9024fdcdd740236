"""The configuration reference, made from the settings themselves: ``python -m settings.reference``."""

import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from settings.load import NAMESPACE, section_of
from settings.model import Settings

_COMPUTED = {"serverDirectory": "`/var/lib/private-registry` for root"}
_WORDS = {str: "text", int: "number", bool: "true or false"}


def reference() -> str:
    """Return the reference as Markdown."""
    introduction = (
        "# Configuration\n\n"
        "Generated from `settings/` by `python -m settings.reference`. Every key stands in `Pulumi.<stack>.yaml`\n"
        f"under `config:` and starts with `{NAMESPACE}:`. File names are relative to the project.\n"
    )
    return introduction + "".join(_sections(Settings, ""))


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    fields = model.model_fields.values()
    title = f"\n## `{path}`\n\n" if path else "\n"
    rows = "".join(_row(field) for field in fields)
    yield f"{title}| key | value | default | meaning |\n|---|---|---|---|\n{rows}"
    for field in fields:
        section = section_of(field)
        if section and not _is_file(field):
            many = "[…]" if "tuple" in str(field.annotation) else ""
            yield from _sections(section, f"{path}{'.' if path else ''}{field.alias}{many}")


def _row(field: FieldInfo) -> str:
    meaning = " ".join(str(field.description).split())
    return f"| `{field.alias}` | {_value(field)} | {_default(field)} | {meaning} |\n"


def _value(field: FieldInfo) -> str:
    if _is_file(field):
        return "file name"
    if section_of(field):
        return "list" if "tuple" in str(field.annotation) else "section"
    if "tuple" in str(field.annotation):
        return "list of text"
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(field.annotation))
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
    if default is None or default == () or isinstance(default, BaseModel):
        return ""
    if isinstance(default, tuple):
        return f"`[{', '.join(default)}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _is_file(field: FieldInfo) -> bool:
    return str(field.alias).endswith("File")


if __name__ == "__main__":
    sys.stdout.write(reference())
