"""What is measured: each function does it once and returns a figure."""

import os
import re
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bench.contestants import FILE_BYTES, PASSWORD, USER, Contestant

CLIENTS = 4
_SECONDS = 3
_CURL = ["curl", "--silent", "--show-error", "--fail", "--insecure", "--http1.1", "--max-time", "120"]


@dataclass(frozen=True)
class Answers:
    """How requests were answered."""

    per_second: float
    p99_ms: float


def _login(password: str = PASSWORD) -> str:
    return f"Authorization: Basic {b64encode(f'{USER}:{password}'.encode()).decode()}"


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
def attack(contestant: Contestant) -> Iterator[None]:
    """Keep four connections busy with wrong passwords of a user that there is."""
    command = ["wrk", "--threads", "1", "--connections", "4", "--duration", "20s", "--timeout", "30s"]
    command += ["--header", _login("wrong"), f"{contestant.url}/v2/"]
    attacker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(1)
    try:
        yield
    finally:
        attacker.terminate()
        attacker.wait()


def attacked_ping(contestant: Contestant) -> Answers:
    """Ask as ``ping`` does while somebody else guesses."""
    with attack(contestant):
        return ping(contestant)


def push(contestant: Contestant, file: Path) -> float:
    """Push new random content; return MB per second."""
    head = os.urandom(64)
    with file.open("r+b") as content:
        content.write(head)
    digest = sha256(file.read_bytes()).hexdigest()
    uploads = f"{contestant.url}/v2/bench/push/blobs/uploads/"
    started = time.monotonic()
    location = _location(contestant, ["--request", "POST", uploads])
    location = _location(contestant, ["--request", "PATCH", "--upload-file", str(file), location])
    _location(contestant, ["--request", "PUT", f"{location}&digest=sha256:{digest}"])
    return FILE_BYTES / 1e6 / (time.monotonic() - started)


def _location(contestant: Contestant, words: list[str]) -> str:
    command = [*_CURL, "--header", _login(), "--output", "/dev/null", "--dump-header", "-", *words]
    headers = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    path = re.findall(r"(?im)^location: (\S+)", headers)[-1]
    return path if path.startswith("http") else f"{contestant.url}{path}"


def pull(contestant: Contestant, digest: str) -> float:
    """Pull a layer with four clients at once; return MB per second of all."""
    url = f"{contestant.url}/v2/bench/pull/blobs/{digest}"
    command = [*_CURL, "--header", _login(), "--output", "/dev/null", url]
    started = time.monotonic()
    clients = [subprocess.Popen(command) for _ in range(CLIENTS)]
    if any(client.wait() for client in clients):
        raise RuntimeError(f"{contestant.name}: a pull failed")
    return CLIENTS * FILE_BYTES / 1e6 / (time.monotonic() - started)


def prepare(registry: Contestant, file: Path) -> str:
    """Push the layer that is pulled; return its digest."""
    digest = f"sha256:{sha256(file.read_bytes()).hexdigest()}"
    location = _location(registry, ["--request", "POST", f"{registry.url}/v2/bench/pull/blobs/uploads/"])
    location = _location(registry, ["--request", "PATCH", "--upload-file", str(file), location])
    _location(registry, ["--request", "PUT", f"{location}&digest={digest}"])
    return digest
