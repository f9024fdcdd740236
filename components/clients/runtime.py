"""What a way to trust a registry says of itself. Each is a file beside this one.

The settings read the table of them, so nothing here knows a resource: ``trust.py`` and ``verification.py`` make those.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .access import TRUST, Access
from .host_file import Facts, HostFile

AUTHORITIES = "ca.crt"
"""The file with all authorities that a client is to trust, as it goes to a host."""
MODE = "0644"
"""Of that file."""
_FOLDER = Path(__file__).parent
_HOSTS = Path(__file__).parents[1] / "hosts"
HOSTS_FILE = _HOSTS / "hosts_file.sh"
"""The part of a script that writes an entry into the hosts file."""
KEEP_TRUST = _FOLDER / "keep_trust.sh"
"""The part of a script that refuses to drop an authority by which the registry is known."""
PROOF = _FOLDER / "proof.sh"
"""The part of a script that proves TLS, and 401 without a login."""


@dataclass(frozen=True)
class Known:
    """A registry, as clients know it."""

    reference: str
    """What names of images start with: HOST[:PORT]."""
    full_reference: str
    """The same with the port in any case."""
    mark: str
    """Tells it from all other registries that may be known on the same host."""
    has_authorities: bool
    """Whether clients are given authorities to trust; else they trust the issuer already."""
    is_public: bool = False
    """Whether they trust the issuer already, though they are given others too."""
    aliases: tuple[str, ...] = ()
    """What names of images may start with besides."""


ANY = Known("registry.test", "registry.test:443", "any", has_authorities=True)
"""A registry, for who asks what runtimes need whatever they trust."""


@dataclass(frozen=True)
class Placement:
    """What is placed on a host, and by what."""

    target: str
    """Where: another one is another placement, and the old one is taken away."""
    place: Mapping[str, str]
    """What the script has to know besides the files."""
    paths: Mapping[str, str]
    """``AUTHORITIES`` -> where they are, as a preview says it; nothing where none are placed."""
    script: Path
    parts: tuple[Path, ...] = (KEEP_TRUST,)
    """Files with functions that the script calls."""
    link: str = ""
    """Another path of the same."""
    also: tuple[str, ...] = ()
    """The same file again, for other names of the registry."""

    def __post_init__(self) -> None:
        """Refuse files that no script would find.

        Raises:
            ValueError: ``paths`` has another file than the authorities.
        """
        if others := sorted(self.paths.keys() - {AUTHORITIES}):
            raise ValueError(
                f"{', '.join(others)} can't be placed in {self.target}: a runtime's script gets one file, "
                f"{AUTHORITIES}, and files.sh keeps that name; for another name on the host, or more files, "
                "write a script of its own, which makes them of that one"
            )


@dataclass(frozen=True)
class Proof:
    """How a client proves that it trusts."""

    steps: tuple[str, ...]
    """What is proven, in order."""
    words: Mapping[str, str]
    """What the script has to know."""
    script: Path
    parts: tuple[Path, ...] = (PROOF,)
    payload: Callable[[str], Mapping[str, str]] | None = None
    """What it carries, by the password of the stack's own user, if anything."""


def entry_alone(mark: str, reference: str = "") -> Placement:
    """Return how the hosts entry is placed.

    Another reference has a line of its own, and versions before 0.3 marked theirs otherwise: both lines are there until
    the old one goes.
    """
    place = {"marker": f"{mark} (client) {reference}".rstrip()}
    return Placement("/etc/hosts", place, {}, _HOSTS / "hosts_entry.sh", (HOSTS_FILE,))


def is_entry_mark(comment: str, mark: str) -> bool:
    """Tell whether a line in the hosts file is ours, of now or of a version before 0.3."""
    now = entry_alone(mark).place["marker"]
    return comment in (now, mark, f"{mark} (hosts)") or comment.startswith(f"{now} ")


def by_alias(step: str, registry: Known) -> tuple[str, ...]:
    """Return what is proven for each other name of a registry."""
    return tuple(f"{step} as {alias}" for alias in registry.aliases)


class Runtime(ABC):
    """One way to trust a registry."""

    name: ClassVar[str]
    """As the settings have it."""
    meaning: ClassVar[str]
    """What it is and whom it helps, as the reference of the settings has it after its name."""
    is_of_user: bool = False
    """Whether it belongs to the user who logs in, so that nobody becomes root for it."""
    login: ClassVar[str] = ""
    """By what it logs in: its own name where its own files say it, a login file's (``login_files.py``), or nothing."""
    caches: ClassVar[str] = ""
    """By what it pulls from our caches: its own name where its own files say it, that of files apart
    (``docker_caches.py``), or nothing."""

    @abstractmethod
    def places(self, registry: Known) -> Sequence[str]:
        """Return where a registry's authorities go, for people."""

    @abstractmethod
    def proof(self, registry: Known, user: str) -> Proof:
        """Return how a client proves that it trusts a registry, with the stack's own user where it needs one."""

    def pitfalls(self, registry: Known, facts: Facts) -> Sequence[str]:
        """Return which lines of its configuration make trust useless, though nothing is wrong with that: for doctor.

        Args:
            registry: As clients know it.
            facts: The configuration and the user's home; ``said`` is that of ``question`` as far as doctor knows it.
        """
        return ()


class ScriptRuntime(Runtime):
    """One whose files a script of its own places, as it alone knows the host."""

    @abstractmethod
    def placement(self, registry: Known) -> Placement:
        """Return what is placed for a registry."""

    def places(self, registry: Known) -> Sequence[str]:
        """Return the paths of the placement."""
        placement = self.placement(registry)
        return [*placement.paths.values(), *placement.also]


class Planned(ABC):
    """Files that are worked out here, of what is on the host: so that a real parser reads those of others."""

    is_of_user: bool = False
    """Whether they belong to the user who logs in."""

    @property
    @abstractmethod
    def question(self) -> str:
        """A shell command whose output it needs, or nothing."""

    @abstractmethod
    def reads(self, registry: Known, home: str, access: Access = TRUST) -> Sequence[str]:
        """Return the paths to read; of one with ``*`` all that match."""

    @abstractmethod
    def reads_more(self, registry: Known, facts: Facts, access: Access = TRUST) -> Sequence[str]:
        """Return further paths, by what is known; asked again until it names nothing new."""

    @abstractmethod
    def wants(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> Sequence[HostFile]:
        """Return what is to be on the host.

        Raises:
            Refused: Something of others can't be kept beside it.
        """

    def placed(self, registry: Known, authorities: str, facts: Facts, access: Access = TRUST) -> Sequence[HostFile]:
        """Return what may be on the host, for who takes it away.

        Raises:
            Refused: It can't be taken away safely.
        """
        return self.wants(registry, authorities, facts, access)


class FilesRuntime(Planned, Runtime):
    """A runtime with such files."""
