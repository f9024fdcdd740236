"""The rules on mocks: what is declared breaks none, and each one finds what breaks it."""

import base64
import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from components import PrivateRegistry
from components.clients import RUNTIMES
from components.scripts.packed import unpacking
from components.scripts.script import with_payload
from components.settings import Settings
from components.storage import STORAGES
from lab.places import PROJECT
from policies import commands, nginx
from policies.rules import (
    ACME,
    CHALLENGE,
    COMPONENT,
    CONTAINER,
    PROOF,
    RULES,
    STORING,
    UNKNOWN,
    WHOLE_RULES,
    Resource,
    Rule,
    Stack,
)
from policies.rules import PROXY as PROXY_TYPE
from policies.rules import REGISTRY as REGISTRY_TYPE
from tests.unit.conftest import BASE, HOST_KEY, LOCAL, SECRET_MARK, VOLUME, Declare, Recorder, mocked
from tests.unit.several import SEVERAL
from tests.unit.storages import EXAMPLES

TRUST, VERIFICATION = "registry-trust", "registry-verification"
USERS_FILE = "registry-proxy-users"
PROXY, REGISTRY = "registry-proxy-container", "private-registry-test-registry"
BASTION = {"host": "10.0.0.1", "user": "jump", "agent": True, "hostKey": HOST_KEY}
SERVER: Mapping[str, Any] = {
    "dockerHost": "ssh://ops@10.0.0.2",
    "dockerHostAccess": {"agent": True, "hostKey": HOST_KEY, "bastion": BASTION},
}
OF_THIS_MACHINE = [name for name, runtime in RUNTIMES.items() if not runtime.is_of_user]
WITH_ALL = [
    {**client, "runtimes": OF_THIS_MACHINE if client.get("local") else list(RUNTIMES)} for client in BASE["clients"]
]
CHANGES: tuple[Mapping[str, Any], ...] = (
    {},
    SERVER,
    {
        "anonymousPull": ["public", "base"],
        "caches": {"docker.io": {"username": "us", "password": "marker"}, "ghcr.io": {}},
        "aliases": ["b.test", "10.0.0.2"],
        "clients": WITH_ALL,
        "images": {"registry": f"registry:3@sha256:{'a' * 64}", "nginx": f"nginx:1.30@sha256:{'a' * 64}"},
    },
    {"clients": [{**BASE["clients"][0], "runtimes": ["system"]}]},
    {"clients": [{**client, "login": "ci"} for client in WITH_ALL]},
    *({"storage": EXAMPLES[kind]} for kind in STORAGES),
    SEVERAL,
)
Break = Callable[[dict[str, Any]], None]


def read(value: Any) -> Any:
    """Return a recorded value with its secrets in the clear, as the engine hands it to a pack."""
    if isinstance(value, dict):
        return read(value["value"]) if SECRET_MARK in value else {key: read(item) for key, item in value.items()}
    return [read(item) for item in value] if isinstance(value, list) else value


def of_another_name(changes: Mapping[str, Any]) -> Recorder:
    """Run a program with a registry that is called hub."""
    settings = Settings.model_validate({**BASE, **changes})
    return mocked(lambda: PrivateRegistry("hub", settings))


def judgeable(recorder: Recorder, name: str = "registry") -> dict[str, Resource]:
    """Return what was declared of a registry of a name, by type and name."""
    found = {}
    for resource in recorder.resources:
        options = recorder.options[resource.type, resource.name]
        found[f"{resource.type} {resource.name}"] = Resource(
            resource.type,
            resource.name,
            read(resource.inputs),
            options.types_above,
            options.protect,
            name,
            server(recorder, (resource.type, resource.name)),
        )
    return found


def server(recorder: Recorder, key: tuple[str, str]) -> str:
    """Return the name of the server that a resource is on, of several."""
    said = {(one.type, one.name): one.inputs.get("server") for one in recorder.resources}
    while key in recorder.options:
        if isinstance(told := said.get(key), dict):
            return str(told["name"])
        key = recorder.options[key].above
    return ""


