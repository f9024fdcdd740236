"""Each mistake is refused, with a message that names the key and never shows a secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from settings import InvalidSettings, Settings, load
from tests.unit.conftest import BASE, DIGEST, HOST_KEY, SSH_KEY

CLIENT = {"host": "h", "privateKey": SSH_KEY, "hostKey": HOST_KEY}
WITHOUT_KEY = {"host": "h", "hostKey": HOST_KEY}
AGENT = {"agent": True, "hostKey": HOST_KEY}
RUBBISH_KEY = SSH_KEY[:60] + "rubbish" + SSH_KEY[67:]


def encrypted(form: PrivateFormat) -> str:
    """Return a private key with a passphrase."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"right")).decode()


ENCRYPTED_KEY, PKCS8_KEY = encrypted(PrivateFormat.OpenSSH), encrypted(PrivateFormat.PKCS8)


def read(config: dict[str, Any], project: Path = Path()) -> Settings:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return load(texts.get, {f"private-registry:{key}": "" for key in texts}, project, "test")


def message(**changes: Any) -> str:
    config = {key: value for key, value in {**BASE, **changes}.items() if value is not None}
    with pytest.raises(InvalidSettings) as refused:
        read(config)
    return str(refused.value)


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
    ({"domain": 'a";}'}, "private-registry:domain", "DNS name"),
    ({"httpsPort": 0}, "private-registry:httpsPort", "greater than or equal to 1"),
    ({"httpsPort": 65536}, "private-registry:httpsPort", "65535"),
    ({"httpsPort": "https"}, "private-registry:httpsPort", "valid integer"),
    ({"httpsPort": 443.5}, "private-registry:httpsPort", "valid integer"),
    ({"bindAddress": "eth0"}, "private-registry:bindAddress", "IP address"),
    ({"serverDirectory": "relative"}, "private-registry:serverDirectory", "match pattern"),
    ({"serverDirectory": "/a b"}, "private-registry:serverDirectory", "match pattern"),
    ({"users": [{"name": "a", "password": "x", "rotation": "2"}]}, "users[0]", "rotation makes no sense"),
    ({"users": [{"name": "a", "access": "delete"}]}, "users[0].access", "'pull', 'push' or 'admin'"),
    ({"users": [{"name": "a", "repositories": ["Team/"]}]}, "users[0].repositories[0]", "stands for all below it"),
    ({"users": [{"name": "a", "repositories": []}]}, "users[0].repositories", "at least 1"),
    ({"anonymousPull": ["a b"]}, "private-registry:anonymousPull[0]", "'*' for all there are"),
    ({"users": [{"name": "a", "password": "x", "passwordFile": "y"}]}, "users[0].passwordFile", "there is no file"),
    ({"users": [{"name": "a:b", "password": "x"}]}, "private-registry:users[0].name", "match pattern"),
    ({"users": [{"name": "verification", "password": "x"}]}, "users[0].name", "the stack's own user"),
    ({"users": [{"name": "a", "password": ""}]}, "users[0].password", "empty"),
    ({"users": [{"name": "a", "password": "x" * 73}]}, "users[0].password", "72 bytes"),
    ({"users": [{"name": "a", "password": "x\ny"}]}, "users[0].password", "line breaks"),
    ({"users": [{"name": "a", "password": "$2y$10$short"}]}, "users[0].password", "bcrypt"),
    ({"users": [{"name": "a", "password": "$2y$20$" + "a" * 53}]}, "users[0].password", "cost"),
    ({"users": [{"name": "a", "password": "x"}] * 2}, "private-registry", "users: a stands more than once"),
    ({"users": {"a": "x"}}, "private-registry:users", "valid tuple"),
    (
        {"users": [{"name": "a", "pasword": "x"}]},
        "users[0].pasword",
        "allowed are access, name, password",
    ),
    ({"clients": [{"host": "h"}]}, "private-registry:clients[0]", "privateKeyFile"),
    ({"clients": [{**CLIENT, "hostKey": None}]}, "private-registry:clients[0]", "ssh-keyscan"),
    ({"clients": [{**CLIENT, "hostKey": "AAAA"}]}, "clients[0].hostKey", "public host key"),
    ({"clients": [{**CLIENT, "privateKey": "x"}]}, "clients[0].privateKey", "OpenSSH or PEM"),
    ({"clients": [{**CLIENT, "host": "a b"}]}, "clients[0].host", "DNS name"),
    ({"clients": [{**CLIENT, "port": 0}]}, "clients[0].port", "greater than"),
    ({"clients": [{**CLIENT, "user": "a b"}]}, "clients[0].user", "match pattern"),
    ({"clients": [{**CLIENT, "hostsEntry": "h"}]}, "clients[0].hostsEntry", "IP address"),
    ({"clients": [CLIENT, CLIENT]}, "private-registry", "clients: h stands more than once"),
    ({"clientsFile": "missing.yaml"}, "private-registry:clientsFile", "there is no file"),
    ({"images": {"registry": f"sha256:{DIGEST}"}}, "private-registry", "images.nginx is missing"),
    ({"images": {"registry": "registry:3", "nginx": "nginx:latest"}}, "images.nginx", "must be pinned"),
    ({"certificate": {"authorities": []}}, "certificate.authorities", "at least 1"),
    ({"certificate": {"authorities": ["a", "a"]}}, "certificate", "stands more than once"),
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
    ({"clients": [{**CLIENT, "hostKey": HOST_KEY[:-9]}]}, "clients[0].hostKey", "whole public host key"),
    ({"clients": [{**CLIENT, "privateKey": ENCRYPTED_KEY}]}, "clients[0]", "give it as privateKeyPassword"),
    (
        {"clients": [{**CLIENT, "privateKey": ENCRYPTED_KEY, "privateKeyPassword": "wrong"}]},
        "clients[0]",
        "privateKeyPassword does not open",
    ),
    ({"clients": [{**CLIENT, "privateKeyPassword": "x"}]}, "clients[0]", "take privateKeyPassword out"),
    ({"clients": [{**CLIENT, "privateKey": PKCS8_KEY}]}, "clients[0].privateKey", "must be in OpenSSH form"),
    ({"clients": [{**CLIENT, "privateKey": RUBBISH_KEY}]}, "clients[0]", "the private key can't be read"),
    ({"clients": [{**CLIENT, "password": "x"}]}, "clients[0]", "exactly one of privateKey"),
    ({"clients": [{**CLIENT, "agent": True}]}, "clients[0]", "exactly one of privateKey"),
    (
        {"clients": [{**WITHOUT_KEY, "password": "x", "privateKeyPassword": "x"}]},
        "clients[0]",
        "makes no sense without privateKey",
    ),
    ({"clients": [{**WITHOUT_KEY, "password": ""}]}, "clients[0].password", "must not be empty"),
    ({"clients": [{**CLIENT, "bastion": {"host": "b"}}]}, "clients[0].bastion", "exactly one of privateKey"),
    ({"clients": [{**CLIENT, "bastion": {**CLIENT, "hostKey": None}}]}, "clients[0].bastion", "needs hostKey"),
    ({"dockerHost": "ssh://h"}, "private-registry", "dockerHost and dockerHostAccess go together"),
    ({"dockerHostAccess": AGENT}, "private-registry", "dockerHost and dockerHostAccess go together"),
    *(
        ({"dockerHost": url, "dockerHostAccess": AGENT}, "private-registry:dockerHost", "ssh://[USER@]HOST[:PORT]")
        for url in ("tcp://h:2375", "ssh://", "ssh://h/path", "ssh://u:secret@h", "ssh://h:99999", "ssh://[::1", "h")
    ),
    (
        {"dockerHost": "ssh://h", "dockerHostAccess": {"hostKey": HOST_KEY, "password": "x"}},
        "private-registry:dockerHostAccess",
        "reached by the program ssh",
    ),
    (
        {"dockerHost": "ssh://h", "dockerHostAccess": {**AGENT, "bastion": CLIENT}},
        "private-registry:dockerHostAccess",
        "bastion.privateKeyFile without a passphrase",
    ),
]


