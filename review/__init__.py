"""What a preview means: from the engine's events to a table of impacts, without knowing Pulumi."""

import shutil
from pathlib import Path

from review.events import parse
from review.render import markdown, text

_WIDTH = 120
"""Of what is no terminal."""


def of(events: Path, as_markdown: bool = False) -> str:
    """Return the review of the preview that wrote a file of events; of none, if it did not get so far.

    Raises:
        OSError: The file can't be read.
    """
    preview = parse(events.read_text(encoding="utf-8").split("\n") if events.exists() else [])
    return markdown(preview) if as_markdown else text(preview, shutil.get_terminal_size((_WIDTH, 24)).columns)