def judged(resources: Mapping[str, Resource], stack: Stack) -> dict[str, list[str]]:
    """Return rule -> messages."""
    found = {rule.name: [said for one in resources.values() for said in rule.judge(one, stack)] for rule in RULES}
    found |= {rule.name: [said for _, said in rule.judge(list(resources.values()))] for rule in WHOLE_RULES}
    return {name: messages for name, messages in found.items() if messages}


def rule(name: str) -> Rule:
    return next(rule for rule in RULES if rule.name == name)


@pytest.fixture(scope="module", autouse=True)
def parsed_once() -> Iterator[None]:
    """Parse each configuration once: a hundred tests judge the same ones, and a tree of it never changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nginx, "parsed", cache(nginx.parsed))
        yield


@pytest.fixture(scope="module")
def whole(declare: Declare) -> dict[str, Resource]:
    """Everything that can be declared, with the server on another machine behind a bastion."""
    return {found.name: found for found in judgeable(declare(**SERVER)).values()}


@pytest.fixture(scope="module")
def hub() -> dict[str, Resource]:
    """The same of a registry of another name."""
    return {found.name: found for found in judgeable(of_another_name(SERVER), "hub").values()}


@pytest.mark.parametrize("changes", CHANGES)
def test_what_is_declared_breaks_no_rule(declare: Declare, changes: Mapping[str, Any]) -> None:
    assert judged(judgeable(declare(**changes)), Stack("test", (), changes.get("anonymousPull", []))) == {}


@pytest.mark.parametrize("name", ["whole", "hub"])
def test_a_rule_sees_what_it_is_for(name: str, request: pytest.FixtureRequest) -> None:
    """Else nothing would be judged when the program calls something otherwise."""
    resources = request.getfixturevalue(name).values()
    parents = {one.parent.rpartition(":")[2] for one in resources if one.type in commands.TYPES}
    assert {"ReleasedFiles", "Registry", "Proxy", "Login"} == parents
    assert {one.type.rpartition(":")[2] for one in resources} >= {"ClientsTrust", "ClientsVerification"}
    assert [
        one.name for one in resources if one.type == CONTAINER and one.parent == PROXY_TYPE and "ports" in one.inputs
    ]
    carried = {file for one in resources for file in commands.files(one.inputs)}
    assert carried >= {"nginx.conf", "listen.conf", "htpasswd", "config.yml", "server.key"}
    [site] = [files["nginx.conf"] for one in resources if "nginx.conf" in (files := commands.files(one.inputs))]
    assert [*nginx.walk(nginx.parsed("nginx.conf", site), "ssl_protocols")]


def payload(**files: str) -> str:
    script = PROJECT / "components/hosts/files.sh"
    return with_payload(Path(script), {name.replace("_", "."): text for name, text in files.items()})


def sets(key: str, value: Any) -> Break:
    return lambda inputs: inputs.update({key: value})


def says(key: str, old: str, new: str) -> Break:
    """Return what replaces a text that has to be there."""

    def change(inputs: dict[str, Any]) -> None:
        assert old in inputs[key]
        inputs[key] = inputs[key].replace(old, new)

    return change


def adds(key: str, text: str) -> Break:
    return lambda inputs: inputs.update({key: inputs[key] + text})


def packs(text: str) -> str:
    return unpacking(base64.b64encode(gzip.compress(text.encode())).decode())


def says_of_client(**what: Any) -> Break:
    """Return what says something else of the client that is reached over SSH."""

    def change(inputs: dict[str, Any]) -> None:
        assert "10.0.0.7" in inputs["hosts"]
        inputs["hosts"] = {**inputs["hosts"], "10.0.0.7": {**inputs["hosts"]["10.0.0.7"], **what}}

    return change


def connects(bastion: bool = False) -> Break:
    def change(inputs: dict[str, Any]) -> None:
        proxy = {"host": "jump.test", "hostKey": ""} if bastion else None
        inputs["connection"] = {**inputs["connection"], "proxy": proxy} | ({} if bastion else {"hostKey": ""})

    return change


KEY = "-----BEGIN PRIVATE KEY-----\ns3cret-key\n"
HASH = "$2b$10$s3cret"
USERS = "ci:$2b$10$s3cret:push *\n~anonymous:!:pull web\n"
BROKEN: tuple[tuple[str, str, Break, str, str], ...] = (
    ("no-secret-on-clients", TRUST, adds("authorities", KEY), "a private key", "only certificates"),
    ("no-secret-on-clients", TRUST, sets("authorities", "s3cret\n"), "something else than", "only the CA certificates"),
    ("no-secret-on-clients", TRUST, sets("htpasswd", "s3cret"), "the input htpasswd", "certificates"),
    ("no-secret-on-clients", TRUST, says_of_client(password="s3cret"), "the input hosts.password", "certificates"),
    (
        "no-secret-on-clients",
        TRUST,
        says_of_client(bastion={**BASTION, "privateKey": "s3cret"}),
        "the input hosts.bastion.privateKey",
        "certificates",
    ),
    ("no-secret-on-clients", TRUST, sets("passwords", {"ci": "s3cret"}), "the password of ci", "Set login"),
    ("no-secret-on-clients", TRUST, sets("passwordDigests", {"ci": "s3cret"}), "keyed digests", "Seed.fingerprint"),
    ("no-secret-on-clients", TRUST, says_of_client(loginAs=KEY), "a private key", "only certificates"),
    ("no-secret-on-clients", TRUST, sets("passwords", {"ci": HASH}), "a password hash", "the password of its login"),
    ("no-secret-on-clients", TRUST, says_of_client(hostsEntry=f"10.0.0.2/{HASH}"), "password hash", "certificates"),
    ("no-secret-on-clients", TRUST, sets("runtimes", {"docker": packs(HASH)}), "password hash", "only certificates"),
    ("no-secret-on-clients", VERIFICATION, sets("user", "ci"), "a user's", "generated password"),
    ("no-secret-on-clients", VERIFICATION, sets("password", "s3cret"), "a user's", "generated password"),
    ("no-secret-on-clients", VERIFICATION, sets("password", HASH), "a user's", "generated password"),
    ("no-secret-on-clients", VERIFICATION, sets("stdin", "s3cret"), "the input stdin", "only certificates"),
    ("no-secret-on-clients", VERIFICATION, sets("verify", {"docker": [HASH]}), "password hash", "only certificates"),
    ("registry-asks-who", "registry-proxy-site", says("stdin", "auth_request /access;", ""), "/v2/", "auth_request"),
    ("registry-asks-who", "registry-proxy-site", says("stdin", "/access;", "off;"), "= /blob", "auth_request"),
    (
        "registry-asks-who",
        "registry-proxy-site",
        says("stdin", "access.authorize", "access.token"),
        "everything",
        "auth_req",
    ),
    (
        "registry-asks-who",
        "registry-proxy-site",
        says("stdin", "http {", "http { s3cret {"),
        "nginx.conf can't",
        "quote",
    ),
    (
        "modern-tls",
        "registry-proxy-site",
        says("stdin", "http {", "http { } }"),
        "nginx.conf can't be read from",
        "quote",
    ),
    (
        "registry-asks-who",
        "registry-proxy-users",
        sets("stdin", payload(htpasswd=USERS)),
        "web can be pulled",
        "anonymousPull",
    ),
    ("only-nginx-is-published", REGISTRY, sets("ports", [{"internal": 5000.0}]), "the port 5000,", "Publish only"),
    ("only-nginx-is-published", PROXY, sets("ports", [{"internal": 5001}]), "the port 5001", "Publish only"),
    ("only-nginx-is-published", REGISTRY, sets("publishAllPorts", True), "all its ports", "Publish only"),
    ("only-nginx-is-published", REGISTRY, sets("networkMode", "host"), "own network", "internal networks"),
    ("images-by-digest", PROXY, sets("image", "nginx:1.30"), "nginx:1.30 has no digest", "@sha256:DIGEST"),
    (
        "images-by-digest",
        "registry-proxy-site",
        says("create", f"image=sha256:{'a' * 64}", "image=nginx:1"),
        "nginx:1",
        "",
    ),
    ("no-latest", PROXY, sets("image", "r.test:5000/nginx"), "r.test:5000/nginx has", "Set a version"),
    ("no-latest", PROXY, sets("image", f"nginx:latest@sha256:{'a' * 64}"), "nginx:latest@", "Set a version"),
    (
        "modern-tls",
        "registry-proxy-site",
        says("stdin", "ssl_protocols", "ssl_protocols TLSv1.1"),
        "TLSv1.1",
        "ssl_pro",
    ),
    (
        "modern-tls",
        "registry-proxy-site",
        says("stdin", "ssl_protocols", "#"),
        "does not set the TLS versions",
        "ssl_protocols TLSv1.2",
    ),
    (
        "modern-tls",
        "registry-proxy-tls",
        says("stdin", "listen 8443 ssl;", "listen 80;"),
        "listens on 80",
        "Add 'ssl'",
    ),
    ("pinned-host-keys", TRUST, says_of_client(hostKey=""), "the host 10.0.0.7", "Set its hostKey"),
    ("pinned-host-keys", "registry-proxy-tls", connects(), "the host 10.0.0.2", "Set its hostKey"),
    (
        "pinned-host-keys",
        TRUST,
        says_of_client(bastion={"host": "jump.test"}),
        "the bastion jump.test",
        "Set its bastion.hostKey",
    ),
    (
        "pinned-host-keys",
        "registry-proxy-tls",
        connects(bastion=True),
        "the bastion jump.test",
        "Set its bastion.hostKey",
    ),
    (
        "pinned-host-keys",
        "registry-docker-host",
        sets("sshOpts", json.dumps(["-F", "none"])),
        "the server",
        "dockerHost",
    ),
    (
        "private-key-files",
        "registry-proxy-tls",
        says("create", "server.key:0600", "server.key:0644"),
        "mode 0644",
        "0600",
    ),
    ("private-key-files", "registry-proxy-users", says("update", ":0600", ":0640"), "htpasswd is placed", "0600"),
    ("locked-down-containers", PROXY, sets("capabilities", {"drops": ["ALL"], "adds": ["CHOWN"]}), "capabil", "Drop"),
    ("locked-down-containers", PROXY, sets("capabilities", None), "keeps capabilities", "Drop them"),
    ("locked-down-containers", REGISTRY, sets("user", "0:101"), "as root", "UID:GID"),
    ("locked-down-containers", REGISTRY, sets("readOnly", False), "can write", "read_only=True"),
    ("locked-down-containers", REGISTRY, sets("securityOpts", []), "gain privileges", "no-new-privileges:true"),
    ("locked-down-containers", REGISTRY, sets("privileged", True), "is privileged", "Remove privileged"),
    ("no-insecure-registries", TRUST, adds("authorities", "# insecure-registries\n"), "authorities", "certs.d"),
    ("no-insecure-registries", "registry-proxy-tls", adds("stdin", packs("insecure-registry")), "stdin", "certs.d"),
    ("no-insecure-registries", PROXY, sets("command", ["--insecure-registry=x"]), "command", "certs.d"),
)


@pytest.mark.parametrize(("name", "resource", "change", "what", "fix"), BROKEN)
def test_what_breaks_a_rule_is_named_with_its_mend(
    whole: dict[str, Resource], name: str, resource: str, change: Break, what: str, fix: str
) -> None:
    inputs = dict(whole[resource].inputs)
    change(inputs)
    messages = rule(name).judge(replace(whole[resource], inputs=inputs), Stack("test"))
    assert messages
    for message in messages:
        assert message.startswith(f"{resource}: ")
        assert "s3cret" not in message, "a message quotes no content"
    assert any(what in message and fix in message for message in messages), messages


@pytest.mark.parametrize(("name", "resource", "change", "what", "fix"), BROKEN)
def test_a_registry_of_another_name_is_judged_too(
    hub: dict[str, Resource], name: str, resource: str, change: Break, what: str, fix: str
) -> None:
    found = hub[re.sub("^registry-", "hub-", resource).replace("-test-registry", "-test-hub-registry")]
    inputs = dict(found.inputs)
    change(inputs)
    messages = rule(name).judge(replace(found, inputs=inputs), Stack("test"))
    assert any(what in message and fix in message for message in messages), messages


def test_it_is_no_name_that_makes_a_proxy(whole: dict[str, Resource]) -> None:
    published = {**whole[REGISTRY].inputs, "ports": [{"internal": 8443.0}]}
    judge = rule("only-nginx-is-published").judge
    [message] = judge(replace(whole[REGISTRY], name="registry-proxy-container", inputs=published), Stack("test"))
    assert "is not the proxy" in message
    assert judge(replace(whole[PROXY], name="front"), Stack("test")) == []
    elsewhere = replace(whole[PROXY], above=("other:index:Proxy",))
    assert "is not the proxy" in judge(elsewhere, Stack("test"))[0]


def test_port_80_is_for_what_answers_an_authority(whole: dict[str, Resource]) -> None:
    judge = rule("only-nginx-is-published").judge
    above = (REGISTRY_TYPE, ACME, CHALLENGE)
    answers = replace(whole[PROXY], above=above, inputs={**whole[PROXY].inputs, "ports": [{"internal": 8180.0}]})
    assert judge(answers, Stack("test")) == []
    assert "the port 8180" in judge(replace(answers, above=whole[PROXY].above), Stack("test"))[0]
    assert "the port 8443" in judge(replace(whole[PROXY], above=above), Stack("test"))[0]


def test_what_is_for_acme_runs_on_the_server_and_keeps_its_secrets_private(whole: dict[str, Resource]) -> None:
    inputs = {"create": "sh -s -- create file=secrets:0644:1", "stdin": payload(secrets="A=b\n")}
    bundle = Resource(LOCAL, "any", inputs, (REGISTRY_TYPE, ACME))
    assert bundle.is_on_server
    assert "secrets is placed with the mode 0644" in rule("private-key-files").judge(bundle, Stack("test"))[0]


def test_each_rule_is_broken_by_one_of_these_tests() -> None:
    assert {name for name, *_ in BROKEN} | {"protected-data"} == {rule.name for rule in RULES}


def test_no_command_runs_on_a_client(whole: dict[str, Resource]) -> None:
    for above in ((REGISTRY_TYPE,), (REGISTRY_TYPE, f"{COMPONENT}ReleasedFiles"), ()):
        elsewhere = replace(whole[USERS_FILE], above=above)
        [message] = rule("no-secret-on-clients").judge(elsewhere, Stack("test"))
        assert "Declare it below the registry or the proxy" in message


def test_what_is_for_the_server_stays_there(whole: dict[str, Resource]) -> None:
    """Else a command of the server's would be a way to bring a key to a client."""
    connection = {**whole[USERS_FILE].inputs["connection"], "host": "10.0.0.7"}
    moved = replace(whole[USERS_FILE], inputs={**whole[USERS_FILE].inputs, "connection": connection})
    [message] = judged({**whole, USERS_FILE: moved}, Stack("test"))["server-is-one-host"]
    assert message.startswith(
        f"{USERS_FILE}: a command of the server runs on 10.0.0.7, but most others run on 10.0.0.2."
    )
    assert "Set its host to the server" in message
    unknown = replace(moved, inputs={**moved.inputs, "connection": UNKNOWN})
    assert judged({**whole, USERS_FILE: unknown}, Stack("test")) == {}
    outside = judged({**whole, USERS_FILE: replace(moved, registry="")}, Stack("test"))
    assert outside.keys() == {"server-is-one-host"}, "nor is a way outside of a registry"


