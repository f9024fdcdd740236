"""What the components declare, read as their documentation: on mocks, without the engine or Docker."""

import hashlib
import json
import re
import shlex
import sys

import pulumi
import pytest

from components.advice import _advise
from components.containers.orphans import OWNER
from components.scripts.script import read_payload
from tests.unit.conftest import (
    AUTHORITY,
    BASE,
    CONTAINER,
    HOST_KEY,
    KEY,
    LOCAL,
    NETWORK,
    REMOTE,
    REQUEST,
    SECRET_MARK,
    SERVER,
    SSH_KEY,
    VOLUME,
    Declare,
    Recorder,
    Resource,
    certificate,
)
from tests.unit.fleet import TRUST, VERIFICATION, placed, plain, reached, trust, verification
from tests.unit.several import SEVERAL

COMMAND_LINES = ("create", "update", "delete")
MOVED = {"httpsPort": 8443, "bindAddress": "10.0.0.2"}
TWO_AUTHORITIES = {"certificate": {"authorities": ["2026", "2027"]}}


def commands(recorder: Recorder) -> list[Resource]:
    return recorder.of(LOCAL) + recorder.of(REMOTE)


def registry(recorder: Recorder) -> Resource:
    return recorder.named(CONTAINER, "private-registry-test-registry")


def proxy(recorder: Recorder, server: str = "") -> Resource:
    return recorder.named(CONTAINER, f"registry-{server}proxy-container")


def owner(container: Resource) -> str:
    """Return the label by which a container is known to its state."""
    return next(str(label["value"]) for label in container.inputs["labels"] if label["label"] == OWNER)


def test_the_authority_may_sign_and_the_server_may_serve(declare: Declare) -> None:
    recorder = declare(**TWO_AUTHORITIES)
    assert [authority.name for authority in recorder.of(AUTHORITY)] == [
        "registry-certificate-authority-2026",
        "registry-certificate-authority-2027",
    ]
    for authority in recorder.of(AUTHORITY):
        assert authority.inputs["isCaCertificate"] is True
        assert set(authority.inputs["allowedUses"]) == {"cert_signing", "crl_signing"}
    [server] = recorder.of(SERVER)
    assert set(server.inputs["allowedUses"]) == {"digital_signature", "server_auth"}
    assert server.plain("caCertPem") == certificate("registry-certificate-authority-2026"), (
        "the first authority of the list signs"
    )
    assert server.inputs["validityPeriodHours"] < recorder.of(AUTHORITY)[0].inputs["validityPeriodHours"]


def test_keys_are_ecdsa_p256_except_the_seed(declare: Declare) -> None:
    keys = {key.name: key.inputs.get("ecdsaCurve") for key in declare().of(KEY)}
    assert keys.pop("registry-seed") is None
    assert set(keys.values()) == {"P256"}


def test_the_certificate_names_a_domain_or_an_address(declare: Declare) -> None:
    [by_name] = declare().of(REQUEST)
    assert by_name.inputs["dnsNames"] == ["registry.test"]
    [by_address] = declare(domain="10.0.0.2").of(REQUEST)
    assert by_address.inputs["ipAddresses"] == ["10.0.0.2"]
    assert "dnsNames" not in by_address.inputs


def test_both_containers_are_locked_down(declare: Declare) -> None:
    recorder = declare()
    for container in (registry(recorder), proxy(recorder)):
        inputs = container.inputs
        assert inputs["readOnly"] is True
        assert not inputs["user"].startswith("0"), "neither runs as root"
        assert inputs["capabilities"] == {"drops": ["ALL"]}
        assert inputs["securityOpts"] == ["no-new-privileges:true"]
        assert inputs["memory"] == inputs["memorySwap"], "else Docker doubles it and every preview shows a change"
        assert inputs["logOpts"]["max-size"], "a log that is never rotated fills the disk"
        assert inputs["healthcheck"]["tests"]


def test_only_the_proxy_publishes_a_port(declare: Declare) -> None:
    recorder = declare(**MOVED)
    assert "ports" not in registry(recorder).inputs
    assert proxy(recorder).inputs["ports"] == [{"internal": 8443, "external": 8443, "ip": "10.0.0.2"}]
    backend = recorder.named(NETWORK, "registry-registry-network")
    assert backend.inputs["internal"] is True
    networks = [network["name"] for network in registry(recorder).inputs["networksAdvanced"]]
    assert networks == [backend.inputs["name"]], "the registry is on no network but the internal one"


def test_a_container_comes_back_also_after_a_signal(declare: Declare) -> None:
    assert {container.inputs["restart"] for container in declare().of(CONTAINER)} == {"always"}


