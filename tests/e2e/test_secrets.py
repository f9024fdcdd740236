"""Marker secrets are planted, and everything that a run leaves or shows is searched for them.

Costs 12 updates and 5 previews, and two hosts.
"""

import base64
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import images, servers
from lab.places import PROJECT
from lab.run import run
from tests.acme import KEY, KEY_ID, authority, dns_provider
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import Hosts, containers, logs
from tests.e2e.stack import A_HASH, PASSPHRASE, SERVER_FILES, Stack, write_secret
from tests.unit.authority import Pair, issue

PASSWORD, NEXT_PASSWORD = "Marker-Password-4f1c", "Marker-Password-9d2e"
SECRET_PASSWORD = "Marker-Password-77b0"
ROOT = issue("root", authority=True, ends=1000)
SIGNER = issue("intermediate", ROOT, authority=True, ends=1000)
SIGNING = {"source": "signing-authority", "chain": SIGNER.pem, "keyFile": "authority.key", "authority": ROOT.pem}


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
        looks: Counter[str] = Counter()
        while not stop.wait(0.003):
            running = {name for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208 - far faster
            looks = Counter({name: looks[name] + 1 for name in running})
            # A process becomes another program soon after its start, or seldom.
            for name in (name for name, count in looks.items() if count <= 20 or count % 50 == 0):
                try:
                    seen.add(Path("/proc", name, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
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
    with Stack(folder, "secrets", settings(found_images, client_hosts, "one", "two")) as stack:
        secrets = {"password": PASSWORD, "next-password": NEXT_PASSWORD}
        secrets |= {"server.key": server.key_pem(), "authority.key": SIGNER.key_pem()}
        for name, text in secrets.items():
            write_secret(folder / name, text)
        stack.configure(
            deleteData=True,
            users=[{"name": "ci", "passwordFile": "password"}],
            clientDefaults={"login": "ci"},
            certificate={
                "source": "provided",
                "chain": server.pem,
                "keyFile": "server.key",
                "authority": ROOT.pem,
            },
        )
        stack.set_secret("users[1].name", "ops")
        stack.set_secret("users[1].password", SECRET_PASSWORD)
        # So many that their hashes are kept.
        stack.settings["users"] += [{"name": f"more-{number}", "passwordFile": "password"} for number in range(4)]
        yield stack


@pytest.fixture(scope="module")
def markers(client_hosts: Hosts, server: Pair) -> dict[str, str]:
    ssh_key = Path(client_hosts.clients["one"]["privateKeyFile"]).read_text()
    return {
        "a user's password": PASSWORD,
        "the next password": NEXT_PASSWORD,
        "a password from a secret": SECRET_PASSWORD,
        "the server's key": key_line(server.key_pem()),
        "the signing authority's key": key_line(SIGNER.key_pem()),
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


def for_all(folder: Path) -> str:
    """Return what is in the files below a folder that others may read."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.stat().st_mode & 0o077]
    return "".join(file.read_text(errors="replace") for file in files)


def places_of(stack: Stack, change: Callable[[], None]) -> dict[str, str]:
    """Create a stack, change it, and return all that the runs leave and show."""
    with command_lines() as lines:
        preview = stack.preview_json()
        first = stack.verbose_up()
        change()
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
        "the server's files for all": for_all(SERVER_FILES / stack.name),
        "git status": run(["git", "-C", PROJECT, "status", "--porcelain"]),
        **inspected(f"private-registry-{stack.name}"),
    }


def test_a_leaked_marker_is_found(markers: dict[str, str]) -> None:
    for name, marker in markers.items():
        for text in (marker, base64.b64encode(marker.encode()).decode(), marker.encode().hex()):
            assert find({name: marker}, {"a place": f"before {text} after"}) == [f"{name} in a place"]


def test_no_planted_secret_is_anywhere(stack: Stack, client_hosts: Hosts, markers: dict[str, str]) -> None:
    users = [{"name": "ci", "passwordFile": "next-password"}, *stack.settings["users"][1:]]
    places = places_of(stack, lambda: stack.configure(users=users, certificate=SIGNING))
    assert "signing-authority" in places["the state"], "the change came to the state"
    assert "\n".join(find(markers, places)) == ""
    assert not A_HASH.search("".join(places.values())), "no hash either"
    login = base64.b64encode(f"ci:{NEXT_PASSWORD}".encode()).decode()
    assert login in client_hosts.inside("one", "cat /root/.docker/config.json"), "the client has the new one"
    assert "\n".join(find({"the login of the clients": login}, places)) == ""


def test_a_password_from_a_secret_logs_in(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("one", "docker login -u ops --password-stdin registry.test", SECRET_PASSWORD)
    client_hosts.inside("one", "docker logout registry.test")


FAILURES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "mistakes": (
        {
            "domain": "localhost",
            "users": [
                {"name": "verification", "password": PASSWORD},
                {"name": "ci", "password": PASSWORD, "admin": True},
                {"name": "long", "password": PASSWORD * 5},
                {"name": "nested", "password": {PASSWORD: PASSWORD}},
            ],
            "limits": {"registryMemory": 1},
        },
        (
            "domain",
            "users[0].name",
            "users[1].admin",
            "users[2].password",
            "users[3].password",
            "limits.registryMemory",
        ),
    ),
    "other chain": (
        {"certificate": {**SIGNING, "chain": ROOT.pem}},
        ("the key does not belong to the chain's first certificate",),
    ),
    "broken key": (
        {
            "certificate": {
                "source": "signing-authority",
                "chain": SIGNER.pem,
                "key": SIGNER.key_pem().replace("M", "?", 1),
            }
        },
        ("certificate.key",),
    ),
    "type": ({"httpsPort": "443x"}, ("httpsPort",)),
    "folder": ({"serverDirectory": "/proc/version"}, ("/proc/version",)),
    "images": (
        {"images": {"registry": f"sha256:{'0' * 64}", "nginx": f"sha256:{'0' * 64}"}},
        ("No such image: sha256:000",),
    ),
    "address": ({"bindAddress": "192.0.2.1"}, ("could not listen on 192.0.2.1",)),
}
"""Name -> settings that fail, and what each of their errors says."""


@pytest.mark.parametrize("name", FAILURES)
def test_no_failure_shows_a_secret(stack: Stack, markers: dict[str, str], name: str) -> None:
    change, expected = FAILURES[name]
    good = dict(stack.settings)
    stack.configure(**change)
    try:
        said = stack.fails()
    finally:
        stack.settings = good
    assert [text for text in expected if text not in said] == []
    assert find(markers, {"what it printed": said}) == []


def test_after_the_failures_an_update_mends_the_rest(stack: Stack) -> None:
    stack.up()
    assert stack.preview() == []


KEY_PASSPHRASE, LOGIN_PASSWORD = "Marker-Key-Passphrase-c2", "Marker-Login-Password-e8"
DNS_TOKEN = "Marker-DNS-Token-5a"


@pytest.fixture
def by_acme(client_hosts: Hosts, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The setting of a certificate by ACME, of a bound account, proven by a record."""
    client_hosts.start("one")
    programs = servers.PEBBLE.ensure()
    with authority(programs, tmp_path, NETWORK.gateway) as known, dns_provider(known, DNS_TOKEN) as provider:
        write_secret(tmp_path / "variables.yaml", yaml.safe_dump(provider.pop("dnsVariables")))
        given = {**known.settings, **provider, "dnsVariablesFile": "variables.yaml", "profile": "default"}
        yield {**given, "externalAccountKeyId": KEY_ID, "externalAccountKey": KEY}


@pytest.fixture
def drawn(found_images: dict[str, str], client_hosts: Hosts, tmp_path: Path) -> Iterator[Stack]:
    """A stack with authorities of its own, and clients that are reached by a passphrase and by a password."""
    with Stack(tmp_path, "drawn", settings(found_images, client_hosts, "one", "two")) as stack:
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
        given = {name: found_images[name] for name in ("registry", "nginx")} | {"lego": images.lego()}
        certificate = {"authorities": ["next", "1"]}
        stack.configure(deleteData=True, clients=[one, two], httpsPort=8443, images=given, certificate=certificate)
        yield stack


def keys_of_lego() -> dict[str, str]:
    """Return the keys that lego has made: path in its volume -> PEM. None else may read them."""
    volume = Path(run(["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", "private-registry-drawn-acme"]))
    found = {str(file.relative_to(volume)): file for file in volume.rglob("*.key")}
    assert {path: file.stat().st_mode & 0o077 for path, file in found.items()} == dict.fromkeys(found, 0)
    return {path: file.read_text() for path, file in found.items()}


def test_no_secret_that_the_stack_draws_or_an_authority_gives_is_anywhere(
    drawn: Stack, by_acme: dict[str, Any]
) -> None:
    keys: dict[str, str] = {}
    # Encrypted here already: the program that does so has it on its command line.
    drawn.settings["certificate"], own = by_acme, drawn.settings["certificate"]
    drawn.set_secret("certificate.externalAccountKey", KEY)
    encrypted, drawn.settings["certificate"] = drawn.settings["certificate"], own

    def change() -> None:
        keys.update(drawn.private_keys())
        trusted = encrypted["authority"] + drawn.outputs()["ca_certificate"]
        drawn.configure(certificate={**encrypted, "authority": trusted})

    places = places_of(drawn, change)
    assert len(keys) == 4, "two authorities, the server, the seed"
    keys |= (of_lego := keys_of_lego())
    assert len(set(of_lego.values())) == 2, "the account, the server"
    markers = {f"the key {name}": key_line(pem) for name, pem in keys.items()}
    markers |= {"the SSH key's passphrase": KEY_PASSPHRASE, "a login's password": LOGIN_PASSWORD}
    markers |= {"the bound key": KEY, "a DNS provider's token": DNS_TOKEN}
    assert " lego --path " in places["the command lines"], "the sampler saw lego run"
    secrets = SERVER_FILES / "drawn/acme/renewal/current/secrets"
    assert find(markers, {"here": secrets.read_text()}) == ["the bound key in here", "a DNS provider's token in here"]
    config = (SERVER_FILES / "drawn/registry/config/current/config.yml").read_text()
    markers["the registry's http.secret"] = str(yaml.safe_load(config)["http"]["secret"])
    assert "\n".join(find(markers, places)) == ""