def test_two_registries_of_one_program_may_have_a_server_each(whole: dict[str, Resource]) -> None:
    other = judgeable(of_another_name({**SERVER, "dockerHost": "ssh://ops@10.0.0.3"}), "hub")
    assert judged({**whole, **other}, Stack("test")) == {}
    key = "command:remote:Command hub-proxy-tls"
    moved = {key: replace(other[key], inputs=whole["registry-proxy-tls"].inputs)}
    [message] = judged({**whole, **other, **moved}, Stack("test"))["server-is-one-host"]
    assert message.startswith(
        "hub-proxy-tls: a command of the server runs on 10.0.0.2, but most others run on 10.0.0.3."
    )


@pytest.fixture(scope="module")
def several(declare: Declare) -> dict[str, Resource]:
    """What is declared of several servers, by name."""
    return {found.name: found for found in judgeable(declare(**SEVERAL)).values()}


def test_what_is_for_one_of_several_servers_stays_there(several: dict[str, Resource]) -> None:
    """A server is another machine for another one: each has the same secrets, but its own connection."""
    users = several["registry-b-proxy-users"]
    assert {one.server for one in several.values()} == {"", "10.0.0.5", "b", "c"}
    moved = replace(users, inputs=several["registry-proxy-users"].inputs)
    [message] = judged({**several, users.name: moved}, Stack("test"))["server-is-one-host"]
    assert message.startswith(
        "registry-b-proxy-users: a command of the server b runs on 10.0.0.5, but most others run on 10.0.0.6."
    )


