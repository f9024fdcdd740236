"""Each mistake is refused, with a message that names the key and never shows a secret."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from components.instance import Instance
from components.server import Server
from components.settings import InvalidSettings, ServerEntry, Settings, load
from components.settings.certificates import SelfSigned
from components.settings.documented import documented
from tests.unit.authority import as_openssh, issue, rsa_key
from tests.unit.conftest import BASE, DIGEST, HOST_KEY, SSH_KEY
from tests.unit.storages import BUCKET

BCRYPT = "$2y$05$" + "a" * 53
OTHER_HASHES = (
    "$apr1$jW6nTsjm$U2sQ5z8v1gS6x3nrFgbG1/",
    "{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=",
    "$5$salt$pnZKvIkEd8oLvr2AIbdFyMj9oKYK7e4r8P6K5yV6xY0",
    "$6$salt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq",
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$Rdescudvt",
    "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
)
CLIENT = {"host": "h", "privateKey": SSH_KEY, "hostKey": HOST_KEY}
WITHOUT_KEY = {"host": "h", "hostKey": HOST_KEY}
AGENT = {"agent": True, "hostKey": HOST_KEY}
SERVER: dict[str, Any] = {"dockerHost": "ssh://h", "dockerHostAccess": AGENT}
TWO: dict[str, Any] = {
    "storage": BUCKET,
    "servers": [{**SERVER, "dockerHost": "ssh://10.0.0.5"}, {"name": "b", "address": "10.0.0.6"}],
}
FLOATING = {
    **TWO,
    "floatingAddress": "10.0.0.9",
    "images": {**BASE["images"], "keepalived": f"sha256:{'c' * 64}"},
}
ROOT = issue("root", authority=True)
RUBBISH_KEY = SSH_KEY[:60] + "rubbish" + SSH_KEY[67:]


def public(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """Return the public half as OpenSSH writes it."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


OTHER_KEY = public(Ed25519PrivateKey.generate())
ECDSA_KEY = public(ec.generate_private_key(ec.SECP256R1()))
RSA_KEY = public(rsa_key())
ENCRYPTED_KEY, PKCS8_KEY = as_openssh(Ed25519PrivateKey.generate(), b"right"), ROOT.key_pem(b"right")


def read(config: dict[str, Any], project: Path = Path()) -> Settings:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return load(texts.get, {f"private-registry:{key}": "" for key in texts}, project, "test")


def message(**changes: Any) -> str:
    config = {key: value for key, value in {**BASE, **changes}.items() if value is not None}
    with pytest.raises(InvalidSettings) as refused:
        read(config)
    return str(refused.value)


