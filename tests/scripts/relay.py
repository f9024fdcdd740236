"""A connection between two programs that a test watches, and cuts."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_REQUEST = re.compile(rb"^(?:GET|HEAD|PUT|POST|PATCH|DELETE) [^ \r\n]+ HTTP/1\.1\r$", re.MULTILINE)
_CHUNK = 65536


@dataclass
class Relay:
    """What goes between a program and the one that it asks."""

    address: str
    target: tuple[str, int]
    port: int = 0
    requests: list[str] = field(default_factory=list)
    """METHOD PATH of each request."""
    is_down: bool = False
    """Whether nobody is let through."""
    cut_after: int | None = None
    """How many bytes of answers still get through before the connection breaks off; None for all."""
    delay: float = 0
    """Seconds before each chunk of an answer."""
    _open: list[socket.socket] = field(default_factory=list)

    def gets(self, words: str) -> list[str]:
        """Return the requests with GET whose path has these words in it."""
        return [one for one in self.requests if one.startswith("GET ") and words in one]

    def go_down(self) -> None:
        """Let nobody through, and cut what is open."""
        self.is_down = True
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                if self.is_down:
                    client.close()
                else:
                    threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self.target) as server:
            self._open += [client, server]
            back = threading.Thread(target=self._pump, args=(server, client, self._pass), daemon=True)
            back.start()
            self._pump(client, server, self._note)
            back.join()
            for one in (client, server):
                self._open.remove(one)

    def _pump(self, one: socket.socket, other: socket.socket, watch: Callable[[bytes], bool]) -> None:
        with suppress(OSError):
            while (chunk := one.recv(_CHUNK)) and watch(chunk):
                other.sendall(chunk)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _note(self, chunk: bytes) -> bool:
        self.requests += [line.decode().rpartition(" ")[0] for line in _REQUEST.findall(chunk)]
        return True

    def _pass(self, chunk: bytes) -> bool:
        if self.delay:
            threading.Event().wait(self.delay)
        if self.cut_after is None:
            return True
        self.cut_after -= len(chunk)
        return self.cut_after > 0


@contextmanager
def relaying(address: str, target: tuple[str, int]) -> Iterator[Relay]:
    """Relay what comes to a new port of an address to a target while the body runs."""
    with socket.create_server((address, 0)) as listening:
        relay = Relay(address, target, listening.getsockname()[1])
        threading.Thread(target=relay._serve, args=(listening,), daemon=True).start()
        yield relay
        relay.go_down()
