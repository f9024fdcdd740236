"""Whether a proxy stands between a program and the registry, by the rules of Go, in which they are written.

https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
"""

import re
from ipaddress import ip_address, ip_network

from operations.doctor.facts import Proxy

_WITH_PORT = re.compile(r"(\[.*\]|[^:]*):([0-9]+)")


def is_between(proxy: Proxy, host: str, port: int) -> bool:
    """Tell whether requests to a registry go through a proxy."""
    entries = (entry.strip().lower() for entry in proxy.exceptions.split(","))
    return bool(proxy.url) and not any(_covers(entry, host.lower(), port) for entry in entries if entry)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if _is_in_network(entry, host):
        return True
    if found := _WITH_PORT.fullmatch(entry):
        if int(found[2]) != port:
            return False
        entry = found[1]
    entry = entry.strip("[]").removeprefix("*")
    # A name with a dot before it is for those below it alone.
    return host.endswith(entry) if entry.startswith(".") else host == entry or host.endswith(f".{entry}")


def _is_in_network(entry: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return False
