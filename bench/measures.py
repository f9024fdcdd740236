"""What is measured: each function does it once and returns a figure."""

import hashlib
import http.client
import os
import random
import re
import ssl
import subprocess
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.contestants import FILE_BYTES, LAYER_BYTES, PASSWORD, USER, VICTIMS, Contestant
from lab.run import run

CLIENTS = 4
IMAGES, LAYERS = 16, 10
LARGE_BYTES = 10 * 2**30
_SECONDS = 3
_ATTACK_SECONDS = 20
_CHUNK = 2**20
_CURL = ["curl", "--silent", "--show-error", "--fail", "--insecure", "--no-progress-meter", "--max-time", "120"]


@dataclass(frozen=True)
class Answers:
    """How requests were answered."""

    per_second: float
    p99_ms: float


def _login(user: str = USER, password: str = PASSWORD) -> str:
    return f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def ping(contestant: Contestant, connections: int = 16) -> Answers:
    """Ask ``GET /v2/`` with a right password for some seconds."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{_SECONDS}s", "--latency"]
    command += ["--timeout", "30s", "--header", _login(), f"{contestant.url}/v2/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    if "Non-2xx" in said:
        raise RuntimeError(f"{contestant.name}: not every answer was 200:\n{said}")
    return Answers(_number(r"Requests/sec: +([0-9.]+)()", said), _number(r"99% +([0-9.]+)(us|ms|s)", said))


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"wrk did not say {pattern}:\n{text}")
    return float(found[1]) * {"": 1.0, "us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


@contextmanager
def attack(contestant: Contestant, connections: int) -> Iterator[None]:
    """Keep connections busy with wrong passwords, each time of another user."""
    names = [f"user{number}" for number in random.sample(range(VICTIMS), VICTIMS)]
    headers = ", ".join(f'"{_login(name, "wrong").partition(": ")[2]}"' for name in names)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            f"local logins = {{{headers}}}\nlocal next = 0\nrequest = function()\nnext = next % {VICTIMS} + 1\n"
        )
        script.write('return wrk.format("GET", "/v2/", {["Authorization"] = logins[next]})\nend\n')
        script.flush()
        command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{_ATTACK_SECONDS}s"]
        command += ["--timeout", "30s", "--script", script.name, f"{contestant.url}/v2/"]
        attacker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(2)
        try:
            yield
        finally:
            attacker.terminate()
            attacker.wait()


def attacked_ping(contestant: Contestant, own: int, attackers: int) -> Answers:
    """Ask as ``ping`` does while somebody else guesses."""
    with attack(contestant, attackers):
        return ping(contestant, own)


def push(contestant: Contestant, file: Path) -> float:
    """Push new random content; return MB per second."""
    with file.open("r+b") as content:
        content.write(os.urandom(64))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    started = time.monotonic()
    upload(contestant, "bench/push", file, digest)
    return FILE_BYTES / 1e6 / (time.monotonic() - started)


def upload(contestant: Contestant, repository: str, file: Path, digest: str) -> None:
    """Push a file as a layer, as a client does: three requests."""
    location = _location(contestant, ["--request", "POST", f"{contestant.url}/v2/{repository}/blobs/uploads/"])
    location = _location(contestant, ["--request", "PATCH", "--upload-file", str(file), location])
    _location(contestant, ["--request", "PUT", f"{location}&digest=sha256:{digest}"])


def _location(contestant: Contestant, words: list[str]) -> str:
    command = [*_CURL, "--http1.1", "--header", _login(), "--output", "/dev/null", "--dump-header", "-", *words]
    headers = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    path = str(re.findall(r"(?im)^location: (\S+)", headers)[-1])
    # A registry that is asked directly names itself as it does behind a proxy.
    return contestant.url + path.removeprefix("https://registry.test").removeprefix(contestant.url)


def pull(contestant: Contestant, digest: str, version: str = "--http1.1") -> float:
    """Pull a layer with four clients at once, over HTTP/1.1 as Docker does or ``--http2``; return MB per second."""
    url = f"{contestant.url}/v2/bench/pull/blobs/sha256:{digest}"
    return _pulled(contestant, [[version, "--output", "/dev/null", url]] * CLIENTS, CLIENTS * FILE_BYTES)


def pull_images(contestant: Contestant, layers: list[str]) -> float:
    """Pull images at once, each with three layers at a time as Docker does; return MB per second of all."""
    commands = []
    for image in range(IMAGES):
        words = ["--http1.1", "--parallel", "--parallel-max", "3"]
        for digest in layers[image * LAYERS : (image + 1) * LAYERS]:
            words += ["--output", "/dev/null", f"{contestant.url}/v2/bench/images/blobs/sha256:{digest}"]
        commands.append(words)
    return _pulled(contestant, commands, IMAGES * LAYERS * LAYER_BYTES)


def _pulled(contestant: Contestant, commands: list[list[str]], size: int) -> float:
    contestant.prepare()
    started = time.monotonic()
    all_of(commands, contestant.name)
    return size / 1e6 / (time.monotonic() - started)


def all_of(commands: Sequence[Sequence[str]], name: str) -> None:
    """Run a curl with a right password for each command, all at once.

    Raises:
        RuntimeError: One has failed. All of them are waited for first.
    """
    clients = [subprocess.Popen([*_CURL, "--header", _login(), *words]) for words in commands]
    if sum(client.wait() for client in clients):
        raise RuntimeError(f"{name}: a request failed")


def prepare(registries: Sequence[Contestant], repository: str, file: Path, size: int) -> str:
    """Push a new layer that is to be pulled to each registry; return its digest."""
    file.write_bytes(os.urandom(size))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    for registry in registries:
        upload(registry, repository, file, digest)
    return digest


def push_large(contestant: Contestant, containers: list[str]) -> dict[str, list[float]]:
    """Push new random content as a stream; return container -> memory of its processes in MiB, once a second."""
    place = urlsplit(contestant.url)
    context = ssl._create_unverified_context()  # noqa: S323 - to a container of the bench's own
    connection = http.client.HTTPSConnection(str(place.hostname), place.port, context=context, timeout=900)
    name, _, value = _login().partition(": ")
    digest = hashlib.sha256()

    def content() -> Iterator[bytes]:
        for _ in range(LARGE_BYTES // _CHUNK):
            chunk = os.urandom(_CHUNK)
            digest.update(chunk)
            yield chunk

    def send(method: str, path: str, body: Iterator[bytes] | None = None, length: int = 0) -> str:
        headers = {name: value, "Content-Length": str(length), "Content-Type": "application/octet-stream"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{contestant.name}: {method} got {answer.status}")
        return str(answer.headers["Location"])

    with _sampled(containers) as memory:
        location = send("POST", "/v2/bench/large/blobs/uploads/")
        location = send("PATCH", location, content(), LARGE_BYTES)
        send("PUT", f"{location}&digest=sha256:{digest.hexdigest()}")
    return memory


@contextmanager
def _sampled(containers: list[str]) -> Iterator[dict[str, list[float]]]:
    memory: dict[str, list[float]] = {container: [] for container in containers}
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(1):
            for container, figures in memory.items():
                lines = run(["docker", "top", container, "-o", "pid,rss"]).splitlines()[1:]
                figures.append(sum(int(line.split()[1]) for line in lines) / 1024)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()