MISTAKES_OF_SERVERS: list[tuple[list[dict[str, Any]], str, str]] = [
    ([{"dockerHost": "ssh://h"}], "servers[0]", "dockerHost and dockerHostAccess must be set together"),
    ([{**SERVER, "dockerHost": "h"}], "servers[0].dockerHost", "ssh://[USER@]HOST[:PORT]"),
    ([{**SERVER, "dockerHostAccess": {}}], "servers[0].dockerHostAccess", "exactly one of privateKey"),
    ([{**SERVER, "address": "h:443"}], 'servers[0].address = "h:443"', "without a scheme or a port"),
    ([{**SERVER, "bindAddress": "eth0"}], "servers[0].bindAddress", "IP address"),
    ([{**SERVER, "dockerhost": "h"}], "servers[0].dockerhost", "did you mean dockerHost?"),
    *(
        ([{**SERVER, "name": name}], "servers[0].name", "a-z, 0-9 and '-'")
        for name in ("B", "-b", "b-", "b.c", "b" * 33, "")
    ),
    ([{**SERVER, "name": True}], "servers[0].name", "without quotes YAML reads"),
    ([{**SERVER, "name": "my-proxy"}], "servers[0].name", "must not contain the word proxy"),
    ([SERVER, {}], "private-registry", "set name of servers[0] or servers[1]"),
    (
        [{"name": "a"}, {"name": "b"}],
        "private-registry",
        "servers[0] and servers[1] are the same machine, the control machine",
    ),
    (
        [SERVER, {**SERVER, "name": "b", "dockerHost": "ssh://ops@h"}],
        "private-registry",
        "servers[0] and servers[1] are the same machine, h, port 22 for SSH; list each only once",
    ),
    (
        [{**SERVER, "name": "b"}, {**SERVER, "name": "b", "dockerHost": "ssh://i"}],
        "private-registry",
        "servers[0] and servers[1] are both called b; give one of them another name",
    ),
    (
        [SERVER, {**SERVER, "name": "h", "dockerHost": "ssh://i"}],
        "private-registry",
        "servers[0] and servers[1] are both called h",
    ),
    (
        [SERVER, {**SERVER, "name": "b", "dockerHost": "ssh://h:2222"}],
        "private-registry",
        "servers[0] and servers[1] are both reached at h; set address of one of them",
    ),
    ([SERVER, {"name": "b"}], "private-registry", "servers[1]: set address to where clients reach this server"),
]
MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"domain": None}, "private-registry:domain", "is missing"),
    ({"domain": "https://registry.test"}, "private-registry:domain", "without a scheme or a port"),
    ({"domain": "registry.test:443"}, "private-registry:domain", "without a scheme or a port"),
    ({"domain": "Registry.test"}, "private-registry:domain", "lower case"),
    ({"domain": "-a.test"}, "private-registry:domain", "DNS name"),
    ({"domain": "a" * 64 + ".test"}, "private-registry:domain", "DNS name"),
    ({"domain": "a." * 130 + "test"}, "private-registry:domain", "253"),
    ({"domain": "registry.1"}, "private-registry:domain", "can't end in a number"),
    ({"domain": "localhost"}, "private-registry:domain", "loopback"),
    ({"domain": "127.0.0.1"}, "private-registry:domain", "loopback"),
    ({"domain": "registry"}, "private-registry", "would push registry/team/app to Docker Hub"),
    ({"domain": "docker.io"}, "private-registry", "to Docker Hub"),
    ({"domain": "index.docker.io"}, "private-registry", "to Docker Hub"),
    ({"domain": 'a";}'}, "private-registry:domain", "DNS name"),
    ({"httpsPort": 0}, "private-registry:httpsPort", "greater than or equal to 1"),
    ({"httpsPort": 65536}, "private-registry:httpsPort", "65535"),
    ({"httpsPort": "https"}, "private-registry:httpsPort", "valid integer"),
    ({"httpsPort": 443.5}, "private-registry:httpsPort", "valid integer"),
    ({"bindAddress": "eth0"}, "private-registry:bindAddress", "IP address"),
    ({"bindAddress": ["10.0.0.2", "eth0"]}, "private-registry:bindAddress", "IP address"),
    ({"bindAddress": ["10.0.0.2", "0.0.0.0"]}, "private-registry:bindAddress", "0.0.0.0 means all of IPv4"),  # noqa: S104
    ({"bindAddress": [f"10.0.0.{number}" for number in range(9)]}, "private-registry:bindAddress", "8 addresses"),
    ({"bindAddress": ["::", "0:0::0"]}, "private-registry:bindAddress", ":: means all of IPv6"),
    ({"proxyProtocol": "10.0.0.9"}, "private-registry:proxyProtocol", "tuple"),
    ({"proxyProtocol": ["balancer.test"]}, "private-registry:proxyProtocol[0]", "a network such as 10.0.0.0/24"),
    ({"proxyProtocol": ["10.0.0.9/24"]}, "private-registry:proxyProtocol[0]", "no bit behind the prefix"),
    ({"proxyProtocol": ["fe80::1%eth0"]}, "private-registry:proxyProtocol[0]", "an IP address"),
    ({"proxyProtocol": ["::/0"]}, "private-registry:proxyProtocol[0]", "must not be all addresses"),
    ({"serverDirectory": "relative"}, "private-registry:serverDirectory", "match pattern"),
    ({"serverDirectory": "/a b"}, "private-registry:serverDirectory", "match pattern"),
    (
        {"users": [{"name": "a", "password": "x", "rotation": "2"}]},
        "users[0]",
        "rotation works only with a generated password",
    ),
    ({"users": [{"name": "a", "access": "delete"}]}, "users[0].access", "'pull', 'push' or 'admin'"),
    ({"users": [{"name": "a", "repositories": ["Team/"]}]}, "users[0].repositories[0]", "includes all below it"),
    ({"users": [{"name": "a", "repositories": []}]}, "users[0].repositories", "at least 1"),
    ({"anonymousPull": ["a b"]}, "private-registry:anonymousPull[0]", "'*' for all repositories"),
    ({"users": [{"name": "a", "password": "x", "passwordFile": "y"}]}, "users[0].passwordFile", "there is no file"),
    ({"users": [{"name": "a:b", "password": "x"}]}, "private-registry:users[0].name", "without spaces, ':' and '~'"),
    ({"users": [{"name": "a b", "password": "x"}]}, "users[0].name", "without spaces"),
    ({"users": [{"name": "a~previous", "password": "x"}]}, "users[0].name", "':' and '~'"),
    ({"users": [{"name": "#a", "password": "x"}]}, "users[0].name", "must not start with '#'"),
    ({"users": [{"name": "<token>", "password": "x"}]}, "users[0].name", "uses it for a token"),
    ({"users": [{"name": True, "password": "x"}]}, "users[0].name", "without quotes YAML reads"),
    ({"users": [{"name": "a", "password": 123}]}, "users[0].password", "removes leading zeros"),
    ({"users": [{"name": "a", "password": f"b:{BCRYPT}"}]}, "users[0].password", "no line of this user"),
    ({"users": [{"name": "a", "password": f"b:{BCRYPT}\nc:{BCRYPT}\n"}]}, "users[0].password", "no line of this user"),
    ({"users": [{"name": "a", "password": f"a:{BCRYPT}\na:{BCRYPT[:-1]}."}]}, "users[0].password", "several lines"),
    (
        {"users": [{"name": "a", "previousPassword": f"b:{BCRYPT}"}]},
        "users[0].previousPassword",
        "no line of this user",
    ),
    *(
        ({"users": [{"name": "a", key: given}]}, f"users[0].{key}", "only bcrypt hashes are accepted")
        for key in ("password", "previousPassword")
        for hashed in OTHER_HASHES
        for given in (hashed, f"a:{hashed}", f"a:{hashed}\n\n")
    ),
    ({"users": [{"name": "a", "password": BCRYPT.upper()}]}, "users[0].password", "looks like a bcrypt"),
    ({"users": [{"name": "a", "password": "a:rqXexS6ZhobKA"}]}, "users[0].password", "only bcrypt hashes are accepted"),
    (
        {"users": [{"name": "a", "password": BCRYPT.replace("$2y$", "$2x$")}]},
        "users[0].password",
        "looks like a bcrypt",
    ),
    ({"users": [{"name": "verification", "password": "x"}]}, "users[0].name", "the user of the stack itself"),
    ({"users": [{"name": "a", "password": ""}]}, "users[0].password", "empty"),
    ({"users": [{"name": "a", "password": "x" * 73}]}, "users[0].password", "72 bytes"),
    ({"users": [{"name": "a", "password": "x\ny"}]}, "users[0].password", "line breaks"),
    ({"users": [{"name": "a", "password": "$2y$10$short"}]}, "users[0].password", "bcrypt"),
    ({"users": [{"name": "a", "password": "$2y$20$" + "a" * 53}]}, "users[0].password", "cost"),
    ({"users": [{"name": "a", "password": "x"}] * 2}, "private-registry", "users: a is listed more than once"),
    ({"users": {"a": "x"}}, "private-registry:users", "valid tuple"),
    (
        {"users": [{"name": "a", "pasword": "x"}]},
        "users[0].pasword",
        "allowed are access, name, password",
    ),
    ({"clients": [{"host": "h"}]}, "private-registry:clients[0]", "privateKeyFile"),
    (
        {"clients": [{**CLIENT, "hostKey": None}]},
        "private-registry:clients[0]",
        "ssh_host_ed25519_key.pub' on the host",
    ),
    ({"clients": [{**CLIENT, "hostKey": "AAAA"}]}, "clients[0].hostKey", "must be the type and the key"),
    (
        {"clients": [{**CLIENT, "hostKey": "# h:22 SSH-2.0-OpenSSH_9.2"}]},
        "clients[0].hostKey",
        "must be the type and the key",
    ),
    (
        {"clients": [{**CLIENT, "hostKey": f"@revoked h {HOST_KEY}"}]},
        "clients[0].hostKey",
        "must be the type and the key",
    ),
    ({"clients": [{**CLIENT, "hostKey": f"h {HOST_KEY}\ni {HOST_KEY}"}]}, "clients[0].hostKey", "of several hosts"),
    (
        {"clients": [{**CLIENT, "hostKey": f"{HOST_KEY}\n{OTHER_KEY}"}]},
        "clients[0].hostKey",
        "contains 2 keys of the type",
    ),
    ({"clients": [{**CLIENT, "hostKey": RSA_KEY}]}, "clients[0].hostKey", "which OpenSSH refuses"),
    (
        {"clients": [{**CLIENT, "hostKey": "256 SHA256:b+V9UYz h (ED25519)"}]},
        "clients[0].hostKey",
        "must be the type and the key",
    ),
    *(
        ({"clients": [{**CLIENT, "user": user}]}, "clients[0].user", "that OpenSSH accepts")
        for user in ("-oProxyCommand=x", "a;b", "$(id)", "a'b", "a:b", "a/b", "dom\\", "", "a\nb", "ü")
    ),
    ({"clients": [{**CLIENT, "privateKey": "x"}]}, "clients[0].privateKey", "OpenSSH or PEM"),
    ({"clients": [{**CLIENT, "host": "a b"}]}, "clients[0].host", "DNS name"),
    *(
        ({"clients": [{**CLIENT, "runtimes": both}]}, "clients[0]", f"it would share files with {both[1]}. Set user")
        for both in (["podman-rootless", "podman"], ["docker-rootless", "docker"], ["buildkit-rootless", "docker-snap"])
    ),
    *(
        (
            {"clients": [{"host": "h", "local": True, "runtimes": both}]},
            "clients[0]",
            f"share files with {both[0]}. Remove",
        )
        for both in (["podman", "podman-rootless"], ["buildkit", "buildkit-rootless"])
    ),
    ({"clients": [{**CLIENT, "port": 0}]}, "clients[0].port", "greater than"),
    ({"clients": [{**CLIENT, "user": "a b"}]}, "clients[0].user", "that OpenSSH accepts"),
    ({"clients": [{**CLIENT, "hostsEntry": "h"}]}, "clients[0].hostsEntry", "IP address"),
    ({"clients": [{**CLIENT, "hostsEntry": ["10.0.0.2", "h"]}]}, "clients[0].hostsEntry", "IP address"),
    ({"clients": [{**CLIENT, "hostsEntry": []}]}, "clients[0].hostsEntry", "at least one address"),
    ({"clients": [{**CLIENT, "hostsEntry": ["::1", "0::1"]}]}, "clients[0].hostsEntry", "an address twice"),
    ({"clients": [{**CLIENT, "hostsEntry": "fe80::1%a,b"}]}, "clients[0].hostsEntry", "a hosts file can have"),
    ({"clients": [CLIENT, CLIENT]}, "private-registry", "clients: h is listed more than once"),
    ({"clientsFile": "missing.yaml"}, "private-registry:clientsFile", "there is no file"),
    ({"images": {"registry": f"sha256:{DIGEST}"}}, "private-registry", "images.nginx is missing"),
    ({"images": {"registry": "registry:3", "nginx": "nginx:latest"}}, "images.nginx", "must be pinned"),
    ({"certificate": {"authorities": []}}, "certificate.authorities", "at least 1"),
    ({"certificate": {"authorities": ["a", "a"]}}, "certificate", "is listed more than once"),
    ({"certificate": {"validityDays": 400, "authorityValidityDays": 400}}, "certificate", "outlive"),
    ({"certificate": {"renewalDays": 365}}, "certificate", "renewalDays"),
    ({"certificate": {"validityDays": 5000}}, "certificate.validityDays", "825"),
    ({"limits": {"registryMemory": 1}}, "limits.registryMemory", "64"),
    ({"deleteData": "maybe"}, "private-registry:deleteData", "valid boolean"),
    ({"htpsPort": 443}, "private-registry:htpsPort", "did you mean httpsPort?"),
    ({"users": [{"name": "a", "pasword": "x"}]}, "users[0].pasword", "did you mean password?"),
    ({"colour": "blue"}, "private-registry:colour", "is not known here; allowed are"),
    ({"domain": "ex_ample.bücher"}, "private-registry:domain", "not a valid international DNS name"),
    ({"domain": "Bücher.example"}, "private-registry:domain", "not a valid international DNS name"),
    ({"clients": [{**CLIENT, "hostKey": HOST_KEY[:-9]}]}, "clients[0].hostKey", "must be a complete public host key"),
    ({"clients": [{**CLIENT, "privateKey": ENCRYPTED_KEY}]}, "clients[0]", "set privateKeyPassword"),
    (
        {"clients": [{**CLIENT, "privateKey": ENCRYPTED_KEY, "privateKeyPassword": "wrong"}]},
        "clients[0]",
        "privateKeyPassword does not open",
    ),
    ({"clients": [{**CLIENT, "privateKeyPassword": "x"}]}, "clients[0]", "remove privateKeyPassword"),
    ({"clients": [{**CLIENT, "privateKey": PKCS8_KEY}]}, "clients[0].privateKey", "must be in OpenSSH form"),
    ({"clients": [{**CLIENT, "privateKey": RUBBISH_KEY}]}, "clients[0]", "the private key can't be read"),
    ({"clients": [{**CLIENT, "password": "x"}]}, "clients[0]", "exactly one of privateKey"),
    ({"clients": [{**CLIENT, "agent": True}]}, "clients[0]", "exactly one of privateKey"),
    (
        {"clients": [{**WITHOUT_KEY, "password": "x", "privateKeyPassword": "x"}]},
        "clients[0]",
        "cannot be used without privateKey",
    ),
    ({"clients": [{**WITHOUT_KEY, "password": ""}]}, "clients[0].password", "must not be empty"),
    ({"clients": [{**CLIENT, "bastion": {"host": "b"}}]}, "clients[0].bastion", "exactly one of privateKey"),
    ({"clients": [{**CLIENT, "bastion": {**CLIENT, "hostKey": None}}]}, "clients[0].bastion", "needs hostKey"),
    ({"dockerHost": "ssh://h"}, "private-registry", "dockerHost and dockerHostAccess must be set together"),
    ({"dockerHostAccess": AGENT}, "private-registry", "dockerHost and dockerHostAccess must be set together"),
    *(
        ({"dockerHost": url, "dockerHostAccess": AGENT}, "private-registry:dockerHost", "ssh://[USER@]HOST[:PORT]")
        for url in ("tcp://h:2375", "ssh://", "ssh://h/path", "ssh://u:secret@h", "ssh://h:99999", "ssh://[::1", "h")
    ),
    (
        {"dockerHost": "ssh://h", "dockerHostAccess": {"hostKey": HOST_KEY, "password": "x"}},
        "private-registry:dockerHostAccess",
        "does not support password, privateKey",
    ),
    (
        {"dockerHost": "ssh://h", "dockerHostAccess": {**AGENT, "bastion": CLIENT}},
        "private-registry:dockerHostAccess",
        "bastion.privateKeyFile (a key without a passphrase)",
    ),
    *(({"servers": servers, "storage": BUCKET}, key, reason) for servers, key, reason in MISTAKES_OF_SERVERS),
    ({"floatingAddress": "10.0.0.9/24"}, "private-registry:floatingAddress", "must be an IP address"),
    *(
        ({"floatingAddress": address}, "private-registry:floatingAddress", "at which clients reach a server")
        for address in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "fe80::1", "::")  # noqa: S104 - settings
    ),
    ({"floatingAddress": "10.0.0.9"}, "private-registry", "floatingAddress needs more than one server"),
    ({**TWO, "floatingAddress": "10.0.0.9"}, "private-registry", "floatingAddress needs images.keepalived"),
    *(
        ({**FLOATING, "servers": [TWO["servers"][0], {"name": "b", **server}]}, "private-registry", reason)
        for server, reason in (
            ({"address": "b.test"}, "servers[1]: b.test cannot take turns"),
            ({"address": "fd00::1"}, "set address to another IPv4 address"),
            ({"address": "10.0.0.9"}, "servers[1]: 10.0.0.9 cannot take turns"),
            ({"address": "10.0.0.6", "bindAddress": "10.0.0.6"}, "bindAddress must contain floatingAddress 10.0.0.9"),
            ({"address": "10.0.0.6", "bindAddress": "10.0.0.9"}, "and an address that the server always has"),
            ({"address": "10.0.0.6", "bindAddress": "::"}, "bindAddress must contain floatingAddress 10.0.0.9"),
        )
    ),
    ({"servers": [{}], **SERVER}, "private-registry", "cannot be used with dockerHost, dockerHostAccess: move what"),
    ({"servers": [{}], "bindAddress": "10.0.0.2"}, "private-registry", "servers cannot be used with bindAddress"),
    (
        {"servers": [SERVER, {"name": "b", "address": "10.0.0.2"}]},
        "private-registry",
        "more than one server needs storage.type: s3",
    ),
]


