"""A bucket on a real S3-compatible server that listens on loopback, or on a bridge of Docker's."""

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.settings.storage import S3
from components.storage.s3 import driver
from lab.run import LabError, run

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
    endpoint: str
    program: Path
    """The server's, which has the tools of its users too."""

    def allow(self, key: str, secret: str, actions: Sequence[str]) -> None:
        """Let another key do some of what S3 knows with the bucket, and nothing else; the server must have users."""
        env = {
            "ADMIN_ACCESS_KEY_ID": self.env["AWS_ACCESS_KEY_ID"],
            "ADMIN_SECRET_ACCESS_KEY": self.env["AWS_SECRET_ACCESS_KEY"],
            "ADMIN_ENDPOINT_URL": self.endpoint,
        }
        with suppress(LabError):
            # It may be there already.
            run([self.program, "admin", "create-user", "--access", key, "--secret", secret, "--role", "user"], env=env)
        of_bucket = [one for one in actions if one.startswith("s3:ListBucket")]
        of_objects = [one for one in actions if one not in of_bucket]
        statements = [
            {"Effect": "Allow", "Principal": key, "Action": some, "Resource": f"arn:aws:s3:::{where}"}
            for some, where in ((of_bucket, NAME), (of_objects, f"{NAME}/*"))
            if some
        ]
        self.put("?policy=", json.dumps({"Version": "2012-10-17", "Statement": statements}))

    def put(self, query: str = "", content: str = "") -> None:
        """Make the bucket, or something of it that its owner may."""
        login = f"user = {self.env['AWS_ACCESS_KEY_ID']}:{self.env['AWS_SECRET_ACCESS_KEY']}"
        digest = hashlib.sha256(content.encode()).hexdigest()
        sign = ["--aws-sigv4", f"aws:amz:{REGION}:s3", "--header", f"x-amz-content-sha256: {digest}"]
        command = ["curl", "-sS", "--fail-with-body", "-K", "-", *sign, "-X", "PUT", "--data", content]
        run([*command, f"{self.endpoint}/{NAME}{query}"], stdin=login)

    @property
    def storage(self) -> dict[str, str]:
        """The setting ``storage`` of a registry that keeps its images here."""
        return {
            "type": "s3",
            "bucket": NAME,
            "region": REGION,
            "endpoint": self.endpoint,
            "accessKeyId": self.env["AWS_ACCESS_KEY_ID"],
            "secretAccessKey": self.env["AWS_SECRET_ACCESS_KEY"],
        }

    @property
    def driver(self) -> dict[str, Any]:
        """What config.yml says of it."""
        return driver(S3.model_validate(self.storage))

    @property
    def place(self) -> tuple[str, int]:
        """Where the server listens."""
        host, _, port = self.endpoint.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def locks(self) -> Path:
        return self.folder / ".pulumi/locks"

    def objects(self) -> dict[str, str]:
        """Return key -> content."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_text(errors="replace") for path in files}


@contextmanager
def serving(programs: Path, folder: Path, host: str = "127.0.0.1", *options: str) -> Iterator[Bucket]:
    """Serve a new bucket while the body runs.

    Args:
        programs: The folder with the server, versitygw.
        folder: For all that the server keeps.
        host: The address on which it listens.
        options: More of its options.
    """
    program = programs / "versitygw"
    for name in ("buckets", "metadata"):
        (folder / name).mkdir(exist_ok=True)
    access, secret = secrets.token_hex(10), secrets.token_hex(20)
    address = f"{host}:{_free_port(host)}"
    # Credentials go by the environment: everybody on this machine may read a command line.
    env = {**os.environ, "ROOT_ACCESS_KEY_ID": access, "ROOT_SECRET_ACCESS_KEY": secret}
    common = ["--port", address, "--region", REGION, "--health", "/health", "--quiet"]
    # A file system without extended attributes will do where the metadata has a folder of its own.
    backend = ["posix", "--sidecar", str(folder / "metadata"), str(folder / "buckets")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *common, *options, *backend], env=env, stdout=log, stderr=log)
    try:
        _wait(process, f"http://{address}/health", folder / "log")
        bucket = Bucket(folder / "buckets" / NAME, _url(address), _client(access, secret), f"http://{address}", program)
        bucket.put()
        yield bucket
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
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
