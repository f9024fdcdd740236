"""The authority is rotated in three steps, and one client is down in the first: nobody is ever untrusted."""

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography import x509

from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import PREFIX, Hosts
from tests.e2e.load import Connection
from tests.e2e.stack import Stack

FOLDER = "/etc/docker/certs.d/registry.test"
CA = f"{FOLDER}/ca.crt"
OLD, BOTH, MOVED, NEW = (
    {"authorities": authorities} for authorities in (["2026"], ["2026", "2027"], ["2027", "2026"], ["2027"])
)
WATCH = f"""
cp /usr/bin/curl /tmp/watching-curl
while [ ! -e /tmp/watch.stop ]; do
	/tmp/watching-curl -sS --max-time 10 --cacert {CA} https://registry.test/healthz 2>&1
	sleep 0.1
done
rm /tmp/watch.stop /tmp/watching-curl
"""


@contextmanager
def watched(client_hosts: Hosts, host: str) -> Iterator[list[str]]:
    """Ask the registry from a client, trusting what it trusts, while the body runs; yields the answers."""
    command = ["docker", "exec", client_hosts.container(host), "timeout", "900", "sh", "-c", WATCH]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        answers: list[str] = []
        assert process.stdout
        reader = threading.Thread(target=lambda stream: answers.extend(map(str.strip, stream)), args=(process.stdout,))
        reader.start()
        try:
            yield answers
        finally:
            client_hosts.inside(host, "touch /tmp/watch.stop")
            reader.join(timeout=60)


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("rotation"), "rotation", settings(found_images, client_hosts, "one", "two"))
    stack.configure(deleteData=True, certificate=OLD)
    stack.up()
    yield stack
    stack.destroy()


def served(client_hosts: Hosts) -> str:
    """Return the name of the authority that signed what is served now, as a client that trusts it sees it."""
    connection = Connection("registry.test", NETWORK.gateway, client_hosts.inside("one", f"cat {CA}"), False)
    connection.connect()
    certificate = x509.load_der_x509_certificate(connection.sock.getpeercert(binary_form=True) or b"")
    connection.close()
    return certificate.issuer.rfc4514_string().rpartition(" ")[2]


def authorities(client_hosts: Hosts) -> list[int]:
    """Return how many authorities each client trusts."""
    return [len(re.findall("BEGIN", client_hosts.inside(host, f"cat {CA}"))) for host in ("one", "two")]


def test_three_steps_with_a_client_down_in_the_first(stack: Stack, client_hosts: Hosts) -> None:
    two = f"registry-trust-{PREFIX}.12"
    reject = "INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset"
    with watched(client_hosts, "one") as by_one, watched(client_hosts, "two") as by_two:
        client_hosts.inside("two", f"iptables -I {reject}")
        stack.configure(certificate=BOTH)
        said = stack.fails()
        assert re.search(rf"{two}: .*nginx keeps its certificate; all else goes on", said), said
        assert authorities(client_hosts) == [2, 1]

        stack.configure(certificate=MOVED)
        said = stack.fails()
        assert f"{two}: " in said, "what holds the second step back is named"
        assert served(client_hosts) == "2026", "nginx waits for the client that is down"

        client_hosts.inside("two", f"iptables -D {reject}")
        stack.up()
        assert authorities(client_hosts) == [2, 2]
        assert served(client_hosts) == "2027"

        client_hosts.inside("two", "mv /usr/bin/curl /usr/bin/curl.away")
        stack.configure(certificate=NEW)
        said = stack.fails()
        assert "two: an authority can't be dropped: without curl on this client nobody knows" in said
        assert authorities(client_hosts) == [1, 2]

        client_hosts.inside("two", "mv /usr/bin/curl.away /usr/bin/curl")
        stack.up()
        assert authorities(client_hosts) == [1, 1]
        assert stack.preview() == []
    for answers in (by_one, by_two):
        assert len(answers) > 100
        assert set(answers) == {"ok"}, "no client was ever without trust"
