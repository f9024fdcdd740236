"""The program that the engine starts: it prints the port on which it answers."""

import asyncio
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError, version

import grpc.aio
from pulumi.runtime.proto import provider_pb2_grpc

from ..hosts.connections import allow_many_files
from .fleet import Fleets
from .kind import Kind
from .servicer import Servicer
from .trust import Trust
from .verification import Verification

_LOOK_SECONDS = 1
_MAX_BYTES = 400 * 1024 * 1024
"""What the engine itself takes of one message."""


def main() -> None:
    """Serve until the engine ends."""
    # The engine tells it by itself when to stop: a Ctrl-C in the terminal reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_many_files()
    asyncio.run(_serve(sys.argv[1] if len(sys.argv) > 1 else ""))


async def _serve(engine: str) -> None:
    fleets = Fleets()
    kinds: list[Kind] = [Trust(fleets), Verification(fleets)]
    limits = [("grpc.max_receive_message_length", _MAX_BYTES), ("grpc.max_send_message_length", _MAX_BYTES)]
    server = grpc.aio.server(options=limits)
    servicer = Servicer({kind.name: kind for kind in kinds}, engine, _version(), fleets.stop)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await _engine_gone(os.getppid())
    await server.stop(grace=None)


async def _engine_gone(engine: int) -> None:
    """Wait for the end of the process that started this one: one that is killed tells nobody."""
    while os.getppid() == engine:
        await asyncio.sleep(_LOOK_SECONDS)


def _version() -> str:
    try:
        return version("private-registry")
    except PackageNotFoundError:
        return "0.0.0"


if __name__ == "__main__":
    main()
