"""The documentation of the settings is what the settings say."""

from lab.places import PROJECT
from settings.reference import reference


def test_the_configuration_reference_is_current() -> None:
    kept = (PROJECT / "docs/configuration.md").read_text()
    assert kept == reference(), "run: .venv/bin/python -m settings.reference > docs/configuration.md"


def test_every_key_is_explained() -> None:
    assert "None |" not in reference()
