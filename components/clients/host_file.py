"""What a runtime wants on a host: files of the stack's own, and keys of its own in files of others.

Everything here is text in, text out. What reads and writes on hosts is elsewhere, so each rule has a table of cases.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace


class Refused(Exception):
    """A file of others can't be changed safely; the message says why, and what to add to it by hand."""


@dataclass(frozen=True)
class There:
    """A file as it is on a host now."""

    text: str
    """Its content; line ends as they are."""
    mode: str = "0644"
    link: str = ""
    """Where a symbolic link leads, or nothing."""
    is_writable: bool = True
    """Whether root can write it: not on a read-only file system, and not where it is immutable."""


@dataclass(frozen=True)
class Facts:
    """What is known of a host before anything is decided."""

    files: Mapping[str, There] = field(default_factory=dict)
    """Path -> file, of those that were asked for and exist."""
    said: str = ""
    """What the runtime's own question printed."""
    home: str = "/root"
    """The home of the user who logs in."""

    def beside(self, files: Mapping[str, There]) -> "Facts":
        """Return the same with files that were read besides."""
        return replace(self, files={**files, **self.files})

    def text(self, path: str) -> str:
        """Return a file's content, or nothing where there is none."""
        return self.files[path].text if path in self.files else ""


@dataclass(frozen=True)
class Own:
    """A file that is the stack's as a whole."""

    path: str
    content: str
    """Text that ends with a line break."""
    mode: str = "0644"


@dataclass(frozen=True)
class Shared:
    """A file of others, with keys of the stack in it."""

    path: str
    put: Callable[[str], str]
    """Text as it is ('' where there is no file) -> text with our keys. Raises ``Refused``. Twice gives the same."""
    take: Callable[[str], str]
    """Text -> text without our keys; '' where nothing is left: then the file goes. Raises ``Refused``."""
    mode: str = "0644"
    """Of a file that was not there before."""
    restart: str = ""
    """The service that reads the file only when it starts; it is restarted when the text changes."""
    reload: str = ""
    """The service that reads the file again when it is told to, as it is when the text changes."""


HostFile = Own | Shared
