"""The servers of a registry: how each is reached, and what tells it from the others."""

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from .fields import Host, IpAddresses, as_text
from .section import Section
from .ssh import DockerHostAccess, DockerHostUrl

_LOOPBACK = "127.0.0.1"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
RESERVED = (
    "caches",
    "certificate",
    "docker",
    "floating",
    "proof",
    "provider",
    "proxy",
    "registry",
    "seed",
    "trust",
    "users",
    "verification",
)
"""With one of these words between dashes, a name could make the resource of one server look like another's."""


def _server_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            "must be at most 32 characters of a-z, 0-9 and '-', without '-' at its start and its end; to leave it out, "
            "remove it"
        )
    if words := sorted(set(value.split("-")) & set(RESERVED)):
        raise ValueError(
            f"must not contain the word {words[0]}, which names of resources have; not allowed are "
            f"{', '.join(RESERVED)}"
        )
    return value


class ServerEntry(Section):
    """One of the servers of the registry. All have the same bucket and users.

    Rules:
        - `dockerHost` and `dockerHostAccess` go together. One entry can be without them: the control machine.
        - One entry can be without `name`. Its resources are called as those of a stack with one server.
        - Names, machines and addresses must differ.
        - All have the same certificate; with `source: acme` each has one of its own for the same names.
        - With several servers the control machine needs `address`.
        - A name must not contain the words `caches`, `certificate`, `docker`, `floating`, `proof`,
          `provider`, `proxy`, `registry`, `seed`, `trust`, `users` and `verification`.

    Example:
        private-registry:servers:
          # The server that was there first has no name.
          - dockerHost: ssh://ops@10.0.0.5
            dockerHostAccess:
              privateKeyFile: keys/ops
              hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHYtHq1P4xQAhLn+cJNvANbVArtJtRSFj8I7djDyLD8Y
          - name: b
            dockerHost: ssh://ops@10.0.0.6
            dockerHostAccess:
              privateKeyFile: keys/ops
              hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0I400OoYh/O+naavotbmBJOkJT2eD4gsjgojtV7rJN
            # Clients reach it at another address than SSH.
            address: 192.0.2.6
    """

    name: Annotated[str, BeforeValidator(as_text), AfterValidator(_server_name)] = ""
    """What the names of the server's resources contain: a-z, 0-9 and `-`.

    Change: interruption: to rename a server, remove it in one update, and add it with the new name in the next.
    """
    docker_host: DockerHostUrl | None = None
    """The server, as `ssh://[USER@]HOST[:PORT]`. Without it, the server is the control machine.

    Change: loss: as `dockerHost` of the top level. To replace a server, remove its entry and add another one.
    """
    docker_host_access: DockerHostAccess | None = None
    """How to log in to the server."""
    address: Host | None = None
    """The IP address or DNS name at which clients reach this server. Default: the host of `dockerHost`.

    Change: nothing: only checks use the new address.
    """
    bind_address: IpAddresses = ()
    """One address of this server on which nginx listens, or a list of up to eight. Without it, all IPv4 and IPv6
    addresses.

    Change: interruption: nginx of this server stops and starts again on the other addresses.
    """

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        go_together(self.docker_host, self.docker_host_access)
        return self

    @property
    def reached_at(self) -> str:
        """Where clients reach it: an IP address or a DNS name."""
        return self.address or (self.docker_host.host if self.docker_host else _LOOPBACK)

    @property
    def said(self) -> str:
        """How texts name it."""
        return self.name or self.reached_at

    @property
    def machine(self) -> str:
        """Which machine it is."""
        if self.docker_host is None:
            return "the control machine, as they have no dockerHost"
        return f"{self.docker_host.host}, port {self.docker_host.port} for SSH"


def go_together(docker_host: object, access: object) -> None:
    """Refuse a server of which only a half of the way to it is known.

    Raises:
        ValueError: There is one without the other.
    """
    if (docker_host is None) != (access is None):
        raise ValueError(
            "dockerHost and dockerHostAccess must be set together: with both the server is reached over SSH, "
            "without both the server is this machine"
        )


def told_apart(servers: Sequence[ServerEntry]) -> None:
    """Refuse servers of which two could be taken for one.

    Raises:
        ValueError: Says which, and what to do.
    """
    nameless = [f"servers[{number}]" for number, server in enumerate(servers) if not server.name]
    if len(nameless) > 1:
        raise ValueError(f"servers: only one can be without a name; set name of {' or '.join(nameless)}")
    _differ(servers, lambda server: server.machine, "are the same machine, {}; list each only once")
    _differ(servers, lambda server: server.said, "are both called {}; give one of them another name")
    _differ(servers, lambda server: server.reached_at, "are both reached at {}; set address of one of them")
    for number, server in enumerate(servers):
        if len(servers) > 1 and server.reached_at == _LOOPBACK:
            raise ValueError(
                f"servers[{number}]: set address to where clients reach this server: {_LOOPBACK} is each client itself"
            )


def can_take(servers: Sequence[ServerEntry], floating: str) -> None:
    """Refuse servers that could not take turns with a floating address.

    Raises:
        ValueError: Says which one, and what to do.
    """
    if len(servers) < 2:
        raise ValueError("floatingAddress needs more than one server: list several in servers, or remove it")
    address = ip_address(floating)
    for number, server in enumerate(servers):
        if not _is_beside(server.reached_at, floating):
            raise ValueError(
                f"servers[{number}]: {server.reached_at} cannot take turns with floatingAddress {floating}: set "
                f"address to another IPv{address.version} address, which an interface of this server has"
            )
        bound = [ip_address(one) for one in server.bind_address]
        if bound and (address not in bound or len(bound) == 1) and not any(_is_all(one, address) for one in bound):
            raise ValueError(
                f"servers[{number}]: bindAddress must contain floatingAddress {floating}, and an address that the "
                "server always has, where nginx is asked whether it serves"
            )


def _is_beside(reached_at: str, floating: str) -> bool:
    try:
        own, address = ip_address(reached_at), ip_address(floating)
    except ValueError:
        return False
    return own.version == address.version and own != address


def _is_all(one: IPv4Address | IPv6Address, address: IPv4Address | IPv6Address) -> bool:
    return one.is_unspecified and one.version == address.version


def _differ(servers: Sequence[ServerEntry], read: Callable[[ServerEntry], str], mistake: str) -> None:
    places: dict[str, list[str]] = {}
    for number, server in enumerate(servers):
        places.setdefault(read(server), []).append(f"servers[{number}]")
    for value, at in places.items():
        if len(at) > 1:
            raise ValueError(f"{' and '.join(at)} {mistake.format(value)}")
