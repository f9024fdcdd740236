"""What all sections of the settings have in common."""

from collections.abc import Mapping
from typing import Any, Self, TypeVar

import pulumi
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, WrapValidator, model_validator
from pydantic.alias_generators import to_camel


def _or_output(value: Any, check: Any) -> Any:
    return value if isinstance(value, pulumi.Output) else check(value)


OrOutput = WrapValidator(_or_output)
"""Marks the type of a setting that another resource may give. It holds an Output then, which ``known`` resolves."""


T = TypeVar("T")


def either(value: T | None, from_file: T | None) -> T | None:
    """Return a setting, wherever it came from."""
    return from_file if value is None else value


def alias_of(section: type[BaseModel], key: str) -> str:
    """Return a key of a section as a stack's file has it; a program may write it as the field is called."""
    field = section.model_fields.get(key)
    return str(field.alias) if field else key


class Section(BaseModel):
    """A part of the configuration: unknown keys are mistakes, and nothing changes after it was read.

    A stack's file has the keys in camelCase; a program may also give them as the fields are called.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
        use_attribute_docstrings=True,
        validate_by_alias=True,
        validate_by_name=True,
    )

    @property
    def is_known(self) -> bool:
        """Whether every value of it is known, and none is an Output."""
        return not self._later

    @property
    def _later(self) -> Mapping[str, pulumi.Output[Any]]:
        return {name: value for name, value in self if isinstance(value, pulumi.Output)}

    def known(self) -> pulumi.Output[Self]:
        """Return the section with the values that other resources give, each checked as one that is configured.

        The Output fails with a ``pulumi.RunError`` where a value is none that may be configured.
        """
        if self.is_known:
            return pulumi.Output.from_input(self)
        return pulumi.Output.all(**self._later).apply(self._completed)

    def _completed(self, values: Mapping[str, Any]) -> Self:
        return self.model_copy(update={name: self._checked(name, value) for name, value in values.items()})

    def _checked(self, name: str, value: Any) -> Any:
        field = type(self).model_fields[name]
        config = ConfigDict(hide_input_in_errors=True, strict=True)
        try:
            return TypeAdapter(field.rebuild_annotation(), config=config).validate_python(value, context=dict(self))
        except ValidationError as error:
            reasons = "; ".join(one["msg"].removeprefix("Value error, ") for one in error.errors(include_input=False))
            raise pulumi.RunError(f"{field.alias}, which another resource gives: {reasons}") from None

    @model_validator(mode="after")
    def _text_or_file(self) -> Self:
        """Refuse a text beside the file that may hold it in its place; lists and their files add up."""
        fields = type(self).model_fields
        for name, field in fields.items():
            file = fields.get(f"{name}_file")
            if file and field.default is None and None not in (getattr(self, name), getattr(self, f"{name}_file")):
                raise ValueError(f"has both {field.alias} and {file.alias}; remove one of them")
        return self