@pytest.mark.parametrize(
    ("inputs", "rule", "message"),
    [
        ({"address": "10.0.0.5"}, "proof-of-the-server", "asks 10.0.0.5 to prove the server b, which has another"),
        ({"server": "d"}, "proof-of-the-server", "asks 192.0.2.6 to prove the server d"),
        ({"user": "ci"}, "no-secret-on-clients", "a user's password is sent to a client"),
        ({"password": "chosen"}, "no-secret-on-clients", "a user's password is sent to a client"),
        ({"token": "any"}, "no-secret-on-clients", "the input token may be sent to a client"),
    ],
)
def test_a_proof_asks_its_own_server_by_the_user_of_the_stack(
    several: dict[str, Resource], inputs: dict[str, str], rule: str, message: str
) -> None:
    proof = several["registry-b-proof"]
    broken = replace(proof, inputs={**proof.inputs, **inputs})
    [said] = judged({**several, proof.name: broken}, Stack("test"))[rule]
    assert message in said
    unknown = replace(proof, inputs={**proof.inputs, **dict.fromkeys(inputs.keys() - {"token"}, UNKNOWN)})
    assert judged({**several, proof.name: unknown}, Stack("test")) == {}


def test_the_password_of_a_proof_is_a_secret(declare: Declare) -> None:
    proofs = [one for one in declare(**SEVERAL).resources if one.type == PROOF]
    secret = [one.name for one in proofs if one.is_secret("password")]
    assert secret == ["registry-proof", "registry-b-proof", "registry-c-proof"]