BOTH = ["0.0.0.0", "::"]  # noqa: S104 - what is published


@pytest.mark.parametrize(
    ("given", "printed", "published", "network"),
    [
        (None, "own", BOTH, "frontend6"),
        (None, "shared docker", BOTH, "frontend"),
        (None, "none", BOTH[:1], "frontend"),
        (BOTH, "own", BOTH, "frontend6"),
        ("::", "own", ["::"], "frontend6"),
        ("fd00::7", "shared router", ["fd00::7"], "frontend"),
        ("0.0.0.0", "not asked", ["0.0.0.0"], "frontend"),  # noqa: S104
        (["10.0.0.2", "fd00::7"], "own", ["10.0.0.2", "fd00::7"], "frontend6"),
    ],
)
def test_nginx_serves_the_families_that_are_given_or_there(
    declare: Declare, given: str | list[str] | None, printed: str, published: list[str], network: str
) -> None:
    changes = {} if given is None else {"bindAddress": given}
    recorder = declare({"registry-proxy-families": printed}, clients=[], **changes)
    assert [port["ip"] for port in proxy(recorder).inputs["ports"]] == published
    assert f"address={','.join(published)} " in recorder.named(LOCAL, "registry-proxy-address").plain("create")
    frontend = recorder.named(NETWORK, "registry-proxy-network").inputs
    assert frontend["name"] == f"private-registry-test-{network}"
    assert ("ipv6" in frontend) == (network == "frontend6")
    listens = recorder.named(LOCAL, "registry-proxy-tls").plain("stdin").count(" ssl;")
    assert listens == len(published) * (2 if network == "frontend6" else 1)
    ports = [port["internal"] for port in proxy(recorder).inputs["ports"]]
    assert len(set(ports)) == len(published), "Docker keeps no order of addresses that lead to one port"


def files(recorder: Recorder, bundle: str, server: str = "") -> dict[str, str]:
    """Return nginx's files of a bundle, on a server whose resources are called so."""
    name = f"registry-{server}proxy-{bundle}"
    [found] = [one for one in recorder.resources if one.name == name and "stdin" in one.inputs]
    return read_payload(found.plain("stdin"))


def test_addresses_come_by_the_proxy_protocol_where_load_balancers_are_listed(declare: Declare) -> None:
    plain, given = declare(), declare(proxyProtocol=["10.0.0.9", "fd00:0::/64"])
    listen = files(given, "tls")["listen.conf"]
    assert "real_ip_header proxy_protocol;\nset_real_ip_from 10.0.0.9;\nset_real_ip_from fd00::/64;\n" in listen
    assert set(re.findall(r"^listen \S+ (.*);$", listen, re.MULTILINE)) == {"ssl proxy_protocol"}
    assert "proxy_protocol" not in "".join([*files(plain, "tls").values(), *files(plain, "site").values()])
    assert proxy(given).inputs == proxy(plain).inputs, "nginx reloads, and stays where it is"


def test_servers_that_share_tokens_have_one_key(declare: Declare) -> None:
    alone, several = declare(**{**SEVERAL, "servers": SEVERAL["servers"][:1]}), declare(**SEVERAL)
    keys = {files(several, "site", server)["token.key"] for server in ("", "b-", "c-")}
    assert len(keys) == 1, "it comes from the seed"
    assert re.fullmatch(r"[0-9a-f]{64}\n", keys.pop())
    assert "token.key" not in files(alone, "site")
    [command] = [one for one in several.resources if one.name == "registry-proxy-site" and "stdin" in one.inputs]
    assert "file=token.key:0600:" in command.plain("create")
    assert command.is_secret("stdin")
    assert proxy(several).inputs == proxy(alone).inputs, "nginx reloads, and stays where it is"


def test_what_docker_has_of_a_server_is_no_leftover_of_another(declare: Declare) -> None:
    """Where one machine is listed twice, or gets another name, what runs there would be stopped as a leftover."""
    found = {name: owner(proxy(declare(**SEVERAL), name)) for name in ("", "b-", "c-")}
    assert len(set(found.values())) == len(found)
    assert found[""] == owner(proxy(declare())), "a server that was alone keeps what it has"


