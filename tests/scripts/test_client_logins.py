"""Logins on clients against the real programs: they pull with nothing but what the stack has placed."""

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import bcrypt
import pytest

from components.clients.placing import Records, Texts, digest, login_place, place, take_away, wanted
from components.clients.runtime import Known
from components.hosts.session import Answer
from components.proxy.login.htpasswd import Login
from tests.client import PASSWORD
from tests.scripts.client_hosts import ClientHost
from tests.scripts.served import Served

KNOWN = Known("registry.test", "registry.test:443", "private-registry project/stack", has_authorities=True)
IMAGE, NEXT = "registry.test/team/app:1", "next-password"
THEIRS = json.dumps({"auths": {"ghcr.io": {"auth": "eDp5"}}}, indent=2)


class Case(NamedTuple):
    """A runtime, and how its program pulls without a word of a login."""

    runtime: str
    pull: str
    file: str
    """Where logins of others are, if there can be any."""


CASES = (
    Case("docker", f"docker pull --quiet {IMAGE}; docker rmi {IMAGE}", "/root/.docker/config.json"),
    Case("podman", f"skopeo inspect --no-tags docker://{IMAGE}", "/root/.config/containers/auth.json"),
    Case("containerd", f"ctr image pull --hosts-dir /etc/containerd/certs.d {IMAGE}; ctr image rm {IMAGE}", ""),
)


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def users(password: str) -> Mapping[str, Login]:
    return {"ci": Login([hashed(password)], "pull", ["*"]), "up": Login([hashed(PASSWORD)], "push", ["*"])}


USERS = users(PASSWORD)


class Client:
    """A client on which the code of the provider works."""

    def __init__(self, host: ClientHost, authorities: str) -> None:
        self.host, self._authorities = host, authorities
        self._have: Records = {}
        self._texts: dict[str, str] = {digest(authorities): authorities}

    async def _run(self, line: str, stdin: str) -> Answer:
        command = ["docker", "exec", "--interactive", self.host.container, "sh", "-c", line]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        return Answer(done.returncode, done.stdout, done.stderr)

    def up(self, runtime: str, password: str = "") -> None:
        """Trust, and log in where there is a password."""
        self._texts[f"digest of {password}"] = password
        login = login_place("ci", f"digest of {password}") if password else None
        want = wanted(KNOWN, [runtime], "", self._authorities, login)
        asyncio.run(place(self._run, False, self._have, want, self._texts))
        for bundle in [bundle for bundle in self._have if bundle not in want]:
            self._take(bundle, self._texts)

    def destroy(self) -> None:
        """Take all away."""
        for bundle in list(self._have):
            self._take(bundle, self._texts)

    def _take(self, bundle: str, texts: Texts) -> None:
        asyncio.run(take_away(self._run, False, bundle, self._have.pop(bundle), texts))


@pytest.fixture
def client(served: Served, client_host: ClientHost) -> Iterator[Client]:
    served.let_in(USERS)
    client = Client(client_host, served.authority)
    yield client
    client.destroy()


def push(client: Client) -> None:
    """Bring an image to the registry, as another user."""
    client.host.done(
        f"""cd "$(mktemp -d)" && echo content > file && tar cf layer.tar file && docker import layer.tar {IMAGE}
printf %s '{PASSWORD}' | docker --config /tmp/up login --username up --password-stdin registry.test
docker --config /tmp/up push --quiet {IMAGE} && docker rmi {IMAGE}"""
    )


@pytest.mark.parametrize("case", CASES, ids=[case.runtime for case in CASES])
def test_a_program_pulls_with_what_was_placed_alone(client: Client, served: Served, case: Case) -> None:
    host = client.host
    client.up("docker")
    push(client)
    if case.file:
        host.done(f"mkdir -p $(dirname {case.file}) && printf %s '{THEIRS}' > {case.file} && chmod 600 {case.file}")
    client.up(case.runtime)
    told = host.refused(case.pull)
    assert any(word in told for word in ("401", "no basic auth", "unauthorized")), told
    client.up(case.runtime, PASSWORD)
    host.done(case.pull)
    served.let_in(users(NEXT))
    host.refused(case.pull)
    client.up(case.runtime, NEXT)
    host.done(case.pull)
    client.up(case.runtime)
    host.refused(case.pull)
    client.destroy()
    if case.file:
        assert host.done(f"cat {case.file}") == THEIRS
        host.done(f"rm {case.file}")
