"""The program that the engine starts: it prints the port on which it answers."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable
from importlib.metadata import PackageNotFoundError, version

import grpc.aio
from pulumi.runtime.proto import provider_pb2_grpc

from ..hosts.connections import allow_many_files
from .fleet import Fleets
from .kind import Kind
from .server_proof import ServerProof
from .servicer import Servicer
from .trust import Trust
from .verification import Verification

_LOOK_SECONDS = 1
_GRACE_SECONDS = 3600
"""How long what has begun may take to end: the engine kills who takes longer than it likes."""
_MAX_BYTES = 400 * 1024 * 1024
"""What the engine itself takes of one message."""


def main() -> None:
    """Serve until the engine ends."""
    allow_many_files()
    asyncio.run(_serve(sys.argv[1] if len(sys.argv) > 1 else ""))


async def _serve(engine: str) -> None:
    fleets = Fleets()
    kinds: list[Kind] = [Trust(fleets), ServerProof(fleets), Verification(fleets)]
    limits = [("grpc.max_receive_message_length", _MAX_BYTES), ("grpc.max_send_message_length", _MAX_BYTES)]
    server = grpc.aio.server(options=limits)
    servicer = Servicer({kind.name: kind for kind in kinds}, engine, _version(), fleets.stop)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    # A Ctrl-C in the terminal reaches the engine alone: it sends this when it has nothing more to ask.
    dismissed = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, dismissed.set)
    print(port, flush=True)
    gone = asyncio.ensure_future(_engine_gone(os.getppid()))
    await _first(gone, dismissed.wait())
    await _first(gone, server.stop(grace=_GRACE_SECONDS))
    await server.stop(grace=None)


async def _first(*awaited: Awaitable[object]) -> None:
    await asyncio.wait([asyncio.ensure_future(each) for each in awaited], return_when=asyncio.FIRST_COMPLETED)


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
