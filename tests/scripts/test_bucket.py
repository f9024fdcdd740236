"""s3.sh: a registry with a bucket is tried before it is live, by its own keys, and leaves nothing there."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.registry.config import registry_config
from components.settings.storage import S3
from components.storage.s3 import driver
from components.troubleshooting import problem_of
from lab import servers
from tests.e2e.bucket import Bucket, serving
from tests.scripts.conftest import NETWORK, Shell

SCRIPT = Path("components/hosts/releases.sh")
PARTS = [Path("components/storage/s3.sh")]


@pytest.fixture(scope="module")
def bucket(gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "users").mkdir()
    # What a key may do is what the bucket says at this moment.
    users = ("--iam-dir", str(folder / "users"), "--iam-cache-disable")
    with serving(servers.S3.ensure(), folder, gateway, *users) as bucket:
        yield bucket


def tried(shell: Shell, found_images: dict[str, str], folder: Path, storage: dict[str, str]) -> str:
    """Place a configuration with this storage; return what was said against it."""
    config = registry_config("ab" * 32, 5, driver(S3.model_validate(storage)))
    done = shell.run(
        SCRIPT,
        "create",
        f"directory={folder}/config",
        # Not root, as whom a registry never runs.
        "owner=10001:10001",
        "release=a",
        "program=registry",
        f"image={found_images['registry']}",
        f"network={NETWORK}",
        "root=/team/private-registry-trial",
        "file=config.yml:0600:1",
        payload={"config.yml": config},
        parts=PARTS,
    )
    assert (done.returncode == 0) == (done.stderr == "")
    assert (folder / "config/current").exists() == (done.returncode == 0)
    return done.stderr


def problem_key(said: str) -> str:
    problem = problem_of(said)
    return problem.key if problem else ""


def test_a_bucket_that_works_is_left_as_it_was(
    docker_shell: Shell, found_images: dict[str, str], bucket: Bucket, tmp_path: Path
) -> None:
    (bucket.folder / "other").write_text("of somebody else")
    assert tried(docker_shell, found_images, tmp_path, bucket.storage) == ""
    assert bucket.objects() == {"other": "of somebody else"}


WRONG: dict[str, dict[str, str]] = {
    "bucket-keys": {"secretAccessKey": "marker-secret"},
    "bucket-missing": {"bucket": "another"},
    "bucket-region": {"region": "eu-central-1"},
    "bucket-unreachable": {"endpoint": "http://127.0.0.1:1"},
}
"""Row of the table of problems -> settings that lead to it."""


@pytest.mark.parametrize("key", WRONG)
def test_a_bucket_that_does_not_work_is_not_made_live(
    docker_shell: Shell, found_images: dict[str, str], bucket: Bucket, tmp_path: Path, key: str
) -> None:
    said = tried(docker_shell, found_images, tmp_path, bucket.storage | WRONG[key])
    assert "the bucket can't be used, listing failed" in said
    assert problem_key(said) == key, said
    assert "marker" not in said
    assert bucket.storage["secretAccessKey"] not in said


def test_a_key_that_is_not_known_has_the_advice_of_a_wrong_one(
    docker_shell: Shell, found_images: dict[str, str], bucket: Bucket, tmp_path: Path
) -> None:
    said = tried(docker_shell, found_images, tmp_path, bucket.storage | {"accessKeyId": "marker-id"})
    assert problem_key(said) == "bucket-keys", said


READ = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetObject", "s3:ListMultipartUploadParts"]
WRITE = ["s3:PutObject", "s3:AbortMultipartUpload"]
LACKING = {
    "nothing": ([*READ, *WRITE, "s3:DeleteObject"], ""),
    "delete": ([*READ, *WRITE], "deleting"),
    "write": ([*READ, "s3:DeleteObject"], "writing"),
    "read": ([one for one in [*READ, *WRITE, "s3:DeleteObject"] if one != "s3:GetObject"], "reading"),
    "list": ([*WRITE, "s3:DeleteObject", "s3:GetObject"], "listing"),
}
"""What a key may not do -> what it may, and which step of a trial fails."""


@pytest.mark.parametrize("right", LACKING)
def test_a_key_has_to_be_allowed_all_that_a_registry_does(
    docker_shell: Shell, found_images: dict[str, str], bucket: Bucket, tmp_path: Path, right: str
) -> None:
    allowed, step = LACKING[right]
    bucket.allow("limited", "limited-secret", allowed)
    keys = {"accessKeyId": "limited", "secretAccessKey": "limited-secret"}
    said = tried(docker_shell, found_images, tmp_path, bucket.storage | keys)
    assert problem_key(said) == "bucket-denied" if step else said == "", said
    assert f"{step} failed" in said or not step, said


class _Nonsense(http.server.BaseHTTPRequestHandler):
    """What speaks HTTP, and not the protocol of a bucket."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"nonsense")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer


def test_what_is_no_bucket_is_told_of(
    docker_shell: Shell, found_images: dict[str, str], bucket: Bucket, gateway: str, tmp_path: Path
) -> None:
    with http.server.ThreadingHTTPServer((gateway, 0), _Nonsense) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://{gateway}:{server.server_port}"
        said = tried(docker_shell, found_images, tmp_path, bucket.storage | {"endpoint": endpoint})
        server.shutdown()
    assert problem_key(said) == "bucket-fails", said