@pytest.mark.parametrize(("changes", "key", "reason"), MISTAKES, ids=lambda part: str(part)[:40])
def test_a_mistake_is_named(changes: dict[str, Any], key: str, reason: str) -> None:
    text = message(**changes)
    assert key in text
    assert reason in text
    assert "pulumi config" in text, "the message says how to fix it"
    assert "nothing was created or changed" in text


def test_all_mistakes_are_in_one_message() -> None:
    text = message(domain="localhost", httpsPort=0, users=[{"name": "a:b"}], colour="blue")
    assert "has 4 mistakes" in text
    for key in ("domain", "httpsPort", "users[0]", "colour"):
        assert f"private-registry:{key}" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"users": '[{"name": "a", "password": "marker"'},
        {"users": ["marker"]},
        {"dockerHostAccess": "marker"},
        {"dockerHost": "ssh://u:marker@h", "dockerHostAccess": AGENT},
        {"servers": ["marker"]},
        {"servers": [{"dockerHost": "ssh://u:marker@h", "dockerHostAccess": AGENT}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_no_message_shows_a_text_that_may_hold_a_secret(changes: dict[str, Any]) -> None:
    assert "marker" not in message(**changes)


def test_no_message_shows_the_content_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SSH_KEY)
    with pytest.raises(InvalidSettings) as refused:
        read({**BASE, "clientsFile": "key"}, tmp_path)
    assert SSH_KEY.splitlines()[1] not in str(refused.value)


@pytest.mark.parametrize(
    "users",
    [
        [{"name": "a", "password": "marker" * 20}],
        [{"name": "a", "password": ["marker"]}],
        [{"name": "a", "password": {"marker": 1}}],
        [{"name": "a b", "password": "marker"}],
        [{"name": "a", "previousPassword": "marker" * 20}],
        [{"name": "a", "password": "marker:$apr1$marker$marker"}],
        [{"name": "a", "password": "$apr1$marker$marker"}],
        [{"name": "a", "password": "marker", "passwordFile": "/nowhere"}],
    ],
    ids=str,
)
def test_no_message_shows_a_secret(users: list[Any]) -> None:
    assert "marker" not in message(users=users)


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("password", "x", lambda both: {"users": [{"name": "a", **both}]}),
        ("previousPassword", "x", lambda both: {"users": [{"name": "a", "password": "y", **both}]}),
        ("privateKey", SSH_KEY, lambda both: {"clients": [{**WITHOUT_KEY, **both}]}),
        ("privateKeyPassword", "right", lambda both: {"clients": [{**CLIENT, "privateKey": ENCRYPTED_KEY, **both}]}),
        ("password", "x", lambda both: {"clients": [{**CLIENT, "bastion": {**WITHOUT_KEY, "user": "b", **both}}]}),
        ("chain", ROOT.pem, lambda both: {"certificate": {"source": "provided", **both}}),
        ("key", ROOT.key_pem(), lambda both: {"certificate": {"source": "provided", **both}}),
        ("authority", ROOT.pem, lambda both: {"certificate": both}),
    ],
    ids=lambda part: part if isinstance(part, str) and len(part) < 20 else "",
)
def test_a_text_stands_in_the_settings_or_in_a_file(
    tmp_path: Path, key: str, value: str, place: Callable[[dict[str, str]], dict[str, Any]]
) -> None:
    (tmp_path / "file").touch(0o600)
    (tmp_path / "file").write_text(value)
    with pytest.raises(InvalidSettings) as refused:
        read({**BASE, **place({key: value, f"{key}File": "file"})}, tmp_path)
    assert f"has both {key} and {key}File; remove one of them" in str(refused.value)
    assert "has 1 mistake" in str(refused.value)


