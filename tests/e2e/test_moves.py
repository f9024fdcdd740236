"""Every move from one source of the certificate to another, each put back in its middle: nobody is cut off.

The tests are one story and run in this order, under one load and with two clients that ask without a pause. They cost
28 updates, three of which fail, and 2 previews.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509

from lab import images, servers
from tests.acme import Authority, authority
from tests.e2e.conftest import CA, NETWORK, settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.load import Connection, Load, Tally
from tests.e2e.stack import SERVER_FILES, Stack
from tests.e2e.watch import BY_THE_SYSTEM, watched
from tests.unit.authority import issue

NAME = "moves"
PREFIX = f"private-registry-{NAME}-"
OWN, BROUGHT, SIGNING, ASKED = "self-signed", "provided", "signing-authority", "acme"
WALK = (
    *(BROUGHT, OWN, BROUGHT, SIGNING, BROUGHT, SIGNING, ASKED, SIGNING, ASKED, OWN, ASKED, OWN),
    *(SIGNING, OWN, SIGNING, BROUGHT, ASKED, BROUGHT),
)
"""Between any two sources to and fro: each move is put back once it is served, and each way back too. The last one, to
an authority that is asked, has a test of its own."""
MOVES = list(zip((OWN, *WALK), WALK, strict=False))
TO_ASKED, TO_OWN = WALK.index(ASKED) + 1, WALK.index(ASKED) + 4


@dataclass
class Moving:
    """A stack on its way, and what its clients meet meanwhile."""

    stack: Stack
    hosts: Hosts
    asked: Authority
    tally: Tally
    answers: tuple[list[str], ...]
    given: dict[str, dict[str, Any]]
    """Source -> its settings, without what clients trust."""
    roots: dict[str, str]
    """Source -> by what clients know what is served from it."""
    source: str = OWN
    _seen: list[int] = field(default_factory=lambda: [0, 0])

    def up(self, source: str, *others: str) -> None:
        """Move to a source while clients trust those of others too, and see that it is served."""
        self.configure(source, *others)
        self.stack.up()
        if source == OWN:
            [made] = (one for one in self.stack.resources() if one["type"].endswith(":SelfSignedCert"))
            self.roots[OWN] = made["outputs"]["certPem"]
        self.source = source
        self.look()

    def configure(self, source: str, *others: str, **more: str) -> None:
        also = [self.roots[one] for one in others]
        trusted = "".join(also if source == OWN else [*also, self.roots[source]])
        authority = {"authority": trusted} if trusted else {}
        self.stack.configure(certificate={**self.given[source], **authority, **more})

    def fails(self, source: str, *others: str, **more: str) -> str:
        """Let a move fail, and see that what was served is served on."""
        self.configure(source, *others, **more)
        said = self.stack.fails()
        self.look()
        return said

    def look(self) -> None:
        """See that what is served is from the source that was served last, and that nobody was ever cut off."""
        issuer = self.served().issuer
        expected = {OWN: "authority 2026", BROUGHT: "brought", SIGNING: "team", ASKED: "Pebble"}[self.source]
        assert expected in issuer.rfc4514_string()
        assert self.tally.failures == []
        for number, answers in enumerate(self.answers):
            now = answers[:]
            assert set(now) == {"in"}, [one for one in now if one != "in"]
            assert len(now) > self._seen[number]
            self._seen[number] = len(now)

    def served(self) -> x509.Certificate:
        trusted = self.hosts.inside("one", f"cat {CA} {BY_THE_SYSTEM} 2> /dev/null || true")
        connection = Connection("registry.test", NETWORK.gateway, trusted, False)
        connection.connect()
        found = x509.load_der_x509_certificate(connection.sock.getpeercert(binary_form=True) or b"")
        connection.close()
        return found

    def trusted(self) -> list[int]:
        """Return how many authorities each client is given."""
        return [len(re.findall("BEGIN", self.hosts.inside(host, f"cat {CA}"))) for host in ("one", "two")]

    def is_tidy(self) -> None:
        """See that each client is given two authorities, and that of ACME is there what is needed, and nothing else."""
        assert self.trusted() == [2, 2]
        of_acme = [name for name in containers(PREFIX) if name.endswith(("-acme", "-challenge"))]
        assert len(of_acme) == (2 if self.source == ASKED else 0)
        folders = [SERVER_FILES / NAME / folder for folder in ("acme", "proxy/acme")]
        assert [folder.exists() for folder in folders] == [self.source == ASKED] * 2
        status = "curl -s -o /dev/null -w '%{http_code}' http://registry.test/v2/ || true"
        assert self.hosts.inside("one", status) == ("308" if self.source == ASKED else "000")

    @contextmanager
    def one_is_down(self) -> Iterator[None]:
        reject = "INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset"
        self.hosts.inside("two", f"iptables -I {reject}")
        try:
            yield
        finally:
            self.hosts.inside("two", f"iptables -D {reject}")


@pytest.fixture(scope="module")
def moving(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Moving]:
    given = settings(found_images, client_hosts, "one", "two")
    brought, team = issue("brought", authority=True, ends=1000), issue("team root", authority=True, ends=1000)
    server = issue("server", brought, ["registry.test"])
    between = issue("team", team, authority=True, ends=1000, path_length=0)
    load = Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", "correct horse battery")
    with (
        Stack(tmp_path_factory.mktemp(NAME), NAME, given) as stack,
        authority(servers.PEBBLE.ensure(), tmp_path_factory.mktemp("pebble"), NETWORK.gateway) as asked,
    ):
        of_acme = {**asked.settings, "profile": "default"}
        del of_acme["authority"]
        found = {"registry": found_images["registry"], "nginx": found_images["nginx"], "lego": images.lego()}
        stack.configure(protect=True, verification=False, images=found, certificate={"authorities": ["2026"]})
        stack.up()
        with (
            load.running() as tally,
            watched(client_hosts, "one") as by_one,
            watched(client_hosts, "two") as by_two,
        ):
            moving = Moving(
                stack,
                client_hosts,
                asked,
                tally,
                (by_one, by_two),
                {
                    OWN: {"authorities": ["2026"]},
                    BROUGHT: {"source": BROUGHT, "chain": server.pem, "key": server.key_pem()},
                    SIGNING: {"source": SIGNING, "chain": between.pem, "key": between.key_pem()},
                    ASKED: of_acme,
                },
                {BROUGHT: brought.pem, SIGNING: team.pem, ASKED: asked.issuer},
            )
            moving.up(OWN, BROUGHT)
            yield moving


def in_turn(first: int, end: int | None) -> pytest.MarkDecorator:
    """Run a test for some of the moves."""
    return pytest.mark.parametrize(("source", "target"), MOVES[first:end])


def test_to_a_certificate_that_is_brought_along_with_a_client_down(moving: Moving) -> None:
    before = moving.roots[OWN]
    with moving.one_is_down():
        assert "nginx keeps the current certificate" in moving.fails(BROUGHT, OWN, SIGNING)
        assert moving.trusted() == [3, 2]
        moving.up(OWN, BROUGHT)
    assert moving.trusted() == [2, 2]
    assert moving.roots[OWN] == before, "the same authority signs"


@in_turn(0, TO_ASKED)
def test_move(moving: Moving, source: str, target: str) -> None:
    moving.up(target, source)
    moving.is_tidy()


def test_from_an_authority_that_is_asked_without_its_root(moving: Moving) -> None:
    before = containers(PREFIX)
    said = moving.fails(SIGNING)
    assert "the certificate of registry.test is not signed by any of the remaining CAs" in said
    assert "nothing that the previous one needs is removed" in said
    assert containers(PREFIX) == before
    moving.up(ASKED, SIGNING)
    assert moving.stack.preview() == []
    moving.is_tidy()


@in_turn(TO_ASKED, TO_OWN)
def test_move_on(moving: Moving, source: str, target: str) -> None:
    moving.up(target, source)
    moving.is_tidy()


def test_to_an_authority_that_refuses(moving: Moving) -> None:
    before = moving.roots[OWN]
    moving.asked.record("set-servfail", host="registry.test")
    # What it gave before is still in the volume, so another one is asked for.
    said = moving.fails(ASKED, OWN, rotation="refused")
    assert f"no certificate from {NETWORK.gateway}:14000, the current one stays in use" in said
    assert "The CA finds no address for private-registry:domain in the DNS" in said
    moving.asked.record("clear-servfail", host="registry.test")
    moving.up(OWN, ASKED)
    assert moving.roots[OWN] == before, "the same authority signs"
    moving.is_tidy()


@in_turn(TO_OWN, None)
def test_move_to_the_end(moving: Moving, source: str, target: str) -> None:
    moving.up(target, source)
    moving.is_tidy()


def test_to_an_authority_that_the_systems_of_clients_trust(moving: Moving) -> None:
    """First what was trusted stays besides, then it goes; both ask for another certificate."""
    for host in ("one", "two"):
        moving.hosts.inside(host, f"cat > {BY_THE_SYSTEM} && update-ca-certificates", moving.asked.issuer)
    moving.source = ASKED
    for number, also in enumerate(({"public": True, "authority": moving.roots[BROUGHT]}, {})):
        public = {**moving.given[ASKED], **also, "rotation": str(number)}
        moving.stack.configure(verification=True, certificate=public)
        moving.stack.up()
        moving.look()
        assert len(list((SERVER_FILES / NAME / "proxy/acme").iterdir())) == 1, "that of before is gone"
    assert moving.tally.images.total() > 100
    assert moving.hosts.inside("one", "ls /etc/docker/certs.d 2> /dev/null || true") == ""
    assert moving.stack.preview() == []
