"""Marker secrets are planted, and everything that a run leaves or shows is searched for them."""

import base64
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi.automation as auto
import pytest
import yaml

from lab.places import PROJECT
from lab.run import run
from tests.e2e.conftest import settings
from tests.e2e.hosts import Hosts, containers, logs
from tests.e2e.stack import PASSPHRASE, SERVER_FILES, Stack, write_secret
from tests.unit.authority import Pair, issue

PASSWORD, NEXT_PASSWORD = "Marker-Password-4f1c", "Marker-Password-9d2e"
SECRET_PASSWORD = "Marker-Password-77b0"
ROOT = issue("root", authority=True)


def key_line(pem: str) -> str:
    """Return a line of a private key that is in no other key."""
    return pem.splitlines()[2 if len(pem.splitlines()) > 3 else 1]


def find(markers: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Return ``marker in place`` for every marker that is found, as it is, in base64 or in hexadecimal."""
    found = []
    for name, marker in markers.items():
        raw = marker.encode()
        forms = {marker, raw.hex(), base64.b64encode(raw).decode().rstrip("=")}
        found += [f"{name} in {place}" for place, text in places.items() if any(form in text for form in forms)]
    return found


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Collect the command lines of all processes while the body runs."""
    seen: set[str] = set()
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(0.003):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Pair:
    return issue("server", ROOT, ["registry.test"])


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory, server: Pair
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("secrets")
    stack = Stack(folder, "secrets", settings(found_images, client_hosts, "one", "two"))
    for name, text in (("password", PASSWORD), ("next-password", NEXT_PASSWORD), ("server.key", server.key_pem())):
        write_secret(folder / name, text)
    stack.configure(
        deleteData=True,
        users=[{"name": "ci", "passwordFile": "password"}],
        certificate={
            "source": "provided",
            "chain": server.pem,
            "keyFile": "server.key",
            "authority": ROOT.pem,
        },
    )
    stack.set_secret("users[1].name", "ops")
    stack.set_secret("users[1].password", SECRET_PASSWORD)
    yield stack
    stack.destroy()


@pytest.fixture(scope="module")
def markers(client_hosts: Hosts, server: Pair) -> dict[str, str]:
    ssh_key = Path(client_hosts.clients["one"]["privateKeyFile"]).read_text()
    return {
        "a user's password": PASSWORD,
        "the next password": NEXT_PASSWORD,
        "a password from a secret": SECRET_PASSWORD,
        "the server's key": key_line(server.key_pem()),
        "the SSH key": key_line(ssh_key),
        "the passphrase": PASSPHRASE,
    }


def inspected(prefix: str) -> dict[str, str]:
    """Return what Docker shows of a stack's containers and images."""
    places = {}
    for name in containers(prefix):
        places[f"docker inspect {name}"] = run(["docker", "inspect", name])
        places[f"docker logs {name}"] = logs(name)
        image = run(["docker", "inspect", "--format", "{{.Image}}", name])
        places[f"docker history of {name}"] = run(["docker", "history", "--no-trunc", image])
    return places


def places_of(stack: Stack, change: Mapping[str, Any]) -> dict[str, str]:
    """Create a stack, change it, and return all that the runs leave and show."""
    with command_lines() as lines:
        preview = stack.preview_json()
        first = stack.verbose_up()
        stack.configure(**change)
        next_preview = stack.preview_json()
        second = stack.verbose_up()
    assert len(lines) > 20, "the sampler saw the processes"
    assert any("sh -s -- create" in line for line in lines), "the sampler saw a script run"
    assert len(first) > 100_000, "the log is verbose"
    return {
        "the state": stack.state(),
        "the stack's file": (stack.folder / f"Pulumi.{stack.name}.yaml").read_text(),
        "the history": "".join(file.read_text() for file in (stack.folder / "backend").rglob("*.json")),
        "the preview": preview + next_preview,
        "the verbose log of an update": first + second,
        "the command lines": "\n".join(lines),
        "git status": run(["git", "-C", PROJECT, "status", "--porcelain"]),
        **inspected(f"private-registry-{stack.name}"),
    }


def test_a_leaked_marker_is_found(markers: dict[str, str]) -> None:
    for name, marker in markers.items():
        for text in (marker, base64.b64encode(marker.encode()).decode(), marker.encode().hex()):
            assert find({name: marker}, {"a place": f"before {text} after"}) == [f"{name} in a place"]


def test_no_planted_secret_is_anywhere(stack: Stack, markers: dict[str, str]) -> None:
    users = [{"name": "ci", "passwordFile": "next-password"}, stack.settings["users"][1]]
    places = places_of(stack, {"users": users})
    assert "\n".join(find(markers, places)) == ""
    assert not re.search(r"\$2[aby]\$\d\d\$", "".join(places.values())), "no hash either"


def test_a_password_from_a_secret_logs_in(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("one", "docker login -u ops --password-stdin registry.test", SECRET_PASSWORD)
    client_hosts.inside("one", "docker logout registry.test")


FAILURES: list[dict[str, Any]] = [
    {"domain": "localhost"},
    {"users": [{"name": "verification", "password": PASSWORD}]},
    {"users": [{"name": "ci", "password": PASSWORD, "admin": True}]},
    {"users": [{"name": "ci", "password": PASSWORD * 5}]},
    {"users": [{"name": "ci", "password": {PASSWORD: PASSWORD}}]},
    {"httpsPort": "443x"},
    {"serverDirectory": "/proc/version"},
    {"images": {"registry": f"sha256:{'0' * 64}", "nginx": f"sha256:{'0' * 64}"}},
    {"bindAddress": "192.0.2.1"},
    {"limits": {"registryMemory": 1}},
]


@pytest.mark.parametrize("change", FAILURES, ids=lambda change: next(iter(change)))
def test_no_failure_shows_a_secret(stack: Stack, markers: dict[str, str], change: dict[str, Any]) -> None:
    good = dict(stack.settings)
    stack.log = ""
    stack.configure(**change)
    try:
        with pytest.raises(auto.CommandError) as failure:
            stack.up()
    finally:
        stack.settings = good
    assert find(markers, {"the error": str(failure.value), "the output": stack.log}) == []


def test_after_the_failures_an_update_mends_the_rest(stack: Stack) -> None:
    stack.up()
    assert stack.preview() == []


KEY_PASSPHRASE, LOGIN_PASSWORD = "Marker-Key-Passphrase-c2", "Marker-Login-Password-e8"


@pytest.fixture
def drawn(found_images: dict[str, str], client_hosts: Hosts, tmp_path: Path) -> Iterator[Stack]:
    """A stack with an authority of its own, and clients that are reached by a passphrase and by a password."""
    stack = Stack(tmp_path, "drawn", settings(found_images, client_hosts, "one", "two"))
    one, two = map(dict, stack.settings["clients"])
    key = tmp_path / "key"
    shutil.copy(one["privateKeyFile"], key)
    run(["ssh-keygen", "-q", "-p", "-P", "", "-N", KEY_PASSPHRASE, "-f", key])
    for name, text in (("passphrase", KEY_PASSPHRASE), ("login", LOGIN_PASSWORD)):
        write_secret(tmp_path / name, text)
    client_hosts.inside("two", "chpasswd", f"ops:{LOGIN_PASSWORD}")
    one |= {"privateKeyFile": "key", "privateKeyPasswordFile": "passphrase"}
    two |= {"passwordFile": "login"}
    del two["privateKeyFile"]
    stack.configure(deleteData=True, clients=[one, two], httpsPort=8443)
    yield stack
    stack.destroy()


def test_no_secret_that_the_stack_draws_itself_is_anywhere(drawn: Stack) -> None:
    places = places_of(drawn, {"certificate": {"authorities": ["next", "1"]}})
    markers = {"the SSH key's passphrase": KEY_PASSPHRASE, "a login's password": LOGIN_PASSWORD}
    for name, pem in drawn.private_keys().items():
        markers[f"the key {name}"] = key_line(pem)
    assert len(markers) == 6, "two authorities, the server, the seed"
    config = (SERVER_FILES / "drawn/registry/config/current/config.yml").read_text()
    markers["the registry's http.secret"] = str(yaml.safe_load(config)["http"]["secret"])
    assert "\n".join(find(markers, places)) == ""