@pytest.mark.parametrize("given", [None, "0.0.0.0", "::", "127.0.0.1", "::1"])  # noqa: S104 - settings
def test_the_server_is_told_of_an_address_only_where_it_may_come_later(declare: Declare, given: str | None) -> None:
    access = {"dockerHost": "ssh://10.0.0.2", "dockerHostAccess": {"agent": True, "hostKey": HOST_KEY}, "clients": []}
    changes = {} if given is None else {"bindAddress": given}
    assert not [one for one in declare(**access, **changes).of(REMOTE) if one.name.endswith("-nonlocal")]
    told = declare(**access, bindAddress=["10.0.0.2", "fd00::7"]).named(REMOTE, "registry-proxy-nonlocal")
    file = "path=/etc/sysctl.d/60-private-registry-private-registry-test.conf"
    assert told.plain("create") == f"sh -s -- allow {file} address=10.0.0.2,fd00::7"
    assert told.plain("delete") == f"sh -s -- forbid {file}"


def test_the_names_of_two_stacks_can_not_collide(declare: Declare) -> None:
    recorder = declare()
    for resource in recorder.of(NETWORK) + recorder.of(VOLUME) + [proxy(recorder)]:
        assert resource.inputs["name"].startswith("private-registry-test-")


def test_client_trust_goes_where_docker_looks(declare: Declare) -> None:
    for port, folder in ((443, "registry.test"), (8443, "registry.test:8443")):
        recorder = declare(**({} if port == 443 else MOVED))
        for verb in ("create", "update", "delete"):
            words = placed(recorder, "10.0.0.7", verb)["docker"].words
            assert words["directory"] == f"/etc/docker/certs.d/{folder}"
            assert words.get("link") == ("/etc/docker/certs.d/registry.test:443" if port == 443 else None)
        assert placed(recorder, "10.0.0.7")["hosts"].words["entry"] == "10.0.0.2/registry.test"


def test_an_address_of_ipv6_is_trusted_with_its_port_too(declare: Declare) -> None:
    line = placed(declare(domain="fd00::2"), "10.0.0.7")["docker"].line
    assert "'directory=/etc/docker/certs.d/[fd00::2]' 'link=/etc/docker/certs.d/[fd00::2]:443'" in line


@pytest.mark.parametrize("port", [443, 8443])
def test_a_client_is_said_to_trust_what_is_placed_there(declare: Declare, port: int) -> None:
    recorder = declare(**({} if port == 443 else MOVED))
    said = plain(trust(recorder))
    reference = "registry.test" if port == 443 else "registry.test:8443"
    folder = f"/etc/docker/certs.d/{reference}"
    [(runtime, docker)] = said["runtimes"].items()
    [(path, file)] = docker["files"].items()
    content = placed(recorder, "10.0.0.7")["docker"].payload["ca.crt"]
    assert (path, file) == (
        f"{folder}/ca.crt",
        {"mode": "0644", "digest": hashlib.sha256(content.encode()).hexdigest()[:12]},
    )
    assert (runtime, said["registry"]["reference"]) == ("docker", reference)
    assert docker.get("link") == (f"{folder}:443" if port == 443 else None)
    assert said["hosts"]["10.0.0.7"]["hostsEntry"] == "10.0.0.2/registry.test"
    [described] = said["trusted"].values()
    assert described.startswith("registry-certificate-authority-")
    proof = plain(verification(recorder))
    assert (proof["hosts"]["10.0.0.7"], proof["registry"]["reference"]) == (["docker"], reference)
    assert proof["verify"]["docker"] == ["TLS", "401 without a login", "login", "push", "remove", "pull"]


def test_a_client_without_dns_is_told_the_address_of_each_server(declare: Declare) -> None:
    client = {key: value for key, value in BASE["clients"][0].items() if key != "hostsEntry"}
    servers = ["10.0.0.3", "10.0.0.2", "fd00::2"]
    for more in (
        {"clients": [{**client, "hostsEntry": servers}]},
        {"clients": [client], "clientDefaults": {"hostsEntry": servers}},
    ):
        recorder = declare(**more)
        assert plain(trust(recorder))["hosts"]["10.0.0.7"]["hostsEntry"] == "10.0.0.3,10.0.0.2,fd00::2/registry.test"
        assert placed(recorder, "10.0.0.7")["hosts"].words["entry"] == "10.0.0.3,10.0.0.2,fd00::2/registry.test"


def test_a_client_without_a_hosts_entry_says_none(declare: Declare) -> None:
    assert "hostsEntry" not in plain(trust(declare()))["hosts"]["build.example.com"]


def test_clients_get_certificates_and_no_key(declare: Declare) -> None:
    recorder = declare(**TWO_AUTHORITIES)
    assert not trust(recorder).is_secret("authorities"), "what clients trust is public, so that a preview can show it"
    script = placed(recorder, "10.0.0.7")["docker"]
    header, _, certificates = script.payload["ca.crt"].partition("\n")
    both = [certificate(f"registry-certificate-authority-{name}") for name in ("2026", "2027")]
    assert certificates == "".join(both)
    assert header.startswith("# Installed by private-registry")
    assert "PRIVATE KEY" not in script.stdin