@pytest.mark.parametrize(("changes", "key", "reason"), MISTAKES, ids=lambda part: str(part)[:40])
def test_a_mistake_is_named(changes: dict[str, Any], key: str, reason: str) -> None:
    text = message(**changes)
    assert key in text
    assert reason in text
    assert "pulumi config" in text, "the message says how to mend it"
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
        [{"name": 5, "password": "marker"}],
        [{"name": "a", "password": "marker", "passwordFile": "/nowhere"}],
    ],
    ids=str,
)
def test_no_message_shows_a_secret(users: list[Any]) -> None:
    assert "marker" not in message(users=users)


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
    assert "mend it in the file that private-registry:clientsFile names" in str(refused.value)


def test_an_empty_text_is_no_setting() -> None:
    settings = read({**BASE, "clientsFile": "", "serverDirectory": "", "dockerHost": "", "dockerHostAccess": {}})
    assert settings.directory.startswith("/")
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
    with pytest.raises(InvalidSettings, match=rf"{key}\n.*may be read by everybody .*chmod 600 {file}"):
        read({**BASE, **changes[key]}, tmp_path)


def test_a_key_with_a_passphrase_is_opened_by_it() -> None:
    client = {**CLIENT, "privateKey": ENCRYPTED_KEY, "privateKeyPassword": "right"}
    [found] = read({**BASE, "clients": [client]}).clients
    assert found.ssh_key_password == "right"


def test_the_server_on_another_machine_keeps_its_files_where_root_does() -> None:
    settings = read({**BASE, "serverDirectory": "", "dockerHost": "ssh://ops@h:2222", "dockerHostAccess": AGENT})
    assert settings.docker_host == ("h", "ops", 2222)
    assert settings.directory == "/var/lib/private-registry"
    assert settings.container_user == "10001:10001"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clients.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSettings, match=r"can't read .*clients\.yaml: UnicodeDecodeError"):
        read({**BASE, "clientsFile": "clients.yaml"}, tmp_path)
