"""The documentation of the settings is what the settings say."""

import re

import yaml

from components.settings import Settings
from components.settings.arguments import MODULE, arguments
from components.settings.documented import meaning_of
from components.settings.reference import reference
from lab.places import PROJECT


def test_the_configuration_reference_is_current() -> None:
    kept = (PROJECT / "docs/configuration.md").read_text()
    assert kept == reference(), "run: .venv/bin/python -m components.settings.reference > docs/configuration.md"


def test_every_link_within_the_reference_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.*)$", reference(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#(.*?)\)", reference())) <= anchors


def test_every_key_is_explained() -> None:
    assert "None |" not in reference()


def test_the_project_file_declares_every_key() -> None:
    declared = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    assert set(declared) == {f"private-registry:{field.alias}" for field in Settings.model_fields.values()}
    assert {key: one["description"] for key, one in declared.items()} == {
        f"private-registry:{field.alias}": meaning_of(field).partition(". ")[0].removesuffix(".").replace("`", "")
        for field in Settings.model_fields.values()
    }


def test_the_command_line_asks_for_no_key_but_the_domain() -> None:
    """Without a default in the project file it refuses each stack that does not set the key."""
    declared = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    assert [key for key, one in declared.items() if "default" not in one] == ["private-registry:domain"]


def test_the_types_of_a_program_are_what_the_settings_say() -> None:
    assert MODULE.read_text() == arguments(), "run: .venv/bin/python -m components.settings.arguments"