def test_files_are_relative_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n")
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "clients.yaml").write_text(json.dumps([CLIENT]))
    settings = read(
        {**BASE, "users": [{"name": "a", "passwordFile": "password"}], "clientsFile": "clients.yaml"}, tmp_path
    )
    secret = settings.users[0].secret
    assert secret
    assert secret.get_secret_value() == "from a file"
    assert [client.host for client in settings.all_clients] == ["10.0.0.7", "build.example.com", "h"]


def test_a_mistake_in_a_file_points_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "clients.yaml").write_text(json.dumps([{**CLIENT, "port": 0}]))
    with pytest.raises(InvalidSettings, match=r"clientsFile\[0\]\.port = 0") as refused:
        read({**BASE, "clientsFile": "clients.yaml"}, tmp_path)
    assert "fix it in the file of private-registry:clientsFile" in str(refused.value)


def test_an_empty_text_is_no_setting() -> None:
    settings = read({**BASE, "clientsFile": "", "serverDirectory": "", "dockerHost": "", "dockerHostAccess": {}})
    assert Server(settings, settings.each_server[0], Instance("registry")).root_directory.startswith("/")
    assert settings.clients_file == ()


def test_a_name_in_another_script_becomes_punycode() -> None:
    settings = read({**BASE, "domain": "bücher.example"})
    assert settings.domain == "xn--bcher-kva.example"


