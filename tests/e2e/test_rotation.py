"""The authority is rotated in three steps, or a name gives way to another: nobody is untrusted.

Costs 11 updates, 3 previews and a look, and two hosts.
"""

import re
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.run import run
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import PREFIX, Hosts
from tests.e2e.load import Load, certificate, docker_load
from tests.e2e.stack import Stack
from tests.e2e.watch import watched
from tests.unit.authority import issue

PASSWORD = "correct horse battery"
FOLDER = "/etc/docker/certs.d/registry.test"
CA = f"{FOLDER}/ca.crt"
OLD, BOTH, MOVED, NEW = (
    {"authorities": authorities} for authorities in (["2026"], ["2026", "2027"], ["2027", "2026"], ["2027"])
)


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(
        tmp_path_factory.mktemp("rotation"), "rotation", settings(found_images, client_hosts, "one", "two")
    ) as stack:
        stack.configure(deleteData=True, certificate=OLD)
        stack.up()
        yield stack


def served(client_hosts: Hosts) -> str:
    """Return the name of the authority that signed what is served now, as a client that trusts it sees it."""
    seen = certificate(NETWORK.gateway, client_hosts.inside("one", f"cat {CA}"))
    return seen.issuer.rfc4514_string().rpartition(" ")[2]


def authorities(client_hosts: Hosts) -> list[int]:
    """Return how many authorities each client trusts."""
    return [len(re.findall("BEGIN", client_hosts.inside(host, f"cat {CA}"))) for host in ("one", "two")]


def test_three_steps_with_a_client_down_in_the_first(stack: Stack, client_hosts: Hosts) -> None:
    two = f"{PREFIX}.12"
    reject = "INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset"
    with watched(client_hosts, "one") as by_one, watched(client_hosts, "two") as by_two:
        client_hosts.inside("two", f"iptables -I {reject}")
        stack.configure(certificate=BOTH)
        said = stack.fails()
        assert re.search(rf"{two}: .*nginx keeps the current certificate", said, re.DOTALL), said
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
        assert "two: CA not removed: curl is not installed on this client" in said
        assert authorities(client_hosts) == [1, 2]

        client_hosts.inside("two", "mv /usr/bin/curl.away /usr/bin/curl")
        stack.up()
        assert authorities(client_hosts) == [1, 1]
        assert stack.preview() == []
    for answers in (by_one, by_two):
        assert len(answers) > 100
        assert set(answers) == {"ok"}, "no client was ever without trust"


def test_a_chain_that_nobody_trusts_is_taken_back_in_one_update(stack: Stack, client_hosts: Hosts) -> None:
    root = issue("short", authority=True, path_length=0)
    between = issue("between", root, authority=True)
    server = issue("server", between, ["registry.test"])
    authority = client_hosts.inside("one", f"cat {CA}") + "\n" + root.pem
    broken = {"source": "provided", "chain": server.pem + between.pem, "key": server.key_pem(), "authority": authority}
    stack.configure(certificate=broken)
    # As it went through before there was a check.
    with stack.altered("any_chain"):
        assert "verification failed" in stack.fails()
    stack.configure(certificate=NEW)
    stack.up()
    assert stack.preview() == []
    assert served(client_hosts) == "2027"
    assert authorities(client_hosts) == [1, 1]


def test_an_alias_takes_the_place_of_the_domain(stack: Stack, client_hosts: Hosts) -> None:
    """Everybody may pull here, so that Docker gets tokens, by the name that it came by."""
    one, two = stack.settings["clients"]
    two = {**two, "runtimes": ["docker", "system"]}
    key = public_key(client_hosts)
    stack.configure(aliases=["mirror.test"], anonymousPull=["team"], clients=[one, two])
    stack.up()
    assert public_key(client_hosts) == key, "it is the same key"
    proofs = list(stack.outputs()["verification"].values())
    assert all(", also as mirror.test" in proof for proof in proofs)
    # Docker looks into the file every five seconds at most.
    client_hosts.inside("one", "cp /etc/hosts /tmp && sed 's/registry.test //' /tmp/hosts > /etc/hosts && sleep 6")
    client_hosts.fails("one", "docker pull registry.test/team/app:1 | grep -v 'no such host'")
    client_hosts.inside("one", "docker login -u ci --password-stdin mirror.test", PASSWORD)
    image = pushed(client_hosts, "mirror.test")
    client_hosts.inside("one", f"docker pull {image} && docker logout mirror.test && docker rmi {image}")
    client_hosts.inside("one", f"docker pull {image}")
    client_hosts.inside("one", "cat /tmp/hosts > /etc/hosts && sleep 6")
    client_hosts.inside("one", f"docker pull {image.replace('mirror', 'registry')}")
    client_hosts.inside("one", "docker login -u ci --password-stdin mirror.test:443", PASSWORD)
    client_hosts.inside("one", f"docker pull {pushed(client_hosts, 'mirror.test:443')}")
    client_hosts.inside("one", "docker login -u ci --password-stdin mirror.test", PASSWORD)
    assert client_hosts.inside("one", "head -n 1 /etc/hosts").split()[1:3] == ["registry.test", "mirror.test"]
    log = run(["docker", "logs", f"private-registry-{stack.name}-proxy"])
    assert all(f'"name":"{name}",' in log for name in ("registry.test", "mirror.test"))

    stack.configure(domain="mirror.test", aliases=["registry.test"])
    with (
        Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", PASSWORD).running() as tally,
        watched(client_hosts, "one") as answers,
        docker_load(client_hosts.container("two"), "registry.test", "ci", PASSWORD) as said,
    ):
        stack.up()
        assert stack.outputs()["registry"] == "mirror.test"
        client_hosts.inside("one", "docker pull " + pushed(client_hosts, "mirror.test"))
    assert len(answers) > 50
    assert set(answers) == {"ok"}, "the name of before was never without trust"
    assert [line for line in said if line.startswith("failed")] == []
    assert len(said) > 3
    assert tally.failures == []
    assert tally.images.total() > 10
    assert client_hosts.inside("one", "head -n 1 /etc/hosts").split()[1:3] == ["mirror.test", "registry.test"]
    assert stack.preview() == []
    client_hosts.inside("two", f"echo >> {CA}; rm /etc/docker/certs.d/registry.test:443")
    found = {f"{CA} has other content", "/etc/docker/certs.d/registry.test:443 is missing"}
    assert {(host, what) for host, what in stack.drifted()} == {(f"{PREFIX}.12", what) for what in found}


def public_key(client_hosts: Hosts) -> bytes:
    """Return the key that nginx serves with."""
    seen = certificate(NETWORK.gateway, client_hosts.inside("one", f"cat {CA}"))
    return seen.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pushed(client_hosts: Hosts, name: str) -> str:
    """Push a new image by a name of the registry; return what it is called there."""
    image = f"{name}/team/app:1"
    client_hosts.inside("one", f"date +%N | tar -cf - -T /dev/null | docker import - {image} && docker push {image}")
    client_hosts.inside("one", f"docker image rm --force {image}")
    return image
