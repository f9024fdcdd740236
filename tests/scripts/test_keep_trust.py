"""keep_trust.sh: no client drops the authority by which it knows the registry, whatever it trusts by."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509

from components.clients import RUNTIMES
from components.clients.runtime import ANY, Placement, ScriptRuntime
from tests.scripts.conftest import Shell
from tests.scripts.store import machine
from tests.unit.authority import Pair, issue


@contextmanager
def served(folder: Path, *links: Pair) -> Iterator[str]:
    """Serve a certificate with its chain by a real server; yields HOST:PORT."""
    (folder / "chain.pem").write_text("".join(link.pem for link in links))
    (folder / "key.pem").write_text(links[0].key_pem())
    options = ["-accept", "127.0.0.1:0", "-www", "-cert", "chain.pem", "-cert_chain", "chain.pem", "-key", "key.pem"]
    command = ["openssl", "s_server", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield next(line.split()[1] for line in server.stdout if line.startswith("ACCEPT "))
        server.terminate()


@contextmanager
def mute(folder: Path, *links: Pair) -> Iterator[str]:
    """Take connections and end them at once, as Docker does for a program that does not listen."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def end() -> None:
            with suppress(OSError):
                while True:
                    listening.accept()[0].close()

        thread = threading.Thread(target=end)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextmanager
def nothing(folder: Path, *links: Pair) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    yield f"127.0.0.1:{port}"


@contextmanager
def nowhere(folder: Path, *links: Pair) -> Iterator[str]:
    yield "nowhere.invalid:1"


FIRST, SECOND = issue("first", authority=True), issue("second", authority=True)
SHORT = issue("short", authority=True, path_length=0)
BETWEEN = issue("between", SHORT, authority=True)
BY_FIRST, BY_SECOND = issue("server", FIRST, ["127.0.0.1"]), issue("server", SECOND, ["127.0.0.1"])
BROKEN = (issue("server", BETWEEN, ["127.0.0.1"]), BETWEEN)
EXPIRED = issue("server", FIRST, ["127.0.0.1"], starts=-20, ends=-10)
DROPS = {
    "what is served is known by what stays": ((FIRST, SECOND), (SECOND,), served, (BY_SECOND,), ""),
    "what is served is known by what goes": (
        (FIRST,),
        (SECOND,),
        served,
        (BY_FIRST,),
        "is not signed by any of the remaining CAs",
    ),
    "back from a chain that nobody trusts": ((SHORT,), (FIRST,), served, BROKEN, ""),
    "back from one that is expired": ((FIRST,), (SECOND,), served, (EXPIRED,), ""),
    "back from another domain's": ((FIRST,), (SECOND,), served, (issue("x", FIRST, ["other.test"]),), ""),
    "nothing listens": ((FIRST,), (SECOND,), nothing, (), ""),
    "no handshake": ((FIRST,), (SECOND,), mute, (), ""),
    "the name is not known": ((FIRST,), (SECOND,), nowhere, (), "can't read the certificate of"),
}


@dataclass(frozen=True)
class Place:
    """Where a script puts files, in a folder that stands for its host."""

    words: tuple[str, ...]
    """By which it puts them there."""
    files: Path
    tools: Path
    """Where it has more programs than its shell finds."""


def in_a_folder(host: Path) -> Place:
    """Return a folder for a registry, as Docker has one."""
    folder = host / "certs.d/registry.test"
    store = machine(host / "root", "debian")
    return Place((f"directory={folder}", f"hosts={host}/hosts"), folder, store.program.parent)


def in_the_store(host: Path) -> Place:
    """Return the trust store of a machine."""
    store = machine(host / "root", "debian")
    words = ("store=private-registry_registry.test_12ab34cd", f"root={store.root}")
    return Place(words, store.anchors, store.program.parent)


PLACES: dict[str, Callable[[Path], Place]] = {"files.sh": in_a_folder, "system.sh": in_the_store}
"""A runtime whose script is another one needs a line."""


@dataclass(frozen=True)
class Trusting:
    """A client, by what places what it trusts by."""

    placed: Placement
    place: Place

    def run(self, shell: Shell, verb: str, registry: str, authorities: str) -> subprocess.CompletedProcess[str]:
        shell = replace(shell, path=f"{self.place.tools}:{shell.path}", parts=self.placed.parts)
        words = (*self.place.words, "file=ca.crt:0644:12ab", f"registry={registry}")
        return shell.run(self.placed.script, verb, *words, payload={"ca.crt": authorities})

    def authorities(self) -> set[x509.Certificate]:
        """Return what it trusts."""
        files = self.place.files.rglob("*.crt")
        return {one for file in files for one in x509.load_pem_x509_certificates(file.read_bytes())}


@pytest.fixture(params=(one for one in RUNTIMES.values() if isinstance(one, ScriptRuntime)), ids=lambda one: one.name)
def trusting(request: pytest.FixtureRequest, tmp_path: Path) -> Trusting:
    """Return a client that trusts by one of the runtimes."""
    runtime: ScriptRuntime = request.param
    placed = runtime.placement(ANY)
    assert placed.script.name in PLACES, f"PLACES does not say where {placed.script.name} puts files"
    return Trusting(placed, PLACES[placed.script.name](tmp_path))


@pytest.mark.parametrize("case", DROPS)
def test_an_authority_goes_when_nobody_is_cut_off(shell: Shell, trusting: Trusting, tmp_path: Path, case: str) -> None:
    before, after, serve, links, refused = DROPS[case]
    old, new = ("".join(pair.pem for pair in pairs) for pairs in (before, after))
    with serve(tmp_path, *links) as registry:
        trusting.run(shell, "create", registry, old)
        done = trusting.run(shell, "update", registry, new)
    assert refused in done.stderr
    assert (done.returncode != 0) == bool(refused), done.stderr
    assert trusting.authorities() == {pair.certificate for pair in (before if refused else after)}