@pytest.mark.parametrize("key", ["passwordFile", "keyFile", "privateKeyFile"])
def test_a_secret_file_that_everybody_may_read_is_refused(tmp_path: Path, key: str) -> None:
    file = tmp_path / "secret"
    file.write_text(SSH_KEY)
    file.chmod(0o644)
    changes: dict[str, dict[str, Any]] = {
        "passwordFile": {"users": [{"name": "a", "passwordFile": "secret"}]},
        "keyFile": {"certificate": {"source": "provided", "keyFile": "secret"}},
        "privateKeyFile": {"clients": [{**WITHOUT_KEY, "privateKeyFile": "secret"}]},
    }
    with pytest.raises(InvalidSettings, match=rf"{key}\n.*every user .*can read.*chmod 600 {file}"):
        read({**BASE, **changes[key]}, tmp_path)


def test_a_key_with_a_passphrase_is_opened_by_it() -> None:
    client = {**CLIENT, "privateKey": ENCRYPTED_KEY, "privateKeyPassword": "right"}
    [found] = read({**BASE, "clients": [client]}).clients
    assert found.ssh_key_password == "right"


def test_the_server_on_another_machine_keeps_its_files_where_root_does() -> None:
    settings = read({**BASE, "serverDirectory": "", "dockerHost": "ssh://ops@h:2222", "dockerHostAccess": AGENT})
    [entry] = settings.each_server
    assert entry.docker_host == ("h", "ops", 2222)
    assert Server(settings, entry, Instance("registry")).root_directory == "/var/lib/private-registry"
    assert Server(settings, entry, Instance("registry")).user == "10001:10001"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clients.yaml").write_bytes(b"\xfe\xfe")
    with pytest.raises(InvalidSettings, match=r"can't read .*clients\.yaml: UnicodeDecodeError"):
        read({**BASE, "clientsFile": "clients.yaml"}, tmp_path)


