"""The rules on mocks: what is declared breaks none, and each one finds what breaks it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import PrivateRegistry
from lab.places import PROJECT
from policies import nginx
from policies.rules import RULES, UNKNOWN, WHOLE_RULES, Resource, Rule, Stack
from rendering.script import with_payload
from settings import Settings
from tests.unit.conftest import BASE, HOST_KEY, SECRET_MARK, Monitor, Recorder, event_loop

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
TRUST, VERIFICATION = "registry-trust-10.0.0.7", "registry-verification-10.0.0.7"
PROXY, REGISTRY = "registry-proxy-container", "private-registry-test-registry"
BASTION = {"host": "10.0.0.1", "user": "jump", "agent": True, "hostKey": HOST_KEY}
SERVER: Mapping[str, Any] = {
    "dockerHost": "ssh://ops@10.0.0.2",
    "dockerHostAccess": {"agent": True, "hostKey": HOST_KEY, "bastion": BASTION},
}
CHANGES: tuple[Mapping[str, Any], ...] = (
    {},
    SERVER,
    {"anonymousPull": ["public"]},
    {"images": {"registry": f"registry:3@sha256:{'a' * 64}", "nginx": f"nginx:1.28@sha256:{'a' * 64}"}},
)
Break = Callable[[dict[str, Any]], None]


class PemRecorder(Recorder):
    """Its certificates look like some."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        identity, state = super().new_resource(args)
        return identity, {**state, "certPem": PEM} if "certPem" in state else state


def read(value: Any) -> Any:
    """Return a recorded value with its secrets in the clear, as the engine hands it to a pack."""
    if isinstance(value, dict):
        return read(value["value"]) if SECRET_MARK in value else {key: read(item) for key, item in value.items()}
    return [read(item) for item in value] if isinstance(value, list) else value


def declared(changes: Mapping[str, Any]) -> dict[str, Resource]:
    """Run the program; return the resources of the three providers, by name."""
    recorder = PemRecorder()

    @pulumi.runtime.test
    def program() -> None:
        PrivateRegistry("registry", Settings.model_validate({**BASE, **changes}))

    with event_loop():
        pulumi.runtime.set_mocks(recorder, project="private-registry", stack="test", monitor=Monitor(recorder))
        program()
    found = {}
    for resource in recorder.resources:
        options = recorder.options[resource.type, resource.name]
        parent = options.parent.rpartition(":")[2]
        found[f"{resource.type} {resource.name}"] = Resource(
            resource.type, resource.name, read(resource.inputs), parent, options.protect
        )
    return found


def judged(resources: Mapping[str, Resource], stack: Stack) -> dict[str, list[str]]:
    """Return rule -> messages."""
    found = {rule.name: [said for one in resources.values() for said in rule.judge(one, stack)] for rule in RULES}
    found |= {rule.name: [said for _, said in rule.judge(list(resources.values()))] for rule in WHOLE_RULES}
    return {name: messages for name, messages in found.items() if messages}


def rule(name: str) -> Rule:
    return next(rule for rule in RULES if rule.name == name)


@pytest.fixture(scope="module")
def whole() -> dict[str, Resource]:
    """Everything that can be declared, with the server on another machine behind a bastion."""
    return {found.name: found for found in declared(SERVER).values()}


@pytest.mark.parametrize("changes", CHANGES)
def test_what_is_declared_breaks_no_rule(changes: Mapping[str, Any]) -> None:
    assert judged(declared(changes), Stack("test", (), changes.get("anonymousPull", []))) == {}


def test_a_rule_sees_what_it_is_for(whole: dict[str, Resource]) -> None:
    """Else nothing would be judged when the program calls something otherwise."""
    assert whole[TRUST].parent == "HostFiles"
    assert whole[VERIFICATION].parent == "Verification"
    assert whole["registry-proxy-site"].parent == "ReleasedFiles"
    assert "ssl_protocols" in whole["registry-proxy-site"].inputs["stdin"]


def payload(**files: str) -> str:
    script = PROJECT / "components/host_files/files.sh"
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


def connects(bastion: bool = False) -> Break:
    def change(inputs: dict[str, Any]) -> None:
        proxy = {"host": "jump.test", "hostKey": ""} if bastion else None
        inputs["connection"] = {**inputs["connection"], "proxy": proxy} | ({} if bastion else {"hostKey": ""})

    return change


