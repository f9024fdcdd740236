"""A bucket on a real S3-compatible server that listens on loopback alone."""

import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NAME = "registry-state"
REGION = "us-east-1"
_START_SECONDS = 20


@dataclass(frozen=True)
class Bucket:
    """A bucket, and what a client of it needs."""

    folder: Path
    """Where the server keeps each object as a file."""
    url: str
    """For ``PULUMI_BACKEND_URL``."""
    env: Mapping[str, str]
    """The credentials."""

    @property
    def locks(self) -> Path:
        return self.folder / ".pulumi/locks"

    def objects(self) -> dict[str, str]:
        """Return key -> content."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_text(errors="replace") for path in files}


@contextmanager
def serving(program: Path, folder: Path) -> Iterator[Bucket]:
    """Serve a new bucket while the body runs.

    Args:
        program: The server, versitygw.
        folder: Empty, for all that the server keeps.
    """
    for name in ("buckets", "metadata"):
        (folder / name).mkdir()
    # The server takes each folder for a bucket, and whoever has its root credentials may use all of them.
    (folder / "buckets" / NAME).mkdir()
    access, secret = secrets.token_hex(10), secrets.token_hex(20)
    address = f"127.0.0.1:{_free_port()}"
    # Credentials go by the environment: everybody on this machine may read a command line.
    env = {**os.environ, "ROOT_ACCESS_KEY_ID": access, "ROOT_SECRET_ACCESS_KEY": secret}
    options = ["--port", address, "--region", REGION, "--health", "/health", "--quiet"]
    # A file system without extended attributes will do where the metadata has a folder of its own.
    backend = ["posix", "--sidecar", str(folder / "metadata"), str(folder / "buckets")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *options, *backend], env=env, stdout=log, stderr=log)
    try:
        _wait(process, f"http://{address}/health", folder / "log")
        yield Bucket(folder / "buckets" / NAME, _url(address), _client(access, secret))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _url(address: str) -> str:
    return f"s3://{NAME}?endpoint=http://{address}&s3ForcePathStyle=true&region={REGION}"


def _client(access: str, secret: str) -> dict[str, str]:
    # A token or a profile of whoever runs the tests would go before or along with these credentials.
    others = {"AWS_SESSION_TOKEN": "", "AWS_PROFILE": ""}
    return {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, **others}


def _wait(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(health, timeout=1):  # noqa: S310 - the address is made here
                return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