HOST_KEYS = {
    "a key file": f"{HOST_KEY} root@host\n",
    "ssh-keyscan": f"h {HOST_KEY}",
    "ssh-keyscan of all": f"# h:22 SSH-2.0-OpenSSH_9.2\nh {ECDSA_KEY}\n# h:22\nh {HOST_KEY}\nh {RSA_KEY}\n",
    "with a port": f"[h]:2222 {HOST_KEY}",
    "with an address": f"h,10.0.0.7 {HOST_KEY}",
    "hashed": f"|1|FG8Ww/0BLHyFsUh4Nq2U1i3nrvM=|6tM0oHkuMbzZ7S3Zk9AJHXcPxJw= {HOST_KEY}",
    "twice": f"{HOST_KEY}\n{HOST_KEY} comment\n",
    "tabulators": HOST_KEY.replace(" ", "\t"),
}


@pytest.mark.parametrize("given", HOST_KEYS.values(), ids=HOST_KEYS)
def test_a_host_key_is_taken_as_programs_print_it(given: str) -> None:
    [client] = read({**BASE, "clients": [{**CLIENT, "hostKey": given}]}).clients
    assert client.host_key == HOST_KEY


def test_the_best_of_a_hosts_keys_is_compared() -> None:
    [client] = read({**BASE, "clients": [{**CLIENT, "hostKey": f"h {RSA_KEY}\nh {ECDSA_KEY}"}]}).clients
    assert client.host_key == ECDSA_KEY


