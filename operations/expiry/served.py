"""What a server really serves: its certificate, and those that it sends along."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from cryptography import x509
from OpenSSL import SSL

from components.hosts.straight import UNKNOWN
from components.registry_reference import DEFAULT_HTTPS_PORT, is_ip_address
from operations.command_line import OperationError

_SECONDS = 10
_BYTES = 65536


def served(url: str, at: str = "", is_behind_balancer: bool = False) -> Sequence[x509.Certificate]:
    """Return what is served at a URL, the server's own first.

    Args:
        url: Of the registry.
        at: Another address to ask, where this machine does not resolve the name, or one of several servers.
        is_behind_balancer: Whether the server waits for the header of the PROXY protocol there.

    Raises:
        OperationError: Nothing answers as a registry does.
    """
    place = urlsplit(url)
    host = place.hostname or ""
    try:
        with socket.create_connection((at or host, place.port or DEFAULT_HTTPS_PORT), _SECONDS) as plain:
            if is_behind_balancer:
                plain.sendall(UNKNOWN)
            return _shaken(plain, host)
    except OSError as error:
        raise OperationError(
            f"{url} does not answer: {error}. Check that this machine resolves the name and reaches the address."
        ) from None


def _shaken(plain: socket.socket, host: str) -> Sequence[x509.Certificate]:
    # Whom to trust is not the question here, and one that has ended is wanted too.
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
    client.set_connect_state()
    if not is_ip_address(host):
        client.set_tlsext_host_name(host.encode("idna"))
    while True:
        try:
            client.do_handshake()
        except SSL.WantReadError:
            _pass_on(client, plain)
        except SSL.Error as error:
            raise ConnectionError(f"the TLS handshake failed: {_reasons(error)}") from None
        else:
            return client.get_peer_cert_chain(as_cryptography=True) or []


def _pass_on(client: SSL.Connection, plain: socket.socket) -> None:
    with suppress(SSL.WantReadError):
        plain.sendall(client.bio_read(_BYTES))
    answer = plain.recv(_BYTES)
    if not answer:
        raise ConnectionError("the connection was closed")
    client.bio_write(answer)


def _reasons(error: SSL.Error) -> str:
    found = error.args[0] if error.args else None
    return ", ".join(str(one[-1]) for one in found) if isinstance(found, list) else str(error)