def test_a_client_is_reached_with_a_pinned_key(declare: Declare) -> None:
    recorder = declare()
    connection = reached(recorder, "10.0.0.7")
    assert connection
    assert (connection["host"], connection["user"], connection["port"]) == ("10.0.0.7", "ops", 22)
    assert connection["hostKey"].startswith("ssh-ed25519 ")
    assert "PRIVATE KEY" in connection["privateKey"]
    assert placed(recorder, "10.0.0.7")["docker"].line.startswith("sudo -n sh -s -- create "), "ops is not root"


def test_a_login_is_said_once_and_is_secret(declare: Declare) -> None:
    one = {"user": "ops", "privateKey": SSH_KEY, "hostKey": HOST_KEY}
    other = {"password": "marker-ssh", "hostKey": HOST_KEY}
    hosts = {"a.test": one, "b.test": one, "c.test": other}
    said = trust(declare(clients=[{"host": host, **login} for host, login in hosts.items()])).inputs
    assert {host: entry["login"] for host, entry in said["hosts"].items()} == {
        "a.test": "1",
        "b.test": "1",
        "c.test": "2",
    }
    assert SECRET_MARK in json.dumps(said["logins"])
    assert "marker-ssh" not in json.dumps(said["hosts"])


def test_a_client_that_is_this_machine_needs_no_connection(declare: Declare) -> None:
    recorder = declare()
    assert reached(recorder, "build.example.com") is None
    assert placed(recorder, "build.example.com")["docker"].line.startswith("sh -s -- create ")


def test_no_secret_is_on_a_command_line(declare: Declare) -> None:
    for command in commands(declare()):
        for line in COMMAND_LINES:
            text = json.dumps(command.inputs.get(line, ""))
            assert "marker" not in text.replace("marker=private-registry", ""), f"{command.name}.{line}: {text}"
            assert "$2" not in text


def test_what_holds_a_secret_is_secret(declare: Declare) -> None:
    recorder = declare()
    for name in ("registry-proxy-tls", "registry-proxy-users", "registry-registry-config"):
        assert recorder.named(LOCAL, name).is_secret("stdin"), name
    assert verification(recorder).is_secret("password")
    assert SECRET_MARK in json.dumps(trust(recorder).inputs["logins"])


def test_a_preview_can_show_which_file_changes(declare: Declare) -> None:
    recorder = declare()
    for name in ("registry-proxy-tls", "registry-proxy-users", "registry-registry-config"):
        assert not recorder.named(LOCAL, name).is_secret("create"), f"{name} would show [secret] and no file name"
    before = declare().named(LOCAL, "registry-proxy-users").plain("create")
    after = declare(users=[]).named(LOCAL, "registry-proxy-users").plain("create")
    assert before.partition("file=htpasswd")[0] != after.partition("file=htpasswd")[0], (
        "the release follows the content"
    )


def test_a_second_run_declares_the_same(declare: Declare) -> None:
    first, second = declare(domain="registry.test"), declare()
    inputs = {resource.name: resource.inputs for resource in commands(first)}
    assert inputs == {resource.name: resource.inputs for resource in commands(second)}


def test_commands_print_nothing_into_the_log(declare: Declare) -> None:
    for command in commands(declare()):
        assert command.inputs["logging"] == "none"
        assert command.inputs["addPreviousOutputInEnv"] is False


def test_a_client_without_verification_is_not_asked_to_push(declare: Declare) -> None:
    recorder = declare(verification=False)
    assert plain(trust(recorder))["hosts"].keys() == {"10.0.0.7", "build.example.com"}
    assert plain(verification(recorder))["hosts"] == {}


def test_without_clients_nothing_works_on_any(declare: Declare) -> None:
    recorder = declare(clients=[])
    assert not [one for one in recorder.resources if one.type in (TRUST, VERIFICATION)]


def test_the_verification_runs_again_when_the_certificate_changes(declare: Declare) -> None:
    generations = [
        plain(verification(recorder))["generation"]
        for recorder in (declare(), declare(users=[]), declare(**TWO_AUTHORITIES))
    ]
    assert generations[0] == generations[1], "another user is nothing to verify"
    assert generations[2] != generations[0]


