"""A login: what it costs, how long it lasts, and where passwords are not.

The tests are one story and run in this order. They cost 10 updates and a preview, and no host.
"""

import io
import json
import subprocess
import tarfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.run import run
from tests.client import Client, basic
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import Hosts, containers, logs
from tests.e2e.repeated import repeated
from tests.e2e.stack import Stack

NAME = "login"
LOGIN, PROXY = f"private-registry-{NAME}-login", f"private-registry-{NAME}-proxy"
PASSWORD, BEFORE, OTHERS = "planted marker one", "planted marker two", "planted marker three"
REST = [{"name": name, "password": OTHERS} for name in ("dev", "eve", "fay")]
WAIT = 0.05


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts)) as stack:
        stack.configure(deleteData=True, users=[{"name": "ci", "password": BEFORE}, *REST])
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client(stack.outputs()["ca_certificate"], NETWORK.gateway)


def ping(client: Client, user: str, password: str) -> int:
    return client.send(user, "GET", "/v2/", Authorization=basic(user, password)).status


@contextmanager
def looping(client: Client, user: str, password: str) -> Iterator[list[int]]:
    """Keep asking while the body runs."""
    seen: list[int] = []
    with repeated(lambda: seen.append(ping(client, user, password)), WAIT):
        yield seen


def test_a_password_ends_with_the_update_that_changes_it(stack: Stack, client: Client) -> None:
    both = [{"name": "ci", "password": PASSWORD, "previousPassword": BEFORE}, *REST]
    one = [{"name": "ci", "password": PASSWORD}, *REST]
    with looping(client, "dev", OTHERS) as others, looping(client, "ci", BEFORE) as old:
        stack.configure(users=both)
        stack.up()
        assert ping(client, "ci", PASSWORD) == 200
        assert set(old) == {200}, "both are accepted until the old one is taken out"
        stack.configure(users=one)
        stack.up()
        assert (ping(client, "ci", BEFORE), ping(client, "ci", PASSWORD)) == (401, 200)
    assert old.index(401) > 0
    assert set(old[old.index(401) :]) <= {401, 429}, "it ended, and did not come back"
    assert len(others) > 20
    assert set(others) == {200}


def test_two_passwords_of_a_user_are_accepted_that_nobody_has_used_before(stack: Stack, client: Client) -> None:
    users = stack.settings["users"]
    stack.configure(users=[*users, {"name": "moved", "password": PASSWORD, "previousPassword": BEFORE}])
    stack.up()
    assert [ping(client, "moved", password) for password in (BEFORE, PASSWORD, OTHERS)] == [200, 200, 401]
    stack.configure(users=users)
    stack.up()


def test_a_password_is_made_where_none_is_given(stack: Stack, client: Client) -> None:
    users = [{"name": "ci", "password": PASSWORD}, *REST, {"name": "robot"}]
    stack.configure(users=users)
    stack.up()
    made = stack.outputs()["passwords"]["robot"]
    assert "passwords" in stack.secret_outputs()
    assert ping(client, "robot", made) == 200
    assert stack.preview() == []
    stack.configure(users=[*users[:2], {"name": "robot", "rotation": "2"}])
    stack.up()
    assert (ping(client, "robot", made), ping(client, "robot", stack.outputs()["passwords"]["robot"])) == (401, 200)


def test_a_user_who_is_removed_is_refused_at_the_next_request(stack: Stack, client: Client) -> None:
    made = stack.outputs()["passwords"]["robot"]
    with looping(client, "robot", made) as seen:
        stack.configure(users=[{"name": "ci", "password": PASSWORD}, *REST])
        stack.up()
        assert ping(client, "robot", made) == 401
    assert seen[0] == 200
    assert set(seen[seen.index(401) :]) <= {401, 429}


def test_nobody_gets_in_while_passwords_can_not_be_checked(client: Client) -> None:
    assert ping(client, "ci", PASSWORD) == 200
    run(["docker", "stop", LOGIN])
    try:
        asked = client.send("dev", "GET", "/v2/", Authorization=basic("dev", "not remembered"))
        assert (asked.status, asked.codes) == (503, ["UNAVAILABLE"])
        assert ping(client, "ci", PASSWORD) == 200, "who is remembered is served on"
    finally:
        run(["docker", "start", LOGIN])
    assert ping(client, "dev", "not remembered") == 401


