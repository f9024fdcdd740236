"""No value from the configuration breaks out of a shell line, a here-document, an nginx directive or a line."""

import json
import re
import shlex
import subprocess
import unicodedata
from typing import Any

from hypothesis import assume, given
from hypothesis import settings as how
from hypothesis import strategies as st

from components.proxy.config import nginx_config
from components.proxy.login.htpasswd import Login, htpasswd
from components.scripts.script import START, read_payload, read_words, with_payload, words
from components.settings import InvalidSettings, Settings, load
from lab.places import PROJECT
from tests.unit.conftest import BASE, HOST_KEY

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
HOSTILE = st.one_of(
    TEXT,
    st.from_regex(r"[a-z0-9.-]{0,8}[;{}\"'$`\\#\n\t |&<>()*]{1,3}[a-z0-9.-]{0,8}", fullmatch=True),
    st.sampled_from(
        ["a\n", "a;", "$(id)", "`id`", "a b", "a\tb", "../..", "-rf", "a#b", "a'b", 'a"b', "ａ", "a\u2028b"]
    ),
)
SAFE = re.compile(r"[A-Za-z0-9_./:\[\]-]*")
SSH_USER = re.compile(r"\w[\w.@+$\\-]*", re.ASCII)
"""Never in a shell but quoted; ssh takes none with another sign."""


def accepted(**changes: Any) -> Settings | None:
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in {**BASE, **changes}.items()}
    try:
        return load(config.get, {}, PROJECT, "test")
    except InvalidSettings:
        return None


@how(max_examples=60)
@given(key=st.sampled_from(["domain", "aliases", "bindAddress", "serverDirectory"]), value=HOSTILE)
def test_a_text_that_is_accepted_means_nothing_to_a_shell_or_to_nginx(key: str, value: str) -> None:
    settings = accepted(**{key: [value] if key == "aliases" else value})
    if settings:
        for text in (
            *(settings.domain, settings.reference, settings.server_directory),
            *(address for entry in settings.each_server for address in entry.bind_address),
            *(name for names in settings.aliases_known_as.items() for name in names),
        ):
            assert SAFE.fullmatch(text), repr(text)
        config = nginx_config(
            settings.domain, settings.reference, "upstream", 5000, {}, aliases=settings.aliases_known_as
        )
        assert len(config.splitlines()) == len(
            nginx_config("registry.test", "registry.test", "upstream", 5000, {}).splitlines()
        )


@given(user=HOSTILE, host=HOSTILE)
def test_a_docker_host_that_is_accepted_means_nothing_to_a_shell_or_to_ssh(user: str, host: str) -> None:
    access = {"agent": True, "hostKey": HOST_KEY}
    for url in (f"ssh://{host}", f"ssh://{user}@h", f"ssh://h{host}"):
        settings = accepted(dockerHost=url, dockerHostAccess=access)
        if settings and (docker_host := settings.each_server[0].docker_host):
            found, login, _ = docker_host
            assert SAFE.fullmatch(found), repr(found)
            assert not found.startswith("-")
            assert SSH_USER.fullmatch(login), repr(login)


@how(max_examples=30)
@given(key=st.sampled_from(["name", "address"]), value=HOSTILE)
def test_a_server_of_the_list_means_nothing_to_a_shell(key: str, value: str) -> None:
    settings = accepted(servers=[{key: value}])
    if settings:
        [entry] = settings.each_server
        assert SAFE.fullmatch(entry.said), repr(entry.said)
        assert not entry.said.startswith("-")


@given(value=HOSTILE)
def test_a_client_that_is_accepted_means_nothing_to_a_shell(value: str) -> None:
    client = BASE["clients"][0]
    for key in ("host", "user", "hostsEntry"):
        settings = accepted(clients=[{**client, key: value}])
        if settings:
            [found] = settings.clients
            assert SSH_USER.fullmatch(found.user), repr(found.user)
            for text in (found.host, *(found.hosts_entry or ())):
                assert SAFE.fullmatch(text), repr(text)


@given(name=HOSTILE)
def test_a_user_is_one_line_of_the_users_file(name: str) -> None:
    settings = accepted(users=[{"name": name, "password": "x"}])
    if settings:
        [line] = htpasswd({settings.users[0].name: Login(["hash"], "pull", ["*"])}).split("\n")[:-1]
        assert line.split(":") == [unicodedata.normalize("NFC", name), "hash", "pull *"]
        assert not re.search(r"[\s~\x00-\x1f]", settings.users[0].name), "nginx's and our own marks"


@given(values=st.dictionaries(st.sampled_from(["directory", "marker", "entry"]), HOSTILE.filter(bool)))
def test_an_argument_is_one_word_and_read_as_such(values: dict[str, str]) -> None:
    assert read_words(f"{START}{words(**values)}") == list(values.items())
    assert shlex.split(words(**values)) == [f"{key}={value}" for key, value in values.items()]


@how(max_examples=40)
@given(content=st.one_of(HOSTILE, st.lists(HOSTILE, max_size=4).map("\n".join)))
def test_a_payload_comes_out_of_a_real_shell_as_it_went_in(content: str) -> None:
    try:
        script = with_payload(PROJECT / "tests/unit/data/print-payload.sh", {"file": f"{content}\n"})
    except ValueError:
        assume(False)
    printed = subprocess.run(["sh", "-s"], input=script.encode(), capture_output=True, check=True).stdout
    assert printed == f"{content}\n".encode()
    assert read_payload(script) == {"file": f"{content}\n"}
