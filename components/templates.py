"""The one Jinja environment: a name that a template uses and nobody gave is an error."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - the output is no HTML; every value is validated in settings/
)


def render(template: str, **values: object) -> str:
    """Render the template of that file name.

    Raises:
        jinja2.UndefinedError: The template uses a name that is not among the values.
    """
    return _ENVIRONMENT.get_template(template).render(**values)