def test_each_request_is_a_line_of_json_without_a_credential(client: Client) -> None:
    client.send("dev", "GET", "/v2/team/app/tags/list?q=marker-in-a-query", Authorization=basic("dev", OTHERS))
    client.send("dev", "GET", "/v2/", Authorization=basic("marker-as-a-name", "x"))
    time.sleep(2)
    lines = [line for line in logs(PROXY).splitlines() if line.startswith("{")]
    entries = [json.loads(line) for line in lines]
    keys = {"time", "address", "user", "repository", "action", "method", "status", "received", "sent", "seconds"}
    assert all(set(entry) == keys for entry in entries)
    [tags] = [entry for entry in entries if entry["repository"] == "team/app"]
    assert (tags["user"], tags["action"], tags["status"]) == ("dev", "pull", 404)
    assert "marker" not in "\n".join(lines)


def test_no_password_is_at_rest(client: Client) -> None:
    assert ping(client, "ci", PASSWORD) == 200
    plain = [text.encode() for text in (PASSWORD, BEFORE, OTHERS)]
    logins = [f"{user}:{text}".encode() for user, text in (("ci", PASSWORD), ("ci", BEFORE), ("dev", OTHERS))]
    wanted = [*plain, *(b64encode(text) for text in logins), *(text.hex().encode() for text in plain)]
    found = list(containers(f"private-registry-{NAME}-"))
    assert len(found) == 3
    for name in found:
        control = f"control of {name}"
        file = "/tmp/control" if name in (PROXY, LOGIN) else "/var/lib/registry/docker/control"  # noqa: S108
        # In a file, and on the stream for errors, where nginx may have had nothing to say yet.
        run(["docker", "exec", name, "sh", "-c", f'echo "$0" | tee {file} > /proc/1/fd/2', control])
        places = places_of(name)
        controls = [place.split()[-1] for place, content in places.items() if control.encode() in content]
        assert controls == ["logs", file[1:]]
        assert not [place for place, content in places.items() if any(text in content for text in wanted)]


def places_of(name: str) -> dict[str, bytes]:
    """Return all that a container has: what Docker tells, what it printed, and its files."""
    places = {"inspect": run(["docker", "inspect", name]).encode(), "logs": logs(name).encode()}
    # Mounts, volumes and memory file systems are no part of an export, but of what the container sees.
    archives = {"export": ["docker", "export", name]}
    for folder in ("/tmp", "/etc/private-registry", "/var/lib/registry"):  # noqa: S108 - the containers' own
        packed = f"busybox tar -chf - {folder} 2>/dev/null || true"
        archives[folder] = ["docker", "exec", name, "sh", "-c", packed]
    for archive, command in archives.items():
        places |= {f"{archive} {file}": content for file, content in files_of(command).items()}
    return places


def files_of(command: list[str]) -> dict[str, bytes]:
    """Return name -> content of the files of an archive that a command prints."""
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    if not archive.strip(b"\0"):
        return {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {
            member.name: tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar
            if member.isfile()
        }


def test_what_is_remembered_and_what_a_token_proves_come_to_an_end(stack: Stack, client: Client) -> None:
    def with_token(token: str) -> int:
        return client.send("", "GET", "/v2/team/app/tags/list", Authorization=f"Bearer {token}").status

    stack.configure(anonymousPull=["public"])
    with stack.altered("short_memory"):
        stack.up()
        token = json.loads(client.send("ci", "GET", "/token", Authorization=basic("ci", PASSWORD)).body)["token"]
        assert with_token(token) == 404
        run(["docker", "stop", LOGIN])
        try:
            assert ping(client, "ci", PASSWORD) == 200
            time.sleep(2)
            assert ping(client, "ci", PASSWORD) == 503, "nobody has used it for so long"
        finally:
            run(["docker", "start", LOGIN])
        time.sleep(2)
        assert with_token(token) == 401
        assert ping(client, "ci", PASSWORD) == 200
