"""What a program may give, typed, made from the settings themselves: ``python -m components.settings.arguments``."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .documented import documented, meaning_of
from .load import choices_of, is_mapping, kinds_of, section_of, types_in
from .model import Settings
from .section import OrOutput

MODULE = Path(__file__).parents[1] / "args.py"
_WIDTH = 110
_LINE = 120
_HEAD = '''"""What a program may give a registry; made by ``python -m components.settings.arguments``, and not edited.

Each type stands for the section of the settings of its name, with the keys as Python has them. The settings check the
values; what may be an ``Input`` may come from another resource.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

import pulumi
'''


def arguments() -> str:
    """Return a module with a typed dictionary for each section of the settings."""
    classes = {_name(section): section for section in sections(Settings)}
    return _HEAD + "".join(map(_class, classes.values()))


def sections(section: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a section, after those that it holds."""
    for field in section.model_fields.values():
        below = section_of(field)
        for one in kinds_of(field).values() or filter(None, [below]):
            yield from sections(one)
    yield section


def _name(section: type[BaseModel]) -> str:
    return "PrivateRegistryArgs" if section is Settings else f"{section.__name__}Args"


def _class(section: type[BaseModel]) -> str:
    fields = "".join(_field(name, field) for name, field in section.model_fields.items())
    return f'\n\nclass {_name(section)}(TypedDict, total=False):\n    """{documented(section).text}"""\n\n{fields}'


def _field(name: str, field: FieldInfo) -> str:
    kind = f"Required[{_type(name, field)}]" if field.is_required() else _type(name, field)
    meaning = textwrap.fill(meaning_of(field), _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    line = f"    {name}: {kind}\n"
    return (line if len(line) <= _LINE else _folded(line)) + (f'    """{meaning}"""\n' if field.description else "")


def _folded(line: str) -> str:
    """Return a list of choices as a formatter breaks it."""
    start, _, rest = line.partition("Sequence[Literal[")
    choices = "".join(f"            {choice},\n" for choice in rest.partition("]")[0].split(", "))
    return f"{start}Sequence[\n        Literal[\n{choices}        ]\n    ]\n"


def _type(name: str, field: FieldInfo) -> str:
    if name.endswith("_file"):
        return "str"
    if kinds := kinds_of(field):
        return " | ".join(map(_name, kinds.values()))
    section, is_list = section_of(field), "tuple" in str(field.annotation)
    kind = _name(section) if section else _plain(field)
    if section and is_mapping(field):
        return f"Mapping[str, {kind}]"
    return f"Sequence[{kind}]" if is_list else kind


def _plain(field: FieldInfo) -> str:
    if choices := choices_of(field):
        return f"Literal[{', '.join(map(repr, choices))}]".replace("'", '"')
    found = list(types_in(field.rebuild_annotation()))
    if any(get_origin(one) is dict for one in found):
        return "pulumi.Input[Mapping[str, str]]"
    kind = next((kind.__name__ for kind in (bool, int) if kind in found), "str")
    return f"pulumi.Input[{kind}]" if _may_be_output(found) else kind


def _may_be_output(found: list[Any]) -> bool:
    return any(one is OrOutput for one in found)


if __name__ == "__main__":
    MODULE.write_text(arguments(), encoding="utf-8")
