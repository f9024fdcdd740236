"""A stack on a backend that a team shares, a bucket on a real S3 server. The tests are one story, in this order.

Costs 13 updates, 7 previews, a removal and a look, and no host.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import engine, servers
from lab.places import PROJECT
from tests.e2e.bucket import NAME as BUCKET
from tests.e2e.bucket import Bucket, serving
from tests.e2e.hosts import containers
from tests.e2e.stack import A_HASH, PASSPHRASE, SERVER_FILES, Stack, kill_once_locked, once_locked, write_secret
from tests.e2e.test_secrets import find, key_line

PASSWORD, SECRET_PASSWORD = "Marker-Password-b81d", "Marker-Password-e07c"
NEXT_PASSPHRASE = "Marker-Passphrase-55fe"
UPDATE = ["up", "--yes", "--skip-preview", "--continue-on-error"]


def settings(found_images: dict[str, str], port: int) -> dict[str, object]:
    """Return the settings of a stack on this machine that has no clients."""
    return {
        "domain": "registry.test",
        "bindAddress": "127.0.0.1",
        "httpsPort": port,
        "images": {"registry": found_images["registry"], "nginx": found_images["nginx"]},
        "users": [{"name": "ci", "passwordFile": "password"}],
        "clients": [],
        "deleteData": True,
    }


@pytest.fixture(scope="module")
def bucket(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with serving(servers.S3.ensure(), tmp_path_factory.mktemp("s3")) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def stack(found_images: dict[str, str], bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("laptop")
    write_secret(folder / "password", PASSWORD)
    with Stack(folder, "bucket", settings(found_images, 8445), bucket.env, bucket.url) as stack:
        stack.set_secret("users[1].name", "ops")
        stack.set_secret("users[1].password", SECRET_PASSWORD)
        yield stack


@pytest.fixture(scope="module")
def runner(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The same stack on a CI runner: another checkout, another home of the command line, the same secrets."""
    folder = tmp_path_factory.mktemp("runner")
    write_secret(folder / "password", PASSWORD)
    return stack.checkout(folder, PULUMI_CREDENTIALS_PATH=str(folder / "credentials"))


def command(stack: Stack) -> list[str]:
    return [engine.pulumi(), *UPDATE, "--stack", stack.name, "--non-interactive"]


@contextmanager
def locked(stack: Stack, bucket: Bucket) -> Iterator[int]:
    """Keep an update in its place after it took the lock, while the body runs; yields its process id."""
    process = once_locked(command(stack), stack.folder, bucket.locks, stack.env)
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGCONT)
        assert process.wait(300) == 0


def test_an_update_keeps_its_state_in_the_bucket(stack: Stack, bucket: Bucket) -> None:
    stack.up()
    assert stack.preview(refresh=True) == []
    assert f".pulumi/stacks/private-registry/{stack.name}.json" in bucket.objects()
    assert not list((stack.folder / "backend").iterdir()), "nothing beside the bucket"
    assert not list(bucket.locks.rglob("*.json")), "the lock is given back"


def test_nothing_in_the_bucket_shows_a_secret(stack: Stack, bucket: Bucket) -> None:
    objects = bucket.objects()
    assert any("history" in key for key in objects)
    access, secret = bucket.env["AWS_ACCESS_KEY_ID"], bucket.env["AWS_SECRET_ACCESS_KEY"]
    markers = {
        "a password from a file": PASSWORD,
        "a password from a secret": SECRET_PASSWORD,
        "the passphrase": PASSPHRASE,
        "the access key": access,
        "the secret key": secret,
    }
    markers |= {f"the key {name}": key_line(pem) for name, pem in stack.private_keys().items()}
    assert len(markers) > 6, "the authority's key and the server's are among them"
    assert find(markers, objects) == []
    assert not A_HASH.search("".join(objects.values())), "no hash either"


def test_the_server_asks_for_credentials(stack: Stack) -> None:
    with stack.environment(AWS_SECRET_ACCESS_KEY="another"):
        assert "SignatureDoesNotMatch" in stack.fails()


