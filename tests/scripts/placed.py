"""Placing, proving and taking away on a host as the provider does: over SSH, as a user who becomes root."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, TypeVar

import asyncssh
import pytest

from components.clients.placing import Record, Records, digest, findings, login_place, place, take_away, wanted
from components.clients.proving import prove
from components.clients.runtime import Known
from components.hosts.connections import Failed
from components.hosts.session import Run, session
from components.settings.model import VERIFICATION_USER
from tests.client import PASSWORD
from tests.scripts.client_hosts import ClientHost

T = TypeVar("T")
Way = tuple[asyncio.AbstractEventLoop, Run]
"""What runs commands on a host, and the loop that it needs."""
KNOWN = Known("registry.test", "registry.test:443", "private-registry project/stack", has_authorities=True)
_LISTED = "/etc /root /home /usr/local/share /var/snap"
_LISTING = """find {0} -xdev -printf '%p %y %m %U:%G %l\\n' 2> /dev/null | sort
find {0} -xdev -type f -exec sha256sum {{}} + 2> /dev/null | sort"""


class Placed:
    """What a registry's stack has placed on one host."""

    def __init__(
        self, host: ClientHost, runtime: str, way: Way, has_entry: bool = True, password: str = "", cached: str = ""
    ) -> None:
        """Know what is to be placed.

        Args:
            host: The host.
            runtime: What it trusts by.
            way: How it is reached.
            has_entry: Whether its hosts file gets an entry.
            password: That of the user ``ci``, as whom it logs in; nothing where it does not.
            cached: Another registry, whose images come from our cache, if there is one.
        """
        self._host, self._runtime = host, runtime
        self._entry = f"{host.entries[KNOWN.reference]}/{KNOWN.reference}" if has_entry else ""
        self._loop, self._reach = way
        self._have: Records = {}
        self._texts: dict[str, str] = {"digest of password": password}
        self._login = login_place("ci", "digest of password") if password else None
        self._caches = [cached] if cached else []

    def place(self, authorities: str) -> list[str]:
        """Let the host trust authorities, PEM."""
        text = f"# Installed by private-registry: an update or a removal overwrites this file.\n{authorities}"
        self._texts[digest(text)] = text
        want = wanted(KNOWN, [self._runtime], self._entry, text, self._login, self._caches)
        return self._done(place(self._reach, True, self._have, want, self._texts))

    def refused(self, authorities: str) -> str:
        """Try the same, where it has to fail; return why."""
        with pytest.raises(Failed) as failed:
            self.place(authorities)
        return "\n".join(failed.value.reasons)

    def prove(self) -> str:
        """Let the runtime prove itself."""
        return self._done(prove(self._reach, True, KNOWN, [self._runtime], VERIFICATION_USER, PASSWORD))

    def findings(self) -> list[str]:
        """Return what is not as it was left."""
        return [said for bundle, record in self._have.items() for said in self._look(bundle, record)]

    def take_away(self) -> list[str]:
        """Take everything away."""
        said = []
        for bundle in list(self._have):
            said += self._done(take_away(self._reach, True, bundle, self._have[bundle], self._texts))
            del self._have[bundle]
        return said

    def listing(self, folders: str = _LISTED, first: str = "true") -> set[str]:
        """Return all files that a host's administrator has, with their modes, owners and digests.

        Args:
            folders: Where to look.
            first: A script that runs before.
        """
        return set(self._host.done(f"{{ {first}\n}} > /dev/null\n{_LISTING.format(folders)}").splitlines())

    def _look(self, bundle: str, record: Record) -> list[str]:
        return self._done(findings(self._reach, True, bundle, record, self._texts))

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


@contextmanager
def reached(host: ClientHost) -> Iterator[Way]:
    """Log in as a user who may become root; yield what runs commands there."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    host.done(f"echo '{key.export_public_key().decode().strip()}' > /home/ops/.ssh/authorized_keys")
    connection = {
        "host": host.address,
        "user": "ops",
        "privateKey": key.export_private_key().decode(),
        "hostKey": " ".join(host.done("cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]),
    }
    loop, opened = asyncio.new_event_loop(), AsyncExitStack()
    try:
        yield loop, loop.run_until_complete(opened.enter_async_context(session(connection)))
    finally:
        loop.run_until_complete(opened.aclose())
        loop.close()
