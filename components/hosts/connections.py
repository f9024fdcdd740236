"""One connection to each host for as long as a process lives."""

import asyncio
import json
import resource
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from .session import Connection, Run, Tunnels, Unanswered, reason, session

AT_ONCE = 50
"""So many hosts are worked on side by side, where nobody says otherwise."""
_OPEN_FILES = 16_384
_STOPPED = "not tried, since the update was stopped"


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
        self, hosts: Sequence[str], work: Callable[[str], Awaitable[None]], at_once: int = AT_ONCE
    ) -> dict[str, list[str]]:
        """Work on so many hosts side by side; return host -> why it failed, sorted by host."""
        failed: dict[str, list[str]] = {}
        limit = asyncio.Semaphore(at_once)

        async def guarded(host: str) -> None:
            async with limit:
                if self._is_stopped:
                    failed[host] = [_STOPPED]
                    return
                try:
                    await work(host)
                except Unanswered as error:
                    failed[host] = [str(error)]
                except Failed as error:
                    failed[host] = error.reasons
                except Exception as error:
                    # Its text may have a secret in it, so no more than its place is said.
                    frame = traceback.extract_tb(error.__traceback__)[-1]
                    place = f"{Path(frame.filename).name}, line {frame.lineno}"
                    failed[host] = [f"unexpected {type(error).__name__} in {place}: a fault of private-registry itself"]

        await asyncio.gather(*map(guarded, hosts))
        return {host: failed[host] for host in sorted(failed)}

    async def close(self) -> None:
        """Close all connections."""
        await self._opened.aclose()


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
