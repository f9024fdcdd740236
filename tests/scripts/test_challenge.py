"""What answers an authority on port 80 of several servers: each proof is found on whichever of them it is asked for."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.certificates.challenge import PORTS, challenge_config
from lab.run import LabError, run
from tests.scripts.conftest import NETWORK
from tests.scripts.served import WORKER

PREFIX = f"private-registry-scripts-{WORKER}-challenge"
SERVERS = ("a.test", "b.test")
PLACE = "/.well-known/acme-challenge"
TOKEN = "marker-token"


@pytest.fixture(scope="module")
def tokens(
    gateway: str, found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Path]]:
    """Run two servers, and know a third one that is not there; yields the folder of each for its proofs."""
    assert gateway
    folders = {
        server: _started(server, found_images["nginx"], tmp_path_factory.mktemp("challenge")) for server in SERVERS
    }
    yield folders
    run(["docker", "rm", "--force", *(f"{PREFIX}-{server}" for server in SERVERS)])


def _started(server: str, nginx: str, folder: Path) -> Path:
    folder.chmod(0o755)
    proofs = folder / "tokens"
    (proofs / PLACE.strip("/")).mkdir(parents=True)
    others = [*(one for one in SERVERS if one != server), "gone.test"]
    # Docker publishes it as port 80 of the server: here each container is one.
    config = challenge_config("registry.test", others=others).replace(f"listen {PORTS[0]};", "listen 80;")
    (folder / "challenge.conf").write_text(config)
    name = f"{PREFIX}-{server}"
    run(["docker", "rm", "--force", name])
    hardened = ["--read-only", "--tmpfs", "/tmp", "--user", "10001:10001", "--cap-drop", "ALL"]  # noqa: S108
    known = ["--name", name, "--network", NETWORK, "--network-alias", server]
    mounts = ["--volume", f"{folder}:/etc/challenge:ro", "--volume", f"{proofs}:/srv/challenges:ro"]
    command = ["nginx", "-c", "/etc/challenge/challenge.conf", "-g", "daemon off;"]
    run(["docker", "run", "--detach", *hardened, *known, *mounts, nginx, *command])
    return proofs


def asked(server: str, path: str, *options: str) -> str:
    """Return what a server answers the one who asks it: content and status."""
    curl = ["curl", "-s", "-m", "10", "-w", " %{http_code}", *options, f"http://{server}{path}"]
    deadline = time.monotonic() + 10
    while True:
        try:
            return run(["docker", "exec", f"{PREFIX}-{server}", *curl])
        except LabError:
            assert time.monotonic() < deadline, run(["docker", "logs", f"{PREFIX}-{server}"])
            time.sleep(0.1)


def found(server: str) -> None:
    """Wait until a server has the proof; after its start it does not know the addresses of the others yet."""
    deadline = time.monotonic() + 20
    while (said := asked(server, f"{PLACE}/{TOKEN}")) != "proof 200":
        assert time.monotonic() < deadline, said
        time.sleep(0.2)


def test_a_proof_is_found_on_whichever_server_is_asked(tokens: dict[str, Path]) -> None:
    """A third one is down all the time: its name has no address."""
    first, second = SERVERS
    (tokens[second] / PLACE.strip("/") / TOKEN).write_text("proof")
    for server in SERVERS:
        found(server)
    once = ["-H", "X-Private-Registry-Asked: 1"]
    assert asked(first, f"{PLACE}/{TOKEN}", *once).endswith(" 404"), "who was asked by another one asks nobody"
    assert asked(second, f"{PLACE}/{TOKEN}", *once) == "proof 200"
    for server in SERVERS:
        assert asked(server, f"{PLACE}/nobody-has-it").endswith(" 404")
        assert asked(server, "/v2/").endswith(" 308")


def test_a_server_that_is_down_is_asked_again_once_it_is_back(tokens: dict[str, Path]) -> None:
    first, second = SERVERS
    (tokens[second] / PLACE.strip("/") / TOKEN).write_text("proof")
    (tokens[first] / PLACE.strip("/") / "own").write_text("of its own")
    run(["docker", "stop", "--time", "1", f"{PREFIX}-{second}"])
    began = time.monotonic()
    assert asked(first, f"{PLACE}/{TOKEN}").split()[-1] in ("502", "504")
    assert time.monotonic() - began < 9, "before the authority stops waiting"
    assert asked(first, f"{PLACE}/own") == "of its own 200"
    run(["docker", "start", f"{PREFIX}-{second}"])
    found(first)
