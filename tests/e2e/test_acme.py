"""A certificate by ACME for two names: the first one, and renewals by the server alone.

The tests are one story and run in this order: first with step-ca, from then on with pebble. They cost three updates,
two previews and a removal. test_moves.py has the ways to other sources.
"""

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography import x509

from components.settings.certificates import Renewal
from lab import images, servers
from lab.run import run
from operations.expiry import State, look
from tests.acme import Authority, authority
from tests.e2e.conftest import CA, NETWORK, settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.load import Connection, Load, docker_load
from tests.e2e.stack import SERVER_FILES, Stack
from tests.step_ca import step_ca

NAME = "acme"
PREFIX = f"private-registry-{NAME}"
NAMES = ["registry.test", "mirror.test"]
RENEWALS = 1
SECONDS = 60
"""How long a certificate lives. Half of it has to be enough for a renewal, also on a busy machine: lego proves one name
after the other, and looks every five seconds whether one is proven."""


@pytest.fixture(scope="module")
def known(client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    client_hosts.start("one")
    programs = servers.PEBBLE.ensure()
    with authority(programs, tmp_path_factory.mktemp("pebble"), NETWORK.gateway, seconds=SECONDS) as known:
        yield known


@pytest.fixture(scope="module")
def team(known: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority of the team's own."""
    with step_ca(tmp_path_factory.mktemp("step-ca"), known.address, seconds=24 * 3600) as team:
        yield team


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, team: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    given = settings(found_images, client_hosts, "one")
    with Stack(tmp_path_factory.mktemp(NAME), NAME, given) as stack:
        of_lego = {"registry": found_images["registry"], "nginx": found_images["nginx"], "lego": images.lego()}
        stack.configure(deleteData=True, images=of_lego, certificate=team.settings, aliases=NAMES[1:])
        yield stack


def served(client_hosts: Hosts) -> x509.Certificate:
    """Return what is served now to a client that trusts it."""
    connection = Connection("registry.test", NETWORK.gateway, client_hosts.inside("one", f"cat {CA}"), False)
    connection.connect()
    found = x509.load_der_x509_certificate(connection.sock.getpeercert(binary_form=True) or b"")
    connection.close()
    return found


def issuer(client_hosts: Hosts) -> str:
    return served(client_hosts).issuer.rfc4514_string()


def names_of(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)


def wait_for_renewals(client_hosts: Hosts, number: int) -> None:
    """Look at what is served until it was renewed; it is never one that has ended."""
    seen = {served(client_hosts).serial_number}
    deadline = time.monotonic() + 2 * SECONDS * number
    while len(seen) <= number:
        assert time.monotonic() < deadline, run(["docker", "logs", f"{PREFIX}-acme"])
        found = served(client_hosts)
        assert found.not_valid_after_utc > datetime.now(UTC)
        assert sorted(names_of(found)) == sorted(NAMES)
        seen.add(found.serial_number)
        time.sleep(0.5)


def first_process(container: str) -> int:
    """Wait until a container runs; return its first process."""
    deadline = time.monotonic() + 30
    while not (process := int(run(["docker", "inspect", "--format", "{{.State.Pid}}", container]))):
        assert time.monotonic() < deadline, f"{container} was not started again"
        time.sleep(0.1)
    return process


def curl(client_hosts: Hosts, path: str) -> str:
    """Return status and target of what port 80 answers a client."""
    return client_hosts.inside(
        "one", f"curl -s -o /dev/null -w '%{{http_code}} %{{redirect_url}}' http://registry.test{path} || true"
    )


def test_the_first_certificate_is_there_before_anybody_is_served(
    stack: Stack, client_hosts: Hosts, team: Authority
) -> None:
    stack.up()
    assert issuer(client_hosts) == "CN=Team Intermediate CA"
    assert client_hosts.inside("one", f"sed 1d {CA}") == team.issuer.strip(), "the root is all that a client was given"
    assert "pulled sha256:" in "".join(stack.outputs()["verification"].values())
    assert curl(client_hosts, "/v2/") == "308 https://registry.test/v2/"
    assert curl(client_hosts, "/.well-known/acme-challenge/none") == "404"
    assert stack.preview() == []


def test_another_authority_takes_over_and_no_request_fails(
    stack: Stack, client_hosts: Hosts, team: Authority, known: Authority
) -> None:
    load = Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", "correct horse battery")
    with load.running() as tally:
        stack.configure(certificate={**known.settings, "authority": team.issuer + known.issuer})
        stack.up()
        assert "Pebble" in issuer(client_hosts)
    assert tally.failures == []
    assert tally.images.total() > 20


def test_it_is_renewed_by_the_server_alone_and_no_request_fails(
    stack: Stack, client_hosts: Hosts, known: Authority
) -> None:
    before = containers(PREFIX)
    load = Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", "correct horse battery")
    with (
        docker_load(client_hosts.container("one"), "registry.test", "ci", "correct horse battery") as said,
        load.running() as tally,
    ):
        wait_for_renewals(client_hosts, RENEWALS)
    assert tally.failures == []
    assert tally.images.total() > 20
    assert [line for line in said if line.startswith("failed")] == []
    assert len(said) > 5
    assert containers(PREFIX) == before, "no container is another one, and none was started again"
    assert known.log().count("Issued certificate") >= RENEWALS
    report = look({"url": f"https://{NETWORK.gateway}", "renewal": stack.outputs()["renewal"]})
    [of_server, *_] = report.certificates
    assert of_server.renewal == Renewal("server")
    assert report.state(of_server) is State.OK, "its life is short"


def test_it_is_renewed_on_after_a_change_of_names_and_a_kill_of_everything(stack: Stack, client_hosts: Hosts) -> None:
    load = Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", "correct horse battery")
    with load.running() as tally:
        stack.configure(domain=NAMES[1], aliases=NAMES[:1])
        stack.up()
    assert tally.failures == []
    assert tally.images.total() > 10
    assert stack.preview() == []
    # As the kernel does when memory runs out, while it may be renewed: Docker is told of nothing.
    for _ in range(3):
        for name in ("acme", "challenge", "proxy"):
            os.kill(first_process(f"{PREFIX}-{name}"), signal.SIGKILL)
        first_process(f"{PREFIX}-proxy")
        time.sleep(3)
        assert served(client_hosts).not_valid_after_utc > datetime.now(UTC)
    wait_for_renewals(client_hosts, RENEWALS)


def test_a_destroy_takes_all_of_it(stack: Stack) -> None:
    stack.destroy()
    assert containers(PREFIX) == {}
    assert run(["docker", "volume", "ls", "--quiet", "--filter", f"name=^{PREFIX}-"]) == ""
    assert not (SERVER_FILES / NAME).exists()
