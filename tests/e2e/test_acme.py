"""A certificate by ACME: the first one, and renewals by the server alone. test_moves.py has the ways to other sources.

The tests are one story and run in this order: first with step-ca, from then on with pebble. They cost two updates, a preview
and a removal.
"""

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
RENEWALS = 2
SECONDS = 40
"""How long a certificate lives: a third of it has to be enough for a renewal, also on a busy machine."""


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
        stack.configure(deleteData=True, images=of_lego, certificate=team.settings)
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
    assert client_hosts.inside("one", f"cat {CA}") == team.issuer.strip(), "the root is all that a client was given"
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
    seen = {served(client_hosts).serial_number}
    with (
        docker_load(client_hosts.container("one"), "registry.test", "ci", "correct horse battery") as said,
        load.running() as tally,
    ):
        deadline = time.monotonic() + 4 * known.seconds
        while len(seen) <= RENEWALS:
            assert time.monotonic() < deadline, run(["docker", "logs", f"{PREFIX}-acme"])
            found = served(client_hosts)
            assert found.not_valid_after_utc > datetime.now(UTC)
            seen.add(found.serial_number)
            time.sleep(0.5)
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


def test_a_destroy_takes_all_of_it(stack: Stack) -> None:
    stack.destroy()
    assert containers(PREFIX) == {}
    assert run(["docker", "volume", "ls", "--quiet", "--filter", f"name=^{PREFIX}-"]) == ""
    assert not (SERVER_FILES / NAME).exists()
