"""A CA is rotated on many clients of mixed runtimes, and three are down in between: who answers trusts all the time.

Costs 6 updates and two hosts, one of each generation of Debian. No client proves anything: the test asks the registry
by what each trusts, while the updates run. The proof by the real programs is seen in ``tests/scripts``.
"""

import re
import time
from collections.abc import Collection, Iterator, Mapping

import pytest

from tests.e2e.conftest import NETWORK
from tests.e2e.fleet import RUNTIMES, Fleet
from tests.e2e.hosts import PREFIX, free_addresses
from tests.e2e.load import certificate
from tests.e2e.stack import Stack

COUNT, DOWN = 20, (0, 9, 10)
"""So many clients, and which are down: of Docker, K3s and the system, on both hosts. With 50 it was seen too."""
BOTH, MOVED, NEW = ({"authorities": authorities} for authorities in (["2026", "2027"], ["2027", "2026"], ["2027"]))
SILENT, REFUSED = "DROP", "REJECT --reject-with tcp-reset"
UNREACHED = re.compile(
    rf"({re.escape(PREFIX)}\.\d+)(?: does not trust the registry yet)?: (?:no answer within|Connection refused)"
)


@pytest.fixture(scope="module")
def fleet(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(PREFIX, NETWORK.name, tmp_path_factory.mktemp("fleet"), COUNT)
    fleet.stop()
    free_addresses()
    fleet.start()
    yield fleet
    fleet.stop()


@pytest.fixture(scope="module")
def stack(found_images: dict[str, str], fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {
        "domain": "registry.test",
        "bindAddress": fleet.network.gateway,
        "images": {name: found_images[name] for name in ("registry", "nginx")},
        "users": [{"name": "ci", "password": "correct horse battery"}],
        "clients": fleet.clients(),
        "certificate": {"authorities": ["2026"]},
        "verification": False,
        "deleteData": True,
    }
    with Stack(tmp_path_factory.mktemp("stack"), "fleet", settings) as stack:
        stack.up()
        yield stack


class Seen:
    """What clients were answered, step by step."""

    def __init__(self, answers: Mapping[str, list[str]]) -> None:
        self._answers = answers
        self._looked_at: dict[str, int] = {}

    def ends(self, trusting: Collection[str]) -> None:
        """See that each of these clients was answered in this step, and trusted each answer."""
        for address in trusting:
            found = self._answers[address][self._looked_at.get(address, 0) :]
            assert {*found} == {"200"}, f"{address}: {found}"
        self._looked_at = {address: len(found) for address, found in self._answers.items()}

    def loses(self, untrusting: Collection[str]) -> None:
        """Wait until each of these clients trusts no answer: what is asked here sees who does not trust."""
        deadline = time.monotonic() + 30
        while any("certificate" not in self._answers[address][-1] for address in untrusting):
            assert time.monotonic() < deadline, {address: self._answers[address][-1] for address in untrusting}
            time.sleep(0.1)


def test_who_answers_trusts_all_the_time(stack: Stack, fleet: Fleet) -> None:
    down = [fleet.members[number] for number in DOWN]
    away = {member.address for member in down}
    everybody = {member.address for member in fleet.members}
    answering = everybody - away
    assert {member.runtime for member in fleet.members if member.address in answering} == {*RUNTIMES}

    def update() -> set[str]:
        """Update; return who was not reached."""
        stack.log = ""
        stack.up()
        return {*UNREACHED.findall(stack.log)}

    def served() -> str:
        found = certificate(fleet.network.gateway, "\n".join(fleet.trusted()[min(answering)]))
        return found.issuer.rfc4514_string().rpartition(" ")[2]

    def counted() -> tuple[set[int], set[int]]:
        """Return how many authorities those trust that answer, and those that are down."""
        found = fleet.trusted()
        return {len(found[address]) for address in answering}, {len(found[address]) for address in away}

    with fleet.probed() as answers:
        seen = Seen(answers)
        fleet.turned(down, "-I", SILENT)
        stack.configure(certificate=BOTH, clientsShare=100 * len(answering) // COUNT)
        assert update() == away, "so many may be down"
        assert counted() == ({2}, {1})
        seen.ends(trusting=everybody)

        fleet.turned(down, "-D", SILENT)
        fleet.turned(down, "-I", REFUSED)
        stack.configure(certificate=MOVED, clientsShare=None)
        assert {*UNREACHED.findall(stack.fails())} == away
        assert served() == "2026", "nginx waits for those that are down"
        seen.ends(trusting=everybody)

        stack.configure(clients=fleet.clients(not_required=away))
        assert update() == away
        assert served() == "2027", "nginx waits for them no more"
        assert counted() == ({2}, {1})
        seen.loses(away)
        seen.ends(trusting=answering)

        fleet.turned(down, "-D", REFUSED)
        fleet.connections()
        assert update() == set()
        assert {*fleet.connections()} == away, "no other client lacks anything"
        assert counted() == ({2}, {2})
        seen.ends(trusting=answering)

        stack.configure(certificate=NEW)
        assert update() == set()
        assert counted() == ({1}, {1})
        seen.ends(trusting=everybody)
