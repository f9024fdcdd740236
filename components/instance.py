"""How hosts tell a registry from all others: one program may declare several, and several stacks may share a host."""

from dataclasses import dataclass

import pulumi

_FIRST = "registry"


@dataclass(frozen=True)
class Instance:
    """A registry of this stack, by the name that the program gives it.

    One that is called ``registry`` leaves its name out, as stacks had it when there was but one.
    """

    name: str

    @property
    def prefix(self) -> str:
        """What the names of its containers, networks and volume start with."""
        return "-".join([pulumi.get_project(), pulumi.get_stack(), *self._own])

    @property
    def folder(self) -> str:
        """The name of its folder on the server; no stack's name has a tilde."""
        return "~".join([pulumi.get_stack(), *self._own])

    @property
    def mark(self) -> str:
        """What its lines in the files of others end with."""
        return mark_of(pulumi.get_project(), pulumi.get_stack(), *self._own)

    @property
    def title(self) -> str:
        """What the names of its authorities start with."""
        return " ".join([pulumi.get_stack(), *self._own, "registry"])

    def hook(self, kind: str) -> str:
        """Return the name of a hook, which one program has once."""
        return "-".join(["private-registry", kind, *self._own])

    @property
    def _own(self) -> list[str]:
        return [] if self.name == _FIRST else [self.name]


def mark_of(project: str, stack: str, *own: str) -> str:
    """Return what lines of a registry end with in the files of others, for who reads them outside of a program."""
    return "/".join([f"private-registry {project}", stack, *own])