@pytest.mark.parametrize("user", ["svc.deploy", "Ops", "robot$", "CORP\\ops", "ops@example.com", "_ci", "10023", 10023])
def test_an_ssh_user_is_what_openssh_takes(user: object) -> None:
    [client] = read({**BASE, "clients": [{**CLIENT, "user": user}]}).clients
    assert client.user == str(user)


def test_a_docker_host_takes_such_a_user_too() -> None:
    for url, user in (("ssh://svc.deploy@h", "svc.deploy"), ("ssh://ops%40example.com@h", "ops@example.com")):
        [found] = read({**BASE, "dockerHost": url, "dockerHostAccess": AGENT}).each_server
        assert found.docker_host
        assert found.docker_host.user == user


def test_one_server_is_the_same_in_the_list_and_out_of_it() -> None:
    cases: list[dict[str, Any]] = [{}, {**SERVER, "bindAddress": ["10.0.0.2"]}]
    for alone in cases:
        assert read({**BASE, "servers": [alone]}).each_server == read({**BASE, **alone}).each_server


@pytest.mark.parametrize("bound", [None, "0.0.0.0", ["10.0.0.9", "10.0.0.6"], ["10.0.0.9", "127.0.0.1"]])  # noqa: S104
def test_a_floating_address_is_where_nginx_listens(bound: Any) -> None:
    second = {"name": "b", "address": "10.0.0.6", **({} if bound is None else {"bindAddress": bound})}
    settings = read({**BASE, **FLOATING, "servers": [TWO["servers"][0], second]})
    assert (settings.floating_address, settings.keepalived_image) == ("10.0.0.9", f"sha256:{'c' * 64}")


