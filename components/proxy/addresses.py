"""The addresses of the server on which nginx listens, and what IPv6 there can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pulumi

from ..hosts import Host
from ..ordering import Command
from ..scripts.script import with_payload, words

_FAMILIES = Path(__file__).parent / "families.sh"
_NONLOCAL = Path(__file__).parent / "nonlocal.sh"
_ALL_OF_IPV4, _ALL_OF_IPV6 = "0.0.0.0", "::"  # noqa: S104 - a registry is there to be reached
_TO_LOOK_AGAIN = 'If you change that on the server: set bindAddress: ["0.0.0.0", "::"] and run an update.'
_SAID = {
    "none": f"The server has no IPv6, so nginx listens only on IPv4. {_TO_LOOK_AGAIN}",
    "shared docker": "With Docker before version 27, nginx sees all IPv6 clients under one address, in its log and "
    f"in limits for each address. {_TO_LOOK_AGAIN}",
    "shared router": "nginx sees all IPv6 clients under one address. To see their own addresses, Docker would turn on "
    "forwarding, and the kernel would then lose its default route, which comes from a router: set "
    f"net.ipv6.conf.INTERFACE.accept_ra = 2 on the server first. {_TO_LOOK_AGAIN}",
}
"""What families.sh prints -> what that means."""


@dataclass(frozen=True)
class Addresses:
    """Where nginx listens on the server."""

    all: pulumi.Output[Sequence[str]]
    has_own_ipv6: pulumi.Output[bool]
    """Whether IPv6 clients get to nginx under their own addresses; else it sees Docker's proxy in their place."""


def addresses(name: str, host: Host, given: Sequence[str], opts: pulumi.ResourceOptions) -> Addresses:
    """Return the addresses that were given, or those for everybody that the server can have."""
    if given and not any(":" in address for address in given):
        return Addresses(pulumi.Output.from_input(given), pulumi.Output.from_input(False))
    command = host.run(
        f"{name}-families", with_payload(_FAMILIES, {}), words(wanted=",".join(given) or "all"), opts=opts
    )
    found = command.stdout.apply(str.strip)
    found.apply(lambda text: pulumi.log.info(_SAID[text], opts.parent) if text in _SAID else None)
    return Addresses(
        found.apply(lambda text: given or ([_ALL_OF_IPV4] if text == "none" else [_ALL_OF_IPV4, _ALL_OF_IPV6])),
        found.apply(lambda text: text == "own"),
    )


def later_addresses(given: Sequence[str]) -> list[str]:
    """Return the addresses that the server may get after Docker has started."""
    return [one for one in given if not (ip_address(one).is_loopback or ip_address(one).is_unspecified)]


def may_come_later(
    name: str, host: Host, given: Sequence[str], stack: str, is_root: bool, opts: pulumi.ResourceOptions
) -> list[Command]:
    """Let Docker listen on an address that the server gets after Docker has started.

    Args:
        name: Starts the name of the resource.
        host: The server.
        given: The addresses.
        stack: Names the file in which the server keeps it.
        is_root: Whether what runs on the server may write it.
        opts: Of the resource.
    """
    single = later_addresses(given)
    if not single:
        return []
    if not is_root:
        pulumi.log.info(
            "If an address of bindAddress appears only after Docker has started (a VPN, keepalived), nginx stays down "
            "after a boot. To avoid that, set net.ipv4.ip_nonlocal_bind = 1 (net.ipv6… for IPv6) in /etc/sysctl.d.",
            opts.parent,
        )
        return []
    path = words(path=f"/etc/sysctl.d/60-private-registry-{stack}.conf")
    command = host.run(
        f"{name}-nonlocal",
        with_payload(_NONLOCAL, {}),
        f"allow {path} {words(address=','.join(single))}",
        delete=f"forbid {path}",
        triggers=[host.name],
        opts=opts,
    )
    return [command]
