"""What goes wrong before anything is served, or with a client that is gone. The rest is in test_faults.py.

Costs 9 updates and 4 previews, and three hosts.
"""

from collections.abc import Iterator

import pytest

from lab.run import run
from operations.forget import without
from tests.e2e.conftest import settings
from tests.e2e.hosts import PREFIX, Hosts
from tests.e2e.stack import Stack
from tests.unit.authority import issue

FOLDER = "/etc/docker/certs.d/registry.test"


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(
        tmp_path_factory.mktemp("failures"), "failures", settings(found_images, client_hosts, "one", "two")
    ) as stack:
        stack.configure(deleteData=True)
        yield stack


def test_a_bad_configuration_creates_nothing(stack: Stack) -> None:
    good = dict(stack.settings)
    stack.configure(domain="localhost", users=[{"name": "a b", "password": "marker-password"}])
    said = stack.fails()
    assert "has 2 mistakes; nothing was created or changed" in said
    assert "private-registry:domain" in said
    assert "private-registry:users[0].name" in said
    assert "marker-password" not in said
    assert "Traceback" not in said
    assert not [resource for resource in stack.resources() if resource.get("custom") and "id" in resource]
    stack.settings = good


def test_a_wrong_type_is_refused_by_the_command_line(stack: Stack) -> None:
    good = dict(stack.settings)
    stack.configure(users="ci")
    assert "must be of type 'array<object>'" in stack.fails()
    stack.settings = good


def test_a_file_of_somebody_else_is_not_overwritten_and_the_others_go_on(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("one", f"mkdir -p {FOLDER} && echo stranger > {FOLDER}/ca.crt")
    said = stack.fails()
    assert f"one: {FOLDER}/ca.crt exists with other content" in said
    assert client_hosts.inside("one", f"cat {FOLDER}/ca.crt; ls -A {FOLDER}") == "stranger\nca.crt"
    assert "BEGIN CERTIFICATE" in client_hosts.inside("two", f"cat {FOLDER}/ca.crt")
    answer = "curl -sk --max-time 5 https://registry.test/healthz"
    client_hosts.fails("two", answer)
    client_hosts.inside("one", f"rm -r {FOLDER}")
    stack.up()
    assert len(stack.outputs()["verification"]) == 2


def test_a_client_that_is_gone_for_good_is_forgotten(stack: Stack, client_hosts: Hosts) -> None:
    others = stack.settings["clients"]
    stack.configure(clients=[*others, client_hosts.clients["three"]])
    three = client_hosts.container("three")
    # Docker looks into the hosts file every five seconds at most, and this one has just done so when the entry comes.
    busy = "for _ in $(seq 100); do docker pull nowhere.invalid/image; sleep 0.5; done > /dev/null 2>&1"
    run(["docker", "exec", "--detach", three, "sh", "-c", busy])
    stack.up()
    run(["docker", "stop", "--time", "2", three])
    try:
        stack.configure(clients=others)
        assert f"{PREFIX}.13: " in stack.fails()
        stack.edit_deployment(lambda deployment: without(deployment, f"{PREFIX}.13"))
        assert stack.preview() == []
    finally:
        run(["docker", "start", three])
        client_hosts.inside("three", "rm -rf /etc/docker/certs.d; sed -i '/private-registry/d' /etc/hosts")


def test_a_provided_certificate_takes_the_place_of_our_own_in_three_steps(stack: Stack, client_hosts: Hosts) -> None:
    root = issue("root", authority=True)
    between = issue("intermediate", root, authority=True)
    server = issue("server", between, ["registry.test"])
    provided = {"source": "provided", "chain": server.pem + between.pem, "key": server.key_pem()}
    own = stack.outputs()["ca_certificate"]
    for certificate in (
        {**stack.settings.get("certificate", {}), "authority": root.pem},
        {**provided, "authority": root.pem + own},
        {**provided, "authority": root.pem},
    ):
        stack.configure(certificate=certificate)
        stack.up()
        client_hosts.inside("one", f"curl -sf --cacert {FOLDER}/ca.crt https://registry.test/healthz")
        assert stack.preview() == []
    assert client_hosts.inside("two", f"sed 1d {FOLDER}/ca.crt") == root.pem.strip()
