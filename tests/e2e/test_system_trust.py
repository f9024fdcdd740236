"""Clients that trust by the machine's store, alone or beside Docker's folder; another stack has one of them too.

The tests are one story and run in this order. They cost seven updates and two previews, of two stacks.
"""

import json
import subprocess
from collections.abc import Iterator

import pytest

from components.clients.docker import Docker
from components.clients.runtime import Known
from components.clients.system import System
from components.scripts.script import with_payload, words
from lab.engine import go_build
from lab.places import PROJECT
from lab.run import run
from tests.e2e.conftest import settings
from tests.e2e.hosts import PREFIX, Hosts
from tests.e2e.stack import Stack

ANCHORS, BUNDLE = "/usr/local/share/ca-certificates", "/etc/ssl/certs/ca-certificates.crt"
KNOWN = Known("registry.test", "registry.test:443", "", has_authorities=True)
ONE, TWO = f"{PREFIX}.11", f"{PREFIX}.12"


def runtimes(client_hosts: Hosts, **of: list[str]) -> list[dict[str, object]]:
    return [{**client_hosts.clients[host], "runtimes": known} for host, known in of.items()]


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    known = settings(found_images, client_hosts)
    with Stack(tmp_path_factory.mktemp("system"), "system", known) as stack:
        stack.configure(
            deleteData=True,
            certificate={"authorities": ["2026"]},
            clients=runtimes(client_hosts, one=["docker", "system"], two=["system"]),
        )
        yield stack