def test_the_server_on_another_machine_is_reached_over_ssh_with_its_key_pinned(declare: Declare) -> None:
    access = {"agent": True, "hostKey": HOST_KEY}
    recorder = declare(dockerHost="ssh://ops@10.0.0.2:2222", dockerHostAccess=access)
    provider = recorder.named("pulumi:providers:docker", "registry-docker-host")
    assert provider.inputs["host"] == "ssh://ops@10.0.0.2:2222"
    options = json.loads(provider.inputs["sshOpts"])
    assert f"KnownHostsCommand=/usr/bin/env echo %H {HOST_KEY}" in options
    assert "StrictHostKeyChecking=yes" in options
    for resource in recorder.of(CONTAINER) + recorder.of(NETWORK) + recorder.of(VOLUME):
        assert "registry-docker-host" in resource.provider, f"{resource.name} would be on this machine"
    connection = recorder.named(REMOTE, "registry-proxy-tls").plain("connection")
    assert (connection["host"], connection["user"], connection["port"]) == ("10.0.0.2", "ops", 2222)
    assert connection["hostKey"] == HOST_KEY
    assert not recorder.of(LOCAL), "no command would run on the server"


def test_a_bastion_is_pinned_too(declare: Declare) -> None:
    bastion = {"host": "10.0.0.1", "user": "jump", "agent": True, "hostKey": HOST_KEY}
    client = {"host": "10.0.0.8", "agent": True, "hostKey": HOST_KEY, "bastion": bastion}
    access = {"agent": True, "hostKey": HOST_KEY, "bastion": bastion}
    recorder = declare(clients=[client], dockerHost="ssh://10.0.0.2", dockerHostAccess=access)
    connection = reached(recorder, "10.0.0.8")
    assert connection
    assert (connection["proxy"]["host"], connection["proxy"]["user"]) == ("10.0.0.1", "jump")
    assert connection["proxy"]["hostKey"] == HOST_KEY
    options = json.loads(recorder.named("pulumi:providers:docker", "registry-docker-host").inputs["sshOpts"])
    [through] = [option for option in options if option.startswith("ProxyCommand=")]
    words = shlex.split(through.removeprefix("ProxyCommand="))
    assert f"KnownHostsCommand=/usr/bin/env echo %%H {HOST_KEY}" in words
    assert words[-3:] == ["10.0.0.1", "-W", "[%h]:%p"]


@pytest.mark.parametrize(
    ("user", "in_url"), [("svc.deploy", "svc.deploy"), ("a@b.example", "a%40b.example"), ("D\\u", "D%5Cu")]
)
def test_any_user_of_ssh_reaches_docker(declare: Declare, user: str, in_url: str) -> None:
    bastion = {"host": "10.0.0.1", "user": user, "agent": True, "hostKey": HOST_KEY}
    access = {"agent": True, "hostKey": HOST_KEY, "bastion": bastion}
    recorder = declare(dockerHost=f"ssh://{in_url}@10.0.0.2", dockerHostAccess=access)
    provider = recorder.named("pulumi:providers:docker", "registry-docker-host")
    assert provider.inputs["host"] == f"ssh://{in_url}@10.0.0.2:22"
    [through] = [option for option in json.loads(provider.inputs["sshOpts"]) if option.startswith("ProxyCommand=")]
    words = shlex.split(through.removeprefix("ProxyCommand="))
    assert words[words.index("-l") + 1] == user
    connection = recorder.named(REMOTE, "registry-proxy-tls").plain("connection")
    assert (connection["user"], connection["proxy"]["user"]) == (user, user)


def test_what_fails_is_followed_by_what_to_do(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", said.append)
    failure = pulumi.ErrorHookArgs(urn="", id="", name="registry-h", type="", errors=["sudo: a password is required"])
    assert _advise(failure) is False, "nothing is tried again"
    assert said == [
        "registry-h: The user must be able to use sudo without a password.\n"
        "What to do:\n"
        "1. Run 'visudo' on the host and add: USER ALL=(ALL) NOPASSWD: ALL. Or connect to the host as root.\n"
        "2. Run the update again."
    ]


def test_the_state_keeps_no_calls_that_led_to_a_resource(declare: Declare) -> None:
    declared = declare().options.items()
    assert {options.calls for (kind, _), options in declared if kind != "pulumi:pulumi:Stack"} == {0}
    assert not hasattr(sys, "tracebacklimit"), "tracebacks are as long as ever"


def test_a_verification_records_what_it_needs_and_not_all_that_is_before_it(declare: Declare) -> None:
    assert declare().options[VERIFICATION, "registry-verification"].depends_on == {
        *("registry-proxy-tls", "registry-proxy-login-healthy", "registry-trust"),
    }


def test_a_clients_trust_records_where_its_content_comes_from(declare: Declare) -> None:
    assert declare().options[TRUST, "registry-trust"].depends_on == {"registry-certificate-authority-1"}