def test_a_runner_sees_what_the_laptop_did(runner: Stack) -> None:
    assert "Nothing changes" in runner.operation("preview")


def test_drift_reads_the_state_from_the_bucket(runner: Stack) -> None:
    assert runner.drifted() == []


def test_a_second_update_is_refused_while_one_runs(stack: Stack, runner: Stack, bucket: Bucket) -> None:
    with locked(stack, bucket) as process:
        refused = runner.fails()
        assert runner.preview() == [], "a preview needs no lock"
    assert "the stack is currently locked by 1 lock(s)" in refused
    assert f"(pid {process})" in refused
    assert f"s3://{BUCKET}" in refused
    assert bucket.env["AWS_SECRET_ACCESS_KEY"] not in refused
    runner.up()


def test_a_runner_takes_the_lock_of_a_killed_update_away(stack: Stack, runner: Stack, bucket: Bucket) -> None:
    kill_once_locked(command(stack), stack.folder, bucket.locks, stack.env)
    assert "the stack is currently locked by 1 lock(s)" in runner.fails()
    runner.cancel()
    runner.up()
    assert runner.preview() == []


def test_a_laptop_sees_what_the_runner_did(stack: Stack, runner: Stack) -> None:
    runner.configure(users=[*runner.settings["users"], {"name": "dev", "access": "pull"}])
    assert "user dev: added, pull in all repositories" in runner.operation("update", "--yes")
    assert [step.op for step in stack.preview()], "the laptop has the settings from before"
    stack.settings = dict(runner.settings)


def test_another_passphrase_encrypts_all_anew(stack: Stack) -> None:
    stack.change_passphrase(NEXT_PASSPHRASE)
    assert stack.preview() == [], "nor is there anything of the runner's update"
    with stack.environment(PULUMI_CONFIG_PASSPHRASE=PASSPHRASE):
        assert "incorrect passphrase" in stack.fails()


def test_a_destroy_leaves_nothing(stack: Stack, bucket: Bucket) -> None:
    stack.destroy()
    assert containers(f"private-registry-{stack.name}-") == {}
    assert not (SERVER_FILES / stack.name).exists()
    assert not list(bucket.locks.rglob("*.json"))


def commands(page: str, title: str) -> str:
    """Return the commands of a section of a page, without their prompts."""
    section = (PROJECT / page).read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return "".join(line.removeprefix("$ ") for block in blocks for line in block.splitlines(keepends=True))


@pytest.fixture
def moved(found_images: dict[str, str], bucket: Bucket, tmp_path: Path) -> Iterator[Stack]:
    """A stack in a folder, which is about to move to the bucket."""
    write_secret(tmp_path / "password", PASSWORD)
    with Stack(tmp_path, "moved", settings(found_images, 8446), bucket.env) as stack:
        stack.up()
        yield stack


def test_a_stack_moves_from_a_folder_to_the_bucket(moved: Stack, bucket: Bucket) -> None:
    script = commands("docs/teams.md", "Move a stack to a shared backend")
    for text, here in (
        ("s3://registry-state?region=eu-central-1", bucket.url),
        ("file://~/registry-state?metadata=skip", moved.env["PULUMI_BACKEND_URL"]),
        ("prod", moved.name),
    ):
        assert text in script
        script = script.replace(text, here)
    moved.write()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=moved.folder,
        # A reader answers the question.
        env={**os.environ, **moved.env, "PULUMI_SKIP_CONFIRMATIONS": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    assert not list((moved.folder / "backend/.pulumi/stacks").rglob("moved.json")), "the folder has it no more"
    moved.use(PULUMI_BACKEND_URL=bucket.url)
    moved.configure(users=[*moved.settings["users"], {"name": "dev"}])
    plan = [(step.op, step.name) for step in moved.up()]
    assert plan == [("update", "registry-proxy-users")], "it goes on from where it was"