@pytest.fixture(scope="module")
def other(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    known = settings(found_images, client_hosts)
    with Stack(tmp_path_factory.mktemp("beside"), "beside", known) as other:
        other.configure(
            domain="beside.test", httpsPort=8443, deleteData=True, clients=runtimes(client_hosts, one=["system"])
        )
        yield other


@pytest.fixture(scope="module")
def in_go(client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give the hosts a program in Go, which trusts by the system's store where nothing else is said."""
    program = tmp_path_factory.mktemp("go") / "clients"
    go_build(PROJECT / "tests/scripts/clients", ".", program, cgo=False)
    for host in ("one", "two"):
        run(["docker", "cp", program, f"{client_hosts.container(host)}:/usr/local/bin/shake-hands"])


@pytest.fixture(scope="module")
def before(client_hosts: Hosts) -> dict[str, str]:
    return {host: store(client_hosts, host) for host in ("one", "two")}


def store(client_hosts: Hosts, host: str) -> str:
    """Return a host's store with modes, digests and what links lead to, and what is Docker's and in the hosts file."""
    folders = f"{ANCHORS} /etc/ssl/certs"
    found = client_hosts.inside(
        host,
        f"find {folders} -type l -printf '%p %l\\n' | sort; find {folders} -printf '%p %m %u\\n' | sort;"
        f"find {folders} -type f -exec sha256sum {{}} + | sort",
    )
    return found + client_hosts.fingerprint(host)


def curl(client_hosts: Hosts, host: str, url: str = "https://registry.test/v2/") -> str:
    return client_hosts.inside(host, f"curl -sS -o /dev/null -w '%{{http_code}}' {url}")


def shake_hands(client_hosts: Hosts, host: str, address: str = "registry.test:443") -> str:
    """Return the error of the program in Go, or nothing."""
    asked = json.dumps({"Address": address, "Name": address.partition(":")[0]})
    return client_hosts.inside(host, "shake-hands", f"{asked}\n")


def anchors(client_hosts: Hosts, host: str, registry: str = "registry.test") -> list[str]:
    return client_hosts.inside(host, f"ls {ANCHORS} | grep _{registry}_ || true").split()


def test_clients_trust_by_the_store(stack: Stack, client_hosts: Hosts, before: dict[str, str], in_go: None) -> None:
    assert before
    # The second one has no Docker.
    client_hosts.inside("two", "mv /usr/bin/docker /usr/bin/docker.away")
    stack.up()
    proofs = stack.outputs()["verification"]
    assert proofs[TWO] == "trusted by the system, 401 without a login"
    assert "pulled sha256:" in proofs[ONE]
    assert "; trusted by the system" in proofs[ONE]
    for host in ("one", "two"):
        assert len(anchors(client_hosts, host)) == 1
        assert curl(client_hosts, host) == "401"
        assert shake_hands(client_hosts, host) == ""
    assert "certs.d" not in client_hosts.inside("two", "ls /etc/docker")
    assert stack.preview() == []


def test_another_stack_is_trusted_on_the_same_host(stack: Stack, other: Stack, client_hosts: Hosts) -> None:
    other.up()
    assert curl(client_hosts, "one", "https://beside.test:8443/v2/") == "401"
    assert len(anchors(client_hosts, "one", "beside.test_8443")) == 1
    assert curl(client_hosts, "one") == "401"
    assert stack.drifted() == []


def test_the_proof_fails_where_the_store_has_no_authority(client_hosts: Hosts) -> None:
    """And Docker's knows that the store may have one of ours, and none of others."""
    system, docker = System().proof(KNOWN, "verification"), Docker().proof(KNOWN, "verification")
    text = with_payload(system.script, {}, system.parts)
    start = f"sh -s -- {words(**system.words)}"
    assert "trusted by the system" in client_hosts.inside("two", start, text)
    client_hosts.inside(
        "two", f"mkdir /tmp/kept && mv /etc/ssl/certs/* /tmp/kept; head -n 30 /tmp/kept/*crt > {BUNDLE}"
    )
    said = client_hosts.fails("two", start, text)
    assert 'verification failed at "TLS with the system\'s trust store": ' in said
    client_hosts.inside("two", f"rm {BUNDLE} && mv /tmp/kept/* /etc/ssl/certs && rmdir /tmp/kept")

    assert docker.payload
    text = with_payload(docker.script, docker.payload("wrong"), docker.parts)
    start = f"sh -s -- {words(**docker.words)}"
    assert 'failed at "docker login"' in client_hosts.fails("one", start, text)
    [file] = anchors(client_hosts, "one")
    client_hosts.inside("one", f"mv {ANCHORS}/{file} {ANCHORS}/company.crt")
    said = client_hosts.fails("one", start, text)
    assert 'failed at "TLS is refused without ca.crt"' in said
    client_hosts.inside("one", f"mv {ANCHORS}/company.crt {ANCHORS}/{file}")


def test_what_is_changed_by_hand_is_found_and_repaired(stack: Stack, client_hosts: Hosts) -> None:
    kept = {host: store(client_hosts, host) for host in ("one", "two")}
    [one], [two] = (anchors(client_hosts, host) for host in ("one", "two"))
    client_hosts.inside("one", f"rm {ANCHORS}/{one} && update-ca-certificates --fresh")
    client_hosts.inside("two", f"cp /usr/share/ca-certificates/mozilla/*ISRG*X1* {ANCHORS}/{two}")
    assert set(stack.drifted()) == {
        (ONE, f"{ANCHORS}/{one} is missing"),
        (TWO, f"{ANCHORS}/{two} has other content"),
    }
    assert stack.drifted("--repair") == []
    client_hosts.inside("two", f"head -n 30 {BUNDLE} > /tmp/b && cp /tmp/b {BUNDLE} && rm /tmp/b")
    assert stack.drifted() == [(TWO, f"{BUNDLE} does not contain the certificate in {ANCHORS}/{two}")]
    assert stack.drifted("--repair") == []
    assert {host: store(client_hosts, host) for host in ("one", "two")} == kept


def test_an_authority_goes_only_when_another_signs(stack: Stack, client_hosts: Hosts) -> None:
    kept = store(client_hosts, "two")
    stack.configure(certificate={"authorities": ["2027"]})
    said = stack.fails()
    assert f"{ONE}, {TWO}: Without this CA the client would no longer trust the registry" in said
    assert store(client_hosts, "two") == kept


WATCH = """
while [ ! -e /tmp/watch.stop ]; do
	curl -sS -o /dev/null -w '%{http_code}\\n' https://registry.test/v2/ 2>&1
	sleep 0.1
done
rm /tmp/watch.stop
"""


def test_authority_and_runtimes_change_and_trust_stays(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("two", "mv /usr/bin/docker.away /usr/bin/docker")
    command = ["docker", "exec", client_hosts.container("one"), "timeout", "600", "sh", "-c", WATCH]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        stack.configure(
            certificate={"authorities": ["2027", "2026"]},
            clients=runtimes(client_hosts, one=["system"], two=["docker", "system"]),
        )
        stack.up()
        client_hosts.inside("one", "touch /tmp/watch.stop")
        answers, _ = watching.communicate(timeout=60)
    assert len(answers.split()) > 20
    assert set(answers.split()) == {"401"}, "by the same name, and trusted"
    assert [len(anchors(client_hosts, host)) for host in ("one", "two")] == [2, 2]
    assert "certs.d" not in client_hosts.inside("one", "ls /etc/docker")
    assert client_hosts.inside("one", "grep -c registry.test /etc/hosts") == "1"
    assert "pulled sha256:" in stack.outputs()["verification"][TWO]


def test_back_to_docker_alone_the_store_is_as_it_was(
    stack: Stack, other: Stack, client_hosts: Hosts, before: dict[str, str], in_go: None
) -> None:
    stack.configure(
        certificate={"authorities": ["2027"]}, clients=runtimes(client_hosts, one=["docker"], two=["docker"])
    )
    stack.up()
    assert all("pulled sha256:" in proof for proof in stack.outputs()["verification"].values())
    assert stack.preview() == []
    for host in ("one", "two"):
        assert anchors(client_hosts, host) == []
        assert "x509: certificate signed by unknown authority" in shake_hands(client_hosts, host)
    assert curl(client_hosts, "one", "https://beside.test:8443/v2/") == "401"
    assert shake_hands(client_hosts, "one", "beside.test:8443") == ""
    other.destroy()
    stack.destroy()
    assert {host: store(client_hosts, host) for host in ("one", "two")} == before