KEY = "-----BEGIN PRIVATE KEY-----\ns3cret-key\n"
HASH = "$2b$10$s3cret"
USERS = "ci:$2b$10$s3cret:push *\n~anonymous:!:pull web\n"
BROKEN: tuple[tuple[str, str, Break, str, str], ...] = (
    ("no-secret-on-clients", TRUST, sets("stdin", payload(ca_crt=PEM + KEY)), "a private key", "certificates alone"),
    ("no-secret-on-clients", TRUST, sets("stdin", payload(ca_crt="s3cret\n")), "something else than", "trust alone"),
    ("no-secret-on-clients", TRUST, sets("stdin", payload(htpasswd=HASH + "\n")), "the file htpasswd", "certificates"),
    ("no-secret-on-clients", TRUST, adds("stdin", f"echo '{HASH}'\n"), "password's hash", "certificates alone"),
    ("no-secret-on-clients", TRUST, adds("create", " password=s3cret"), "an argument other than", "certificates"),
    ("no-secret-on-clients", TRUST, adds("create", " s3cret=="), "an argument other than", "certificates"),
    ("no-secret-on-clients", TRUST, adds("create", " 's3cret"), "an argument other than", "certificates"),
    ("no-secret-on-clients", TRUST, sets("environment", {"P": "s3cret"}), "the input environment", "certificates"),
    ("no-secret-on-clients", TRUST, sets("update", "echo s3cret | docker login"), "as it stands", "Host.run"),
    ("no-secret-on-clients", VERIFICATION, says("create", "user=verification", "user=ci"), "a user's", "is made"),
    ("no-secret-on-clients", VERIFICATION, sets("stdin", payload(password="s3cret\n")), "a user's", "is made"),
    ("registry-asks-who", "registry-proxy-site", says("stdin", "auth_request /access;", ""), "/v2/", "auth_request"),
    ("registry-asks-who", "registry-proxy-site", says("stdin", "/access;", "off;"), "= /blob", "auth_request"),
    ("registry-asks-who", "registry-proxy-site", says("stdin", "access.authorize", "access.token"), "all", "auth_req"),
    ("registry-asks-who", "registry-proxy-users", sets("stdin", payload(htpasswd=USERS)), "pull web", "anonymousPull"),
    ("only-nginx-is-published", REGISTRY, sets("ports", [{"internal": 5000.0}]), "the port 5000,", "proxy publish"),
    ("only-nginx-is-published", PROXY, sets("ports", [{"internal": 5001}]), "the port 5001", "proxy publish"),
    ("only-nginx-is-published", REGISTRY, sets("publishAllPorts", True), "all its ports", "proxy publish"),
    ("only-nginx-is-published", REGISTRY, sets("networkMode", "host"), "own network", "internal networks"),
    ("images-by-digest", PROXY, sets("image", "nginx:1.28"), "nginx:1.28 has no digest", "@sha256:DIGEST"),
    (
        "images-by-digest",
        "registry-proxy-site",
        says("create", f"image=sha256:{'a' * 64}", "image=nginx:1"),
        "nginx:1",
        "",
    ),
    ("no-latest", PROXY, sets("image", "r.test:5000/nginx"), "r.test:5000/nginx is", "Name the version"),
    ("no-latest", PROXY, sets("image", f"nginx:latest@sha256:{'a' * 64}"), "nginx:latest@", "Name the version"),
    (
        "modern-tls",
        "registry-proxy-site",
        says("stdin", "ssl_protocols", "ssl_protocols TLSv1.1"),
        "TLSv1.1",
        "ssl_pro",
    ),
    ("modern-tls", "registry-proxy-site", says("stdin", "ssl_protocols", "#"), "to nginx", "ssl_protocols TLSv1.2"),
    (
        "modern-tls",
        "registry-proxy-tls",
        says("stdin", "listen 8443 ssl;", "listen 80;"),
        "listens on 80",
        "Write 'ssl'",
    ),
    ("pinned-host-keys", TRUST, connects(), "the host 10.0.0.7", "Set its hostKey"),
    ("pinned-host-keys", "registry-proxy-tls", connects(), "the host 10.0.0.2", "Set its hostKey"),
    ("pinned-host-keys", TRUST, connects(bastion=True), "the bastion jump.test", "Set its bastion.hostKey"),
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
    ("locked-down-containers", REGISTRY, sets("readOnly", False), "may write", "read_only=True"),
    ("locked-down-containers", REGISTRY, sets("securityOpts", []), "gain privileges", "no-new-privileges:true"),
    ("locked-down-containers", REGISTRY, sets("privileged", True), "is privileged", "Take privileged out"),
    ("no-insecure-registries", TRUST, adds("stdin", '{"insecure-registries": []}'), "stdin", "certs.d"),
    ("no-insecure-registries", PROXY, sets("command", ["--insecure-registry=x"]), "command", "certs.d"),
)


