"""Where the first address of a hosts entry does not answer, a program goes on to the next one."""

import time
from collections.abc import Iterator, Mapping

import bcrypt
import pytest

from components.clients.placing import digest, place, wanted
from components.proxy.login.htpasswd import Login
from tests.client import PASSWORD
from tests.scripts import client_commands as commands
from tests.scripts.client_commands import Client, digest_of, script
from tests.scripts.client_hosts import ClientHost
from tests.scripts.placed import KNOWN, reached
from tests.scripts.served import Served

USERS = {"ci": Login([bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()], "push", ["*"])}
RUNTIMES = ("docker", "podman", "containerd", "buildkit", "system")
_RULE = "-i lo -p tcp --dport 443 -j REJECT --reject-with tcp-reset"
_REFUSALS = "iptables -nvxL INPUT 1 | awk '{ print $1 }' && iptables -Z INPUT"

_HALF = "loses 15 s for each connection: half of the 30 s that it has for one"
CLIENTS: Mapping[Client, str] = {
    commands.DOCKER: "fails: it has 15 s for an answer, and waits as long for the first of two addresses",
    commands.PODMAN: _HALF,
    commands.BUILDAH: _HALF,
    commands.SKOPEO: _HALF,
    commands.CTR: _HALF,
    commands.CRICTL: _HALF,
    commands.BUILDCTL: _HALF,
    commands.CRANE: _HALF,
    commands.CURL: "loses half of --max-time, 130 s without; that of forky a second",
}
"""Each that goes on where an address refuses -> what it does where packets are swallowed, too slow to be tried here."""


@pytest.fixture
def image(client_host: ClientHost, served: Served) -> Iterator[str]:
    """A repository with an image, on a host where nothing answers at the first of two addresses."""
    for client in CLIENTS:
        client_host.bring(*client.programs)
    client_host.done("sed /registry.test/d /etc/hosts > hosts && cat hosts > /etc/hosts && rm hosts")
    client_host.done(f"systemctl start buildkit && iptables -I INPUT {_RULE}")
    text, entry = served.authority, f"{client_host.address},{served.address('proxy')}/{KNOWN.reference}"
    want = wanted(KNOWN, RUNTIMES, entry, text)
    with reached(client_host) as (loop, run):
        loop.run_until_complete(place(run, True, {}, want, {digest(text): text}))
    # A process in Go reads the hosts file again after five seconds (https://github.com/golang/go/blob/master/src/net/hosts.go).
    time.sleep(6)
    repository = f"{client_host.generation}/image"
    client_host.done(script(repository, "", f"{commands.DOCKER.login}\n{commands.DOCKER.push}"))
    yield repository
    client_host.done(f"iptables -D INPUT {_RULE}")


def test_each_program_that_is_refused_goes_on_to_the_next_address(
    client_host: ClientHost, served: Served, image: str
) -> None:
    pushed = digest_of(served, image)
    # Docker may still have the connection open by which it has pushed: it is the first one, so that counts too.
    for client in CLIENTS:
        client_host.done(script(image, pushed, f"{client.login}\n{client.pull}"))
        assert int(client_host.done(_REFUSALS)) > 0, f"{client.name} did not ask the first address"
