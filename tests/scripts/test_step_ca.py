"""The same scripts with a private authority, step-ca: what it gives, how it is renewed, and what its refusals look like."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.troubleshooting import problem_of
from lab import images
from lab.run import run
from tests.acme import Authority
from tests.scripts.conftest import Shell
from tests.scripts.test_acme import DOMAIN, HTTP_PORT, STORE, Place, answering, dash, names_of, until
from tests.step_ca import REFUSED, step_ca

__all__ = ["dash"]


@pytest.fixture(scope="module")
def known(found_images: dict[str, str], gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with step_ca(tmp_path_factory.mktemp("step-ca"), gateway, HTTP_PORT, seconds=16) as known:
        yield known


@pytest.fixture
def place(known: Authority, tmp_path: Path) -> Iterator[Place]:
    tmp_path.chmod(0o755)
    run(["docker", "volume", "rm", "--force", STORE])
    yield Place(tmp_path, images.lego(), known)
    run(["docker", "volume", "rm", "--force", STORE])


def test_first(dash: Shell, place: Place) -> None:
    place.make(dash)
    with answering(place.known.address, place.tokens):
        assert place.ask(dash, aliases=["b.test"]) == ""
        first, key = place.certificate(), place.key()
        print((place.served / "one" / f"{DOMAIN}.crt").read_text())
        print(names_of(first), first.issuer, first.subject)
        with place.kept():
            for _ in range(2):
                before = place.certificate().serial_number
                until("another", lambda before=before: place.certificate().serial_number != before)
            print(run(["sh", "-c", f"docker logs private-registry-scripts-gw6-lego 2>&1"]))
            assert place.check() == ""
    assert place.key() == key


@pytest.mark.parametrize("case", ["name", "profile", "email", "trust", "port", "elsewhere", "record", "eab"])
def test_refused(dash: Shell, place: Place, case: str) -> None:
    import time
    place.make(dash)
    place.known.record("set-servfail", host="nowhere.test")
    t = time.time()
    if case == "name":
        said = place.ask(dash, domain=REFUSED)
    elif case == "profile":
        with answering(place.known.address, place.tokens):
            said = place.ask(dash, profile="long")
    elif case == "email":
        with answering(place.known.address, place.tokens):
            said = place.ask(dash, email="ops@nowhere.test")
    elif case == "trust":
        said = place.ask(dash, directoryAuthority=None)
    elif case == "port":
        said = place.ask(dash)
    elif case == "elsewhere":
        with answering(place.known.address, place.root):
            said = place.ask(dash)
    elif case == "record":
        said = place.ask(dash, domain="nowhere.test")
    else:
        from tests.acme import KEY, KEY_ID
        with answering(place.known.address, place.tokens):
            said = place.ask(dash, externalAccountKeyId=KEY_ID, externalAccountKey=KEY)
    print(case, time.time() - t, said, problem_of(said))
    print(place.known.log()[-1500:])
