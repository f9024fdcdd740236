"""The text of the configuration files. That nginx and the registry accept it is tested with the real ones, in e2e."""

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import bcrypt
import pytest
import yaml
from jinja2 import UndefinedError

from components.proxy.config import CacheConfig, login_config, nginx_config, workers
from components.proxy.login.htpasswd import Login, bcrypt_hash, htpasswd
from components.registry.config import registry_config
from components.registry_reference import registry_reference
from components.scripts.packed import packed, unpacked
from components.scripts.packing import texts
from components.scripts.script import with_payload
from components.templates import render
from lab.places import PROJECT

SALT = bytes(range(16))


@pytest.mark.parametrize(
    ("domain", "port", "reference"),
    [
        ("registry.example.com", 443, "registry.example.com"),
        ("registry.example.com", 8443, "registry.example.com:8443"),
        ("registry.example.com", 80, "registry.example.com:80"),
        ("10.0.0.2", 443, "10.0.0.2"),
        ("fd00::2", 443, "[fd00::2]"),
        ("fd00::2", 5000, "[fd00::2]:5000"),
    ],
)
def test_the_port_is_left_out_exactly_when_it_is_443(domain: str, port: int, reference: str) -> None:
    assert registry_reference(domain, port) == reference


def test_a_hash_is_the_same_every_time_and_verifies() -> None:
    first = bcrypt_hash("password", SALT, 4)
    assert first == bcrypt_hash("password", SALT, 4)
    assert bcrypt.checkpw(b"password", first.encode())
    assert not bcrypt.checkpw(b"Password", first.encode())
    assert first != bcrypt_hash("password", SALT[::-1], 4)


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-Host", "Authorization"])
def test_no_client_tells_the_registry_who_or_where_it_is(header: str) -> None:
    assert f'proxy_set_header {header} "";' in nginx_config("registry.test", "registry.test", "registry", 5000, {})


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        bcrypt_hash("password", b"short", 4)


def test_users_are_sorted_so_that_their_order_is_no_change() -> None:
    a, b = Login(["1"], "pull", ["*"]), Login(["2", "3"], "push", ["team", "app"])
    wanted = "a:1:pull *\nb:2:push team app\nb~previous:3\n"
    assert htpasswd({"b": b, "a": a}) == htpasswd({"a": a, "b": b}) == wanted


def test_what_everybody_may_pull_stands_beside_the_users() -> None:
    assert htpasswd({}, ["public", "shared/base"]) == "~anonymous:!:pull public shared/base\n"


def test_nginx_streams_uploads_and_blanks_what_a_client_says_of_itself() -> None:
    text = nginx_config("registry.test", "registry.test:8443", "registry-1", 5000, {})
    for line in (
        "server registry-1:5000;",
        "client_max_body_size 0;",
        "proxy_set_header Host registry.test:8443;",
        "proxy_request_buffering off;",
        'proxy_set_header Forwarded "";',
        'proxy_set_header Authorization "";',
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "server_tokens off;",
    ):
        assert line in text


def test_the_registry_has_no_debug_listener_and_a_secret() -> None:
    config = yaml.safe_load(registry_config("ab" * 32, 60))
    assert "debug" not in config["http"]
    assert config["http"]["secret"] == "ab" * 32
    assert config["http"]["relativeurls"] is True


def test_a_template_can_not_use_a_name_that_nobody_gave() -> None:
    with pytest.raises(UndefinedError):
        render("registry/registry.yml.j2", port=5000)


@pytest.mark.parametrize("name", ["../ca.crt", "a b", "$(id)", "", ".hidden"])
def test_a_payload_name_that_a_shell_could_misread_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        with_payload(PROJECT / "components/storage/volume_owner.sh", {name: "text\n"})


@pytest.mark.parametrize("text", ["no line break", "nul\0\n", "a\nEND-OF-PAYLOAD\nrm -rf /\n"])
def test_a_payload_that_could_end_early_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"the content of ca\.crt"):
        with_payload(PROJECT / "components/storage/volume_owner.sh", {"ca.crt": text})


def test_the_packed_scripts_are_those_that_are_there() -> None:
    for text in texts():
        short = packed(text)
        assert len(short) < 0.8 * len(text), "a script has changed: python -m components.scripts.packing"
        assert unpacked(f"before\n{short}") == f"before\n{text}"


def test_a_linter_of_nginx_configurations_finds_nothing(tmp_path: Path) -> None:
    # One run for all of them: the linter takes longer to start than to read.
    for domain, port, cache in product(
        ["registry.example.com", "10.0.0.2", "fd00::2"], [443, 8443], [None, CacheConfig(10, "ab")]
    ):
        file = tmp_path / f"{domain}-{port}-{'bucket' if cache else 'volume'}.conf"
        reference = registry_reference(domain, port)
        file.write_text(nginx_config(domain, reference, "upstream", 5000, {}, layers_on_disk=not cache, cache=cache))
    files = sorted(tmp_path.iterdir())
    assert len(files) == 12
    gixy = Path(sys.executable).with_name("gixy")
    report = subprocess.run([gixy, "--format", "json", *files], capture_output=True, text=True, check=False)
    assert json.loads(report.stdout) == [], report.stdout + report.stderr


@pytest.mark.parametrize(("memory", "expected"), [(32, 1), (64, 1), (128, 3), (256, 8), (512, 16), (1048576, 16)])
def test_the_number_of_workers_follows_the_memory(memory: int, expected: int) -> None:
    count = workers(memory)
    texts = (nginx_config("registry.test", "registry.test", "registry", 5000, {}, count), login_config(count))
    for text in texts:
        assert re.findall(r"^worker_processes (.*);$", text, re.MULTILINE) == [str(expected)]
