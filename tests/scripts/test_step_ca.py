"""The same scripts with a private authority, step-ca: its chain, its renewals without ARI, and its refusals."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.certificates.acme import settings_text
from components.settings.chain import mistakes
from components.troubleshooting import problem_of
from lab import images
from lab.run import run
from tests.acme import Authority
from tests.scripts.conftest import Shell
from tests.scripts.test_acme import DOMAIN, HTTP_PORT, KEEPER, STORE, Place, answering, names_of, until
from tests.step_ca import REFUSED, step_ca


@pytest.fixture(scope="module")
def known(found_images: dict[str, str], gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with step_ca(tmp_path_factory.mktemp("step-ca"), gateway, HTTP_PORT, seconds=12) as known:
        yield known


@pytest.fixture
def place(known: Authority, tmp_path: Path) -> Iterator[Place]:
    tmp_path.chmod(0o755)
    run(["docker", "volume", "rm", "--force", STORE])
    yield Place(tmp_path, images.lego(), known)
    run(["docker", "volume", "rm", "--force", STORE])


def test_clients_that_trust_the_root_alone_accept_each_certificate(dash: Shell, place: Place) -> None:
    def judged() -> list[str]:
        chain = (place.served / f"one/{DOMAIN}.crt").read_text()
        assert chain.count("BEGIN CERTIFICATE") == 2, "the intermediate comes along"
        return list(mistakes(DOMAIN, chain, place.key(), place.known.issuer, ["b.test"]))

    place.make(dash)
    with answering(place.known.address, place.tokens):
        assert place.ask(dash, aliases=["b.test"], keyType="P-384") == ""
        assert judged() == []
        first, key = place.certificate(), place.key()
        # Unlike pebble it knows the account again.
        place.known.stop()
        place.known.start()
        with place.kept():
            until("another one", lambda: place.certificate() != first)
            assert judged() == []
            assert names_of(place.certificate()) == {DOMAIN, "b.test"}
            assert place.key() == key
            assert place.check() == ""
            assert "renewal info" not in run(["sh", "-c", f"docker logs {KEEPER} 2>&1"])


def test_a_name_that_its_policy_refuses(dash: Shell, place: Place) -> None:
    place.make(dash)
    said = place.ask(dash, domain=REFUSED)
    problem = problem_of(said)
    assert problem is not None
    assert problem.key == "acme-name", said
    assert place.live == ""


def test_a_proof_that_it_did_not_find_is_not_waited_for(
    dash: Shell, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{Place.__module__}.settings_text", lambda *given: settings_text(*given) + "patience=2\n")
    place.make(dash)
    said = place.ask(dash)
    assert f"the authority has not found the proof for {DOMAIN} within 2 seconds" in said
    problem = problem_of(said)
    assert problem is not None
    assert problem.key == "acme-refused", said
    assert place.live == ""
    assert "could not connect to validation target" in place.known.log(), "where the message sends people"
