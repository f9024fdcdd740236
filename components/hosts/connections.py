"""One connection to each host for as long as a process lives."""

import asyncio
import json
import resource
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from .session import Connection, Run, Tunnels, Unanswered, reason, session

AT_ONCE = 50
"""So many hosts are worked on side by side, where nobody says otherwise."""
_OPEN_FILES = 16_384
_STOPPED = "not tried, since the update was stopped"

H = TypeVar("H")
R = TypeVar("R")


@dataclass(frozen=True)
class Failure:
    """Why the work on a host failed."""

    reasons: Sequence[str]
    error: Exception | None = field(default=None, repr=False)
    """What was raised; None where the host was not tried."""


class Connections:
    """Opens each connection once, also where it is asked for again, and tries no host twice that did not answer."""

    def __init__(self) -> None:
        self._opened = AsyncExitStack()
        self._tunnels = Tunnels(self._opened)
        self._runs: dict[str, asyncio.Task[Run]] = {}
        self._is_stopped = False

    def stop(self) -> None:
        """Let what has begun on a host come to its end, and begin on no other host."""
        self._is_stopped = True

    async def run(self, connection: Connection | None) -> Run:
        """Return what runs commands on a host; None is this machine.

        Raises:
            Unanswered: The host can't be reached, or could not be before.
        """
        key = json.dumps(connection, sort_keys=True)
        if key not in self._runs:
            self._runs[key] = asyncio.ensure_future(
                self._opened.enter_async_context(session(connection, self._tunnels))
            )
        return await self._runs[key]

    async def each(
        self,
        hosts: Sequence[H],
        work: Callable[[H], Awaitable[R]],
        done: Callable[[], None] = lambda: None,
        at_once: int = AT_ONCE,
    ) -> list[R | Failure]:
        """Work on hosts side by side; return what came of each, in their order. No failure stops the others.

        Args:
            hosts: Which; anything that ``work`` knows them by.
            work: What is done on each.
            done: Called after each host that was tried, whatever came of it.
            at_once: On so many at the same time.
        """
        limit = asyncio.Semaphore(at_once)

        async def guarded(host: H) -> R | Failure:
            async with limit:
                if self._is_stopped:
                    return Failure([_STOPPED])
                found = await _tried(work, host)
            done()
            return found

        return await asyncio.gather(*map(guarded, hosts))

    async def __aenter__(self) -> Self:
        """Return this, which closes all connections in the end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._opened.aclose()


async def _tried(work: Callable[[H], Awaitable[R]], host: H) -> R | Failure:
    try:
        return await work(host)
    except Unanswered as error:
        return Failure([str(error)], error)
    except Failed as error:
        return Failure(error.reasons, error)
    except Exception as error:
        # Its text may have a secret in it, so no more than its place is said.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}, line {frame.lineno}"
        return Failure([f"unexpected {type(error).__name__} in {place}: a fault of private-registry itself"], error)


def allow_many_files() -> None:
    """Let this process have as many open files as connections to a thousand hosts take, if the system does."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(most, _OPEN_FILES)
    if now < wanted:
        # Some systems have a limit below the one that they tell.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


async def succeeding(run: Run, line: str, stdin: str) -> str:
    """Run a command; return what it printed.

    Raises:
        Failed: It failed; the reason is all that it said of that.
    """
    answer = await run(line, stdin)
    if answer.status != 0:
        raise Failed(reason(answer))
    return answer.output


class Failed(Exception):
    """Commands on a host failed."""

    def __init__(self, *reasons: str) -> None:
        """Keep what each of them said."""
        super().__init__(*reasons)
        self.reasons = list(reasons)