def test_servers_are_called_by_name_and_reached_where_they_say(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/ops").touch(0o600)
    (tmp_path / "keys/ops").write_text(SSH_KEY)
    example = yaml.safe_load(documented(ServerEntry).example)["private-registry:servers"]
    servers = [*example, {"name": 3, "address": "registry-3.test"}]
    changes: dict[str, Any] = {"storage": BUCKET, "servers": servers}
    found = read(dict(BASE, **changes), tmp_path).each_server
    assert [entry.said for entry in found] == ["10.0.0.5", "b", "3"]
    assert [entry.reached_at for entry in found] == ["10.0.0.5", "192.0.2.6", "registry-3.test"]
    assert [entry.reached_at for entry in read({**BASE}).each_server] == ["127.0.0.1"]


NAMES = {"robot$ci": "robot$ci", "a@b": "a@b", "CORP\\ci": "CORP\\ci", "-x": "-x", "José": "José", 10023: "10023"}


@pytest.mark.parametrize(("name", "logs_in_as"), [*NAMES.items(), ("Jose\u0301", "José")], ids=map(str, range(7)))
def test_a_user_name_is_what_docker_takes(name: object, logs_in_as: str) -> None:
    [user] = read({**BASE, "users": [{"name": name, "password": "x"}]}).users
    assert user.name == logs_in_as


def test_whole_numbers_are_names_too() -> None:
    """``pulumi config set --path`` stores them as numbers."""
    certificate = {"authorities": [2026, "2027"], "rotation": 7}
    users = [{"name": 1, "rotation": 2, "repositories": [2026]}]
    settings = read({**BASE, "certificate": certificate, "users": users, "anonymousPull": [2026]})
    assert isinstance(settings.certificate, SelfSigned)
    assert settings.certificate.authorities == ("2026", "2027")
    assert settings.certificate.rotation == "7"
    assert (settings.users[0].rotation, settings.users[0].repositories) == ("2", ("2026",))
    assert settings.anonymous_pull == ("2026",)


HASHES = {
    "the hash": BCRYPT,
    "blanks around": f" {BCRYPT} \n",
    "a line": f"ci:{BCRYPT}",
    "as htpasswd -nB prints it": f"ci:{BCRYPT}\n\n",
    "DOS line breaks": f"ci:{BCRYPT}\r\n",
    "each $ twice, as a compose file wants it": f"ci:{BCRYPT}".replace("$", "$$"),
    "in quotes": f'"ci:{BCRYPT}"',
    "a blank after the colon": f"ci: {BCRYPT}",
    "a comment above": f"# made by hand\nci:{BCRYPT}\n",
    "a whole htpasswd file": f"dev:{OTHER_HASHES[0]}\nci:{BCRYPT}\nops:{BCRYPT}\n",
}


@pytest.mark.parametrize("given", HASHES.values(), ids=HASHES)
@pytest.mark.parametrize("key", ["password", "previousPassword"])
@pytest.mark.parametrize("as_file", [False, True], ids=["text", "file"])
def test_what_htpasswd_prints_is_a_hash(tmp_path: Path, given: str, key: str, as_file: bool) -> None:
    user = {"name": "ci", key: given}
    if as_file:
        (tmp_path / "file").write_text(given)
        (tmp_path / "file").chmod(0o600)
        user = {"name": "ci", f"{key}File": "file"}
    [found] = read({**BASE, "users": [user]}, tmp_path).users
    secret = found.secret or found.previous_secret
    assert secret
    assert secret.get_secret_value() == BCRYPT


@pytest.mark.parametrize(
    "password", ["ci:secret", "$ecret$1", "a$6$b", "{x}y", "$2million", "x:y:z", "rqXexS6ZhobKA", " x "]
)
def test_what_only_looks_a_little_like_a_hash_is_a_password(password: str) -> None:
    [user] = read({**BASE, "users": [{"name": "ci", "password": password}]}).users
    assert user.secret
    assert user.secret.get_secret_value() == password


def test_a_name_without_a_dot_needs_a_port() -> None:
    assert read({**BASE, "domain": "registry", "httpsPort": 5000}).reference == "registry:5000"


@pytest.fixture
def not_root() -> Iterator[None]:
    """Be a user who may not read what root keeps."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    yield
    os.seteuid(before)


FILES = {
    "closed/key": "Permission denied",
    "unreadable": "Permission denied",
    "folder": "is not a file but a folder",
    "loop": "Too many levels of symbolic links",
    "x" * 300: "File name too long",
    "file/below": "there is no file",
    "a\0b": "must be a file name",
    "pipe": "is not a file",
}


@pytest.mark.parametrize(
    "key",
    ["keyFile", "chainFile", "clientsFile", "imagesFile", "passwordFile", "privateKeyFile", "privateKeyPasswordFile"],
)
@pytest.mark.usefixtures("not_root")
def test_a_file_that_can_not_be_read_is_named(key: str) -> None:
    # pytest's own folders are root's alone.
    project = Path(tempfile.mkdtemp())
    for name in ("closed", "folder"):
        (project / name).mkdir()
    for name in ("closed/key", "unreadable", "file"):
        (project / name).write_text("x")
    (project / "loop").symlink_to("loop")
    os.mkfifo(project / "pipe", 0o600)
    for name in ("closed", "unreadable"):
        (project / name).chmod(0)
    places: dict[str, Callable[[str], Any]] = {
        "keyFile": lambda file: {"certificate": {"source": "provided", "keyFile": file}},
        "chainFile": lambda file: {"certificate": {"source": "provided", "chainFile": file}},
        "passwordFile": lambda file: {"users": [{"name": "a", "passwordFile": file}]},
        "privateKeyFile": lambda file: {"clients": [{**WITHOUT_KEY, "privateKeyFile": file}]},
        "privateKeyPasswordFile": lambda file: {"clients": [{**CLIENT, "privateKeyPasswordFile": file}]},
    }
    for file, reason in FILES.items():
        changes = places[key](file) if key in places else {key: file}
        with pytest.raises(InvalidSettings) as refused:
            read({**BASE, **changes}, project)
        assert reason in str(refused.value), file
        assert f"  private-registry:{key}" in str(refused.value) or f".{key}\n" in str(refused.value)
    (project / "closed").chmod(0o700)
    shutil.rmtree(project)