@pytest.mark.parametrize("start", [["policies/run"], [sys.executable, "policies"]])
def test_the_pack_starts(start: list[str]) -> None:
    """By itself, and as a language host starts a folder; it then tells the engine its port."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        [*start, "127.0.0.1:1"], cwd=PROJECT, env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, text=True
    ) as pack:
        assert pack.stdout
        port = pack.stdout.readline()
        pack.terminate()
    assert int(port) > 0


def test_what_everybody_may_pull_has_to_be_declared(declare: Declare) -> None:
    resources = judgeable(declare(**CHANGES[2]))
    [message] = judged(resources, Stack("test", (), ["base"]))["registry-asks-who"]
    assert message.startswith("registry-proxy-users: public can be pulled without a login.")
    assert judged(resources, Stack("test", (), None)) == {}, "the setting may be out of reach"


def test_the_data_of_a_stack_for_production_has_to_be_protected(declare: Declare) -> None:
    resources = judgeable(declare())
    [message] = judged(resources, Stack("prod"))["protected-data"]
    assert message.startswith("registry-registry-data: ")
    assert "private-registry:protect" in message
    assert judged(resources, Stack("dev")) == {}
    assert judged(resources, Stack("live", ("live",))).keys() == {"protected-data"}
    assert judged(judgeable(declare(protect=True)), Stack("prod")) == {}


def test_the_volume_of_an_account_may_go() -> None:
    volume = Resource(VOLUME, "registry-certificate-store", {"labels": []}, (REGISTRY_TYPE, ACME))
    assert rule("protected-data").judge(volume, Stack("prod")) == []
    assert rule("protected-data").judge(replace(volume, above=(REGISTRY_TYPE,)), Stack("prod")) != []


def test_what_nobody_knows_may_hold_images_below_the_registry() -> None:
    """A storage may declare what no rule has heard of."""
    unheard = Resource("nfs:index/share:Share", "share", {}, (REGISTRY_TYPE, STORING, f"{COMPONENT}NfsStorage"))
    [message] = judged({"": unheard}, Stack("prod"))["protected-data"]
    assert message.startswith("share: a resource that may hold the images is not protected in the stack prod. Set")
    assert judged({"": replace(unheard, protect=True)}, Stack("prod")) == {}
    assert judged({"": replace(unheard, above=(REGISTRY_TYPE,))}, Stack("prod")) == {}
    unknown = Resource(VOLUME, "any", {"labels": UNKNOWN}, (REGISTRY_TYPE, STORING))
    assert judged({"": unknown}, Stack("prod")) == {}


def test_what_is_below_the_registry_runs_on_the_server(whole: dict[str, Resource]) -> None:
    """However deep, and below a component of whatever name."""
    deep = replace(whole["registry-registry-config"], above=(REGISTRY_TYPE, STORING, f"{COMPONENT}NfsStorage"))
    assert judged({"": deep}, Stack("test")) == {}
    [found] = judged({"": replace(deep, above=(REGISTRY_TYPE,))}, Stack("test"))["no-secret-on-clients"]
    assert "Declare it below the registry or the proxy" in found


def test_what_is_not_known_yet_is_not_judged(whole: dict[str, Resource]) -> None:
    for resource in whole.values():
        for key in resource.inputs:
            hidden = replace(resource, inputs={**resource.inputs, key: UNKNOWN})
            assert judged({"": hidden}, Stack("test")) == {}, f"{resource.name}.{key}"
    for client in (
        UNKNOWN,
        {"hostKey": UNKNOWN, "bastion": UNKNOWN},
        {"hostKey": HOST_KEY, "bastion": {"hostKey": UNKNOWN}},
    ):
        hidden = replace(whole[TRUST], inputs={**whole[TRUST].inputs, "hosts": {"10.0.0.7": client}})
        assert judged({"": hidden}, Stack("test")) == {}
    ports = replace(whole[PROXY], inputs={**whole[PROXY].inputs, "ports": [{"internal": UNKNOWN}]})
    assert judged({"": ports}, Stack("test")) == {}


def test_nginx_is_read_with_its_quotes_and_comments() -> None:
    [http] = nginx.parsed("x", "http { # }\n map $a $b { \"~^{x}$\" 'y;'; }\n server { listen 1; return 200 '{}'; } }")
    assert [directive.words[0] for directive in http.block] == ["map", "server"]
    assert http.block[0].block[0].words == ("~^{x}$", "y;")
    assert http.block[1].values("return") == [("200", "{}")]


@pytest.mark.parametrize("text", ["a { s3cret;", "a; }", "a } b {", "a 's3cret;", "server { a b } }"])
def test_what_nginx_can_not_read_is_not_taken_for_read(text: str) -> None:
    with pytest.raises(nginx.UnreadableError, match=r"^listen\.conf can't be read (from line 1 on|to its end)$"):
        nginx.parsed("listen.conf", text)


def test_no_file_of_this_machine_is_included(tmp_path: Path) -> None:
    (tmp_path / "other.conf").write_text("ssl_protocols TLSv1;")
    [include] = nginx.parsed("nginx.conf", f"include {tmp_path}/other.conf*;")
    assert include.words[0] == "include"
    assert include.block == ()
