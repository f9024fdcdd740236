"""What keepalived of one server reads, and how nginx of that server is asked."""

from collections.abc import Sequence
from ipaddress import ip_address

from ..templates import render

CONFIG, SCRIPT = "keepalived.conf", "keepalived.sh"
"""The files of the bundle."""

_OUT = "/tmp/out"  # noqa: S108 - the container's own
_FIRST_PRIORITY = 254
"""Of the first server: 255 is for who owns the address for good."""
_ROUTER_IDS = 255


def keepalived_config(address: str, servers: Sequence[str], place: int, interface: str) -> str:
    """Render keepalived.conf of a server.

    Args:
        address: The floating address.
        servers: The addresses of all servers, the one first that is to have it at the start.
        place: Of this server among them.
        interface: The network interface of this server that has its address.
    """
    return render(
        "floating_address/keepalived.conf.j2",
        out=_OUT,
        interface=interface,
        # Addresses that stand side by side have different ones.
        router_id=int(ip_address(address)) % _ROUTER_IDS + 1,
        priority=_FIRST_PRIORITY - place,
        own=servers[place],
        others=[other for other in servers if other != servers[place]],
        address=address,
    )


def question(address: str, listens_on: Sequence[str], port: int, proxy_protocol: bool) -> list[str]:
    """Return the words with which curl asks nginx of a server whether it is to get clients.

    Args:
        address: The floating address, at which another server would answer.
        listens_on: Addresses of nginx; none for all.
        port: Of HTTPS.
        proxy_protocol: Whether nginx wants its header.
    """
    loopback = "::1" if ip_address(address).version == 6 else "127.0.0.1"
    own = [one for one in map(ip_address, listens_on) if one != ip_address(address)]
    there = str(own[0]) if own and not own[0].is_unspecified else loopback
    host = f"[{there}]" if ":" in there else there
    return [f"https://{host}:{port}/healthz", *(["--haproxy-protocol"] if proxy_protocol else [])]
