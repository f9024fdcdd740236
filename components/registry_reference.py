"""The name by which clients address a registry: HOST[:PORT]."""

from ipaddress import IPv6Address, ip_address

DEFAULT_HTTPS_PORT = 443


def registry_reference(domain: str, https_port: int) -> str:
    """Return what image names start with, which is also the folder's name in ``certs.d``.

    Docker looks up ``/etc/docker/certs.d/<reference>`` literally, and a reference to port 443 carries no port
    (https://docs.docker.com/engine/security/certificates/).

    Args:
        domain: A DNS name or an IP address; an IPv6 address without brackets.
        https_port: The port that the proxy publishes, 1 to 65535.

    Returns:
        ``registry.example.com`` for port 443, ``registry.example.com:8443`` otherwise; IPv6 in brackets.
    """
    return as_host(domain) if https_port == DEFAULT_HTTPS_PORT else full_reference(domain, https_port)


def full_reference(domain: str, https_port: int) -> str:
    """Return the name with the port, also where that is 443: people write it, and Docker looks up a folder for it."""
    return f"{as_host(domain)}:{https_port}"


def is_ip_address(domain: str) -> bool:
    """Tell whether a domain is an IP address, which a certificate names in a field of its own."""
    try:
        ip_address(domain)
    except ValueError:
        return False
    return True


def as_host(domain: str) -> str:
    """Return a domain as it stands in a URL and nginx calls it: an IPv6 address in brackets."""
    return f"[{domain}]" if _is_ipv6(domain) else domain


def _is_ipv6(domain: str) -> bool:
    return is_ip_address(domain) and isinstance(ip_address(domain), IPv6Address)
