"""The main job on the real engine, real Docker and real SSH hosts. The tests are one story and run in this order.

Costs 7 updates, 4 previews and 2 removals, and four hosts.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from lab.run import run
from tests.e2e.hosts import PREFIX, Hosts, containers
from tests.e2e.stack import A_HASH, Stack

CI_PASSWORD = "correct horse battery"
before: dict[str, str] = {}
"""Host -> fingerprint before the stack touched it."""


HELPER = "/usr/local/bin/docker-credential-secretservice"
KEYRING = "/root/keyring"
"""What a credential helper was asked and told."""

SURROUNDINGS = {
    # A helper that is installed and has no keyring to talk to, a proxy and a list of authorities that go nowhere.
    "one": f"printf '#!/bin/sh\nexit 1\n' > {HELPER} && chmod 755 {HELPER}"
    " && echo 'SetEnv https_proxy=http://127.0.0.1:9 SSL_CERT_FILE=/nowhere' > /etc/ssh/sshd_config.d/proxy.conf"
    " && kill -HUP $(cat /run/sshd.pid)",
    # A helper that keeps what it gets, a proxy in curl's own configuration, and a context that is not there.
    "two": f"printf '#!/bin/sh\ncat >> {KEYRING}\n' > {HELPER} && chmod 755 {HELPER}"
    " && echo 'proxy = http://127.0.0.1:9' > /root/.curlrc"
    """ && mkdir /root/.docker && echo '{"currentContext": "elsewhere"}' > /root/.docker/config.json""",
    # As a container has it.
    "three": "mount --bind /etc/hosts /etc/hosts",
}
"""Host -> what is there that gets in the way of a proof, or of a hosts entry."""


def stack_containers() -> dict[str, str]:
    return {
        name: value
        for name, value in containers().items()
        if name == "private-registry-test-proxy" or name in _registry_containers()
    }


def _registry_containers() -> set[str]:
    form = "{{range .Containers}}{{.Name}} {{end}}"
    return set(run(["docker", "network", "inspect", "--format", form, "private-registry-test-backend"]).split())


def login(client_hosts: Hosts, host: str, user: str, password: str, registry: str = "registry.test") -> str:
    return client_hosts.inside(host, f"docker login -u {user} --password-stdin {registry}", password)


def test_an_update_proves_itself_on_every_client(stack: Stack, client_hosts: Hosts) -> None:
    for host, surroundings in SURROUNDINGS.items():
        client_hosts.inside(
            host, "mkdir -p /etc/docker && { [ -e /etc/docker/daemon.json ] || echo '{}' > /etc/docker/daemon.json; }"
        )
        client_hosts.inside(host, surroundings)
        before[host] = client_hosts.fingerprint(host)
    stack.up()
    outputs = stack.outputs()
    assert outputs["url"] == "https://registry.test"
    assert outputs["registry"] == "registry.test"
    assert set(outputs["clients"]) == {f"{PREFIX}.11", f"{PREFIX}.12"}
    for proof in outputs["verification"].values():
        assert "logged in, pushed, removed, pulled sha256:" in proof, proof
    assert outputs["ca_certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert not stack.secret_outputs(), "no output is secret, and none holds a key or a password"
    assert "PRIVATE KEY" not in str(outputs)
    assert CI_PASSWORD not in str(outputs)


def test_the_proof_asks_no_credential_helper(client_hosts: Hosts) -> None:
    client_hosts.fails("two", f"cat {KEYRING}")
    for host in ("one", "two"):
        client_hosts.inside(host, f"rm -rf {HELPER} /root/.docker")
        client_hosts.fails(host, "ls -d /tmp/tmp.*")


def test_the_clients_have_both_of_dockers_stores(client_hosts: Hosts) -> None:
    stores = [client_hosts.inside(host, "docker info --format '{{.DriverStatus}}'") for host in ("one", "two")]
    assert ["io.containerd.snapshotter" in store for store in stores] == [False, True]


@pytest.mark.parametrize("host", ["one", "two"])
def test_docker_alone_logs_in_pushes_removes_and_pulls(client_hosts: Hosts, host: str) -> None:
    login(client_hosts, host, "ci", CI_PASSWORD)
    image = f"registry.test/team/{host}:1"
    client_hosts.inside(
        host, f"head -c 1000000 /dev/urandom > /tmp/data && tar -C /tmp -c data | docker import - {image}"
    )
    pushed = client_hosts.inside(
        host, f"docker push {image} && docker inspect -f '{{{{index .RepoDigests 0}}}}' {image}"
    )
    client_hosts.inside(host, f"docker rmi {image}")
    pulled = client_hosts.inside(
        host, f"docker pull {image} && docker inspect -f '{{{{index .RepoDigests 0}}}}' {image}"
    )
    assert pushed.splitlines()[-1] == pulled.splitlines()[-1]
    client_hosts.inside(host, f"docker rmi {image}")
    built = f"registry.test/team/{host}-built:1"
    client_hosts.inside(host, f"docker buildx build --push --tag {built} -", f"FROM {image}\nLABEL built=yes\n")
    client_hosts.inside(host, f"docker pull {built}")
    client_hosts.inside(host, "docker logout registry.test")
    assert "no basic auth credentials" in client_hosts.fails(host, f"docker pull {image}")


@pytest.mark.parametrize("host", ["one", "two"])
def test_the_name_with_the_port_is_trusted_too(client_hosts: Hosts, host: str) -> None:
    login(client_hosts, host, "ci", CI_PASSWORD, "registry.test:443")
    client_hosts.inside(host, f"docker pull registry.test:443/team/{host}:1")
    client_hosts.inside(host, "docker logout registry.test:443")


def test_a_host_that_is_not_listed_is_refused_with_x509(client_hosts: Hosts) -> None:
    client_hosts.inside("stranger", f"echo '{client_hosts.network.gateway} registry.test' >> /etc/hosts")
    # A Docker that has just started has read that file, and looks at it again only after some seconds.
    known = "! docker pull registry.test/any:1 2>&1 | grep -q 'no such host'"
    client_hosts.inside("stranger", f"for _ in $(seq 40); do {known} && exit; sleep 0.5; done; exit 1")
    said = client_hosts.fails("stranger", "docker login -u ci --password-stdin registry.test", CI_PASSWORD)
    assert "x509: certificate signed by unknown authority" in said


def test_only_the_api_and_the_health_check_are_answered(client_hosts: Hosts) -> None:
    curl = "curl -s --cacert /etc/docker/certs.d/registry.test/ca.crt -i"
    unauthorized = client_hosts.inside("one", f"{curl} https://registry.test/v2/")
    assert unauthorized.startswith("HTTP/2 401")
    assert unauthorized.lower().count("www-authenticate: basic realm=") == 1
    assert '"code":"UNAUTHORIZED"' in unauthorized
    assert "server: nginx\n" in unauthorized.replace("\r", ""), "the version of nginx is nobody's business"
    assert client_hosts.inside("one", f"{curl} https://registry.test/healthz").startswith("HTTP/2 200")
    for path in ("/", "/v1/", "/debug/health", "/metrics"):
        assert client_hosts.inside("one", f"{curl} https://registry.test{path}").startswith("HTTP/2 404"), path
    for version in ("1.0", "1.1"):
        client_hosts.fails("one", f"{curl} --tls-max {version} https://registry.test/v2/")


def test_the_registry_is_reached_through_the_proxy_alone(client_hosts: Hosts) -> None:
    [registry] = _registry_containers() - {"private-registry-test-proxy"}
    form = "{{json .HostConfig.PortBindings}} {{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.HostConfig.CapDrop}}"
    assert run(["docker", "inspect", "--format", form, registry]) == "null true 10001:10001 [ALL]"
    address = run(
        ["docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", registry]
    )
    client_hosts.fails("one", f"curl -s --max-time 3 http://{address}:5000/v2/")


def test_a_preview_after_a_refresh_shows_no_change(stack: Stack) -> None:
    assert stack.preview(refresh=True) == []


def _earlier(days: int) -> Any:
    """Return an edit that makes every certificate that much older: as if the clock were later."""

    def edit(resource: dict[str, Any]) -> None:
        for key in ("validityStartTime", "validityEndTime"):
            if key in resource.get("outputs", {}):
                moved = datetime.fromisoformat(resource["outputs"][key]) - timedelta(days=days)
                resource["outputs"][key] = moved.strftime("%Y-%m-%dT%H:%M:%SZ")

    return edit


def test_a_day_later_a_preview_shows_no_change_and_in_the_renewal_window_it_does(stack: Stack) -> None:
    stack.edit_state(_earlier(days=1))
    assert stack.preview() == []
    stack.edit_state(_earlier(days=339))
    renewed = {step.name for step in stack.preview() if step.op in ("create-replacement", "replace")}
    assert renewed == {"registry-certificate-server"}
    stack.edit_state(_earlier(days=-340))


def test_adding_a_user_changes_one_file_and_replaces_no_container(stack: Stack, client_hosts: Hosts) -> None:
    running = stack_containers()
    hosts_before = {host: client_hosts.fingerprint(host) for host in ("one", "two")}
    other = {"name": "other", "password": "another good one", "access": "push", "repositories": ["other"]}
    stack.configure(users=[*stack.settings["users"], {"name": "new", "password": "another good one"}, other])
    changes = stack.up()
    assert [(step.op, step.name, step.diffs) for step in changes] == [
        ("update", "registry-proxy-users", ("create", "stdin", "update"))
    ]
    assert changes[0].old["create"] != changes[0].new["create"], "a preview names the file that changes"
    assert "file=htpasswd:0600:" in changes[0].new["create"]
    assert stack_containers() == running
    assert {host: client_hosts.fingerprint(host) for host in hosts_before} == hosts_before
    login(client_hosts, "one", "new", "another good one")
    client_hosts.inside("one", "docker logout registry.test")


@pytest.mark.parametrize("host", ["one", "two"])
def test_a_layer_that_one_may_not_read_is_pushed_all_the_same(client_hosts: Hosts, host: str) -> None:
    """Docker asks for a mount from the repository from which it has the layer."""
    login(client_hosts, host, "other", "another good one")
    image = f"registry.test/other/{host}:1"
    client_hosts.inside(host, f"docker tag registry.test/team/{host}-built:1 {image} && docker push {image}")
    client_hosts.fails(host, f"docker pull registry.test/team/{host}:1")
    client_hosts.inside(host, "docker logout registry.test")


def test_a_third_client_touches_that_host_alone(stack: Stack, client_hosts: Hosts) -> None:
    running = stack_containers()
    hosts_before = {host: client_hosts.fingerprint(host) for host in ("one", "two")}
    stack.configure(clients=[client_hosts.clients[host] for host in ("one", "two", "three")])
    changed = {"registry-trust", "registry-verification"}
    size = len(stack.state())
    assert {(step.op, step.name) for step in stack.up()} == {("update", name) for name in changed}
    assert len(stack.state()) - size < 8_000, "what a client takes of the state: see docs/architecture.md"
    assert f"{PREFIX}.13: /etc/hosts is a mount, and was written in place" in stack.log
    assert stack_containers() == running
    assert {host: client_hosts.fingerprint(host) for host in hosts_before} == hosts_before
    login(client_hosts, "three", "ci", CI_PASSWORD)
    client_hosts.inside("three", "docker logout registry.test && rm -rf /root/.docker")


def test_removing_a_client_leaves_it_as_it_was(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("two", "echo mine > /etc/docker/certs.d/registry.test/other.crt")
    stack.configure(clients=[client_hosts.clients["one"], client_hosts.clients["two"]])
    stack.up()
    assert client_hosts.fingerprint("three") == before["three"]


def test_a_client_moved_to_another_address_leaves_nothing_behind(stack: Stack, client_hosts: Hosts) -> None:
    stack.configure(clients=[client_hosts.clients["three"], client_hosts.clients["two"]])
    stack.up()
    assert client_hosts.fingerprint("one") == before["one"]
    login(client_hosts, "three", "ci", CI_PASSWORD)
    client_hosts.inside("three", "docker logout registry.test && rm -rf /root/.docker")


def test_another_port_moves_the_folder_on_every_client(stack: Stack, client_hosts: Hosts) -> None:
    stack.configure(httpsPort=8443)
    stack.up()
    assert stack.outputs()["registry"] == "registry.test:8443"
    assert client_hosts.inside("three", "ls /etc/docker/certs.d") == "registry.test:8443"
    assert client_hosts.inside("two", "ls /etc/docker/certs.d/registry.test") == "other.crt"
    login(client_hosts, "two", "ci", CI_PASSWORD, "registry.test:8443")
    client_hosts.inside("two", "docker logout registry.test:8443")
    assert stack.preview() == []


def test_no_secret_is_in_the_clear_anywhere(stack: Stack) -> None:
    state = stack.state()
    for secret in (CI_PASSWORD, "another good one", "PRIVATE KEY-----"):
        assert secret not in state, f"{secret} is in the clear in the state"
        assert secret not in stack.log, f"{secret} was printed by a preview or an update"
    assert not A_HASH.search(state + stack.log)
    for name in stack_containers():
        assert "password" not in run(["docker", "inspect", name]).lower()


def test_a_restart_of_the_registry_under_another_address_is_survived(client_hosts: Hosts) -> None:
    [registry] = _registry_containers() - {"private-registry-test-proxy"}
    address = ["docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", registry]
    before_restart = run(address)
    run(["docker", "stop", registry])
    image = run(["docker", "inspect", "--format", "{{.Image}}", registry])
    holder = ["docker", "run", "--detach", "--rm", "--network", "private-registry-test-backend"]
    held = run([*holder, "--entrypoint", "busybox", image, "sleep", "120"])
    run(["docker", "start", registry])
    assert run(address) != before_restart
    probe = "curl -s --cacert /etc/docker/certs.d/registry.test:8443/ca.crt -u 'ci:correct horse battery'"
    wait = f"for _ in $(seq 40); do {probe} -f https://registry.test:8443/v2/ && exit 0; sleep 1; done; exit 1"
    try:
        client_hosts.inside("three", wait)
    finally:
        run(["docker", "rm", "--force", "--volumes", held])


def test_a_destroy_leaves_every_client_as_it_was(stack: Stack, client_hosts: Hosts) -> None:
    stack.destroy()
    assert client_hosts.inside("two", "cat /etc/docker/certs.d/registry.test/other.crt") == "mine"
    client_hosts.inside("two", "rm -r /etc/docker/certs.d")
    assert {host: client_hosts.fingerprint(host) for host in before} == before
    assert containers("private-registry-test") == {}
    assert run(["sh", "-c", "ls -A /var/lib/private-registry/test 2> /dev/null || echo gone"]) == "gone"
    volumes = run(["docker", "volume", "ls", "--quiet"]).splitlines()
    assert "private-registry-test-data" in volumes, "the pushed images are kept"


def test_delete_data_takes_the_volume_along(stack: Stack) -> None:
    stack.configure(deleteData=True, clients=[])
    stack.up()
    stack.destroy()
    assert "private-registry-test-data" not in run(["docker", "volume", "ls", "--quiet"]).splitlines()