@pytest.mark.parametrize(("name", "resource", "change", "what", "mend"), BROKEN)
def test_what_breaks_a_rule_is_named_with_its_mend(
    whole: dict[str, Resource], name: str, resource: str, change: Break, what: str, mend: str
) -> None:
    inputs = dict(whole[resource].inputs)
    change(inputs)
    messages = rule(name).judge(replace(whole[resource], inputs=inputs), Stack("test"))
    assert messages
    for message in messages:
        assert message.startswith(f"{resource}: ")
        assert "s3cret" not in message, "a message quotes no content"
    assert any(what in message and mend in message for message in messages), messages


def test_each_rule_is_broken_by_one_of_these_tests() -> None:
    assert {name for name, *_ in BROKEN} | {"protected-data"} == {rule.name for rule in RULES}


def test_a_command_of_which_nobody_knows_runs_on_a_client(whole: dict[str, Resource]) -> None:
    [message] = rule("no-secret-on-clients").judge(replace(whole[TRUST], parent="PrivateRegistry"), Stack("test"))
    assert "neither its trust nor its verification" in message


def test_what_is_for_the_server_stays_there(whole: dict[str, Resource]) -> None:
    """Else a component of the server's would be a way to bring a key to a client."""
    moved = replace(whole[TRUST], parent="ReleasedFiles")
    [message] = judged({**whole, TRUST: moved}, Stack("test"))["server-is-one-host"]
    assert message.startswith(f"{TRUST}: a command of the server's runs on 10.0.0.7, and most others on 10.0.0.2.")
    assert "Give it the server as its host" in message
    unknown = replace(moved, inputs={**moved.inputs, "connection": UNKNOWN})
    assert judged({**whole, TRUST: unknown}, Stack("test")) == {}


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


def test_what_everybody_may_pull_has_to_be_declared() -> None:
    resources = declared({"anonymousPull": ["public", "base"]})
    [message] = judged(resources, Stack("test", (), ["base"]))["registry-asks-who"]
    assert message.startswith("registry-proxy-users: everybody may pull public.")
    assert judged(resources, Stack("test", (), None)) == {}, "the setting may be out of reach"


def test_the_data_of_a_stack_for_production_has_to_be_protected() -> None:
    [message] = judged(declared({}), Stack("prod"))["protected-data"]
    assert message.startswith("registry-registry-data: ")
    assert "private-registry:protect" in message
    assert judged(declared({}), Stack("dev")) == {}
    assert judged(declared({}), Stack("live", ("live",))).keys() == {"protected-data"}
    assert judged(declared({"protect": True}), Stack("prod")) == {}


def test_what_is_not_known_yet_is_not_judged(whole: dict[str, Resource]) -> None:
    for resource in whole.values():
        for key in resource.inputs:
            hidden = replace(resource, inputs={**resource.inputs, key: UNKNOWN})
            assert judged({"": hidden}, Stack("test")) == {}, f"{resource.name}.{key}"
    ports = replace(whole[PROXY], inputs={**whole[PROXY].inputs, "ports": [{"internal": UNKNOWN}]})
    assert judged({"": ports}, Stack("test")) == {}


def test_nginx_is_read_with_its_quotes_and_comments() -> None:
    [http] = nginx.parsed("http { # }\n map $a $b { \"~^{x}$\" 'y;'; }\n server { listen 1; return 200 '{}'; } }")
    assert [directive.words[0] for directive in http.block] == ["map", "server"]
    assert http.block[0].block[0].words == ("~^{x}$", "y;")
    assert http.block[1].values("return") == [("200", "{}")]
