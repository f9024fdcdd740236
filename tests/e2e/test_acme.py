"""A certificate by ACME: the first one, renewals by the server alone, and the ways to another source and back.

The tests are one story and run in this order. They cost three updates, one that is refused, one preview and a removal.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography import x509

from lab import acme, images
from lab.run import run
from operations.expiry import State, look
from tests.acme import Authority, authority
from tests.e2e.conftest import CA, NETWORK, settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.load import Connection, Load, docker_load
from tests.e2e.stack import SERVER_FILES, Stack

NAME = "acme"
PREFIX = f"private-registry-{NAME}"
RENEWALS = 2
SECONDS = 40
"""How long a certificate lives: a third of it has to be enough for a renewal, also on a busy machine."""


@pytest.fixture(scope="module")
def known(client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    client_hosts.start("one")
    with authority(acme.ensure(), tmp_path_factory.mktemp("pebble"), NETWORK.gateway, seconds=SECONDS) as known:
        yield known


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, known: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    given = settings(found_images, client_hosts, "one")
    with Stack(tmp_path_factory.mktemp(NAME), NAME, given) as stack:
        of_lego = {"registry": found_images["registry"], "nginx": found_images["nginx"], "lego": images.lego()}
        stack.configure(deleteData=True, images=of_lego, certificate=known.settings)
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


def test_the_first_certificate_is_there_before_anybody_is_served(stack: Stack, client_hosts: Hosts) -> None:
    stack.up()
    assert "Pebble" in issuer(client_hosts)
    assert "pulled sha256:" in "".join(stack.outputs()["verification"].values())
    assert curl(client_hosts, "/v2/") == "308 https://registry.test/v2/"
    assert curl(client_hosts, "/.well-known/acme-challenge/none") == "404"
    assert stack.preview() == []


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
    assert of_server.renewal == "the server, by itself"
    assert report.state(of_server) is State.OK, "its life is short"


def test_ways_to_another_source_and_back_cut_off_nobody(stack: Stack, client_hosts: Hosts, known: Authority) -> None:
    load = Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", "correct horse battery")
    with load.running() as tally:
        stack.configure(certificate={"authorities": ["2026"], "authority": known.issuer})
        stack.up()
        assert "2026" in issuer(client_hosts)
        assert curl(client_hosts, "/v2/") == "000"
        assert not [name for name in containers(PREFIX) if name.endswith(("-acme", "-challenge"))]
        assert not (SERVER_FILES / NAME / "acme").exists()

        own = client_hosts.inside("one", f"cat {CA}") + "\n"
        known.record("set-servfail", host="registry.test")
        stack.configure(certificate={**known.settings, "authority": own})
        said = stack.fails()
        assert f"no certificate from {NETWORK.gateway}:14000, the current one stays in use" in said
        assert "The CA finds no address for private-registry:domain in the DNS" in said
        assert "2026" in issuer(client_hosts)
        assert "tls:index/selfSignedCert:SelfSignedCert" in {one["type"] for one in stack.resources()}, "the way back"

        # As with a public authority: the client's system trusts it, and the old one stays in Docker's folder besides.
        system = "/usr/local/share/ca-certificates/pebble.crt"
        client_hosts.inside("one", f"cat > {system} && update-ca-certificates", known.issuer)
        known.record("clear-servfail", host="registry.test")
        stack.configure(certificate={**known.settings, "public": True, "authority": own})
        stack.up()
        assert "Pebble" in issuer(client_hosts)
    assert tally.failures == []
    assert tally.images.total() > 20
    stack.destroy()
    assert containers(PREFIX) == {}
    assert run(["docker", "volume", "ls", "--quiet", "--filter", f"name=^{PREFIX}-"]) == ""
    assert not (SERVER_FILES / NAME).exists()
