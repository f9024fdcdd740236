"""HTTPS to an address, whatever the name resolves to."""

import http.client
import socket
import ssl

UNKNOWN = b"PROXY UNKNOWN\r\n"
"""The header of a connection that stands for no client's
(https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, section 2.1)."""


class Straight(http.client.HTTPSConnection):
    """A connection whose certificate is checked by the name, and which leads to a place of its own."""

    def __init__(
        self,
        name: tuple[str, int],
        place: tuple[str, int],
        context: ssl.SSLContext,
        seconds: float,
        is_behind_balancer: bool = False,
    ) -> None:
        """Know where to connect.

        Args:
            name: Host and port, as requests name them.
            place: Host and port to connect to.
            context: Whom to trust.
            seconds: How long each step may take.
            is_behind_balancer: Whether the header of the PROXY protocol is waited for there.
        """
        host, port = name
        super().__init__(host, port, timeout=seconds, context=context)
        self._place, self._trust, self._is_behind_balancer = place, context, is_behind_balancer

    def connect(self) -> None:
        """Connect, and check the certificate by the name."""
        # Kept at once, so that it is closed where the handshake fails.
        self.sock = plain = socket.create_connection(self._place, self.timeout)
        if self._is_behind_balancer:
            plain.sendall(UNKNOWN)
        self.sock = self._trust.wrap_socket(plain, server_hostname=self.host.strip("[]"))
