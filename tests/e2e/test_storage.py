"""A stack whose images lie in a bucket, on a real S3 server. The tests are one story, in this order.

Costs some 14 updates and previews on this machine, and one client host.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from components.troubleshooting import problem_of
from lab.debian import install
from lab.run import succeeds
from tests.client import PASSWORD, Client
from tests.e2e.bucket import NAME as BUCKET
from tests.e2e.bucket import REGION, Bucket
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.repeated import repeated
from tests.e2e.stack import Stack, write_secret
from tests.e2e.test_backend import commands
from tests.e2e.test_secrets import find, places_of
from tests.scripts.relay import Relay

NAME = "storage"
REGISTRY = f"private-registry-{NAME}-registry"
VOLUME, CACHE = f"private-registry-{NAME}-data", f"private-registry-{NAME}-cache"
PREFIX = "team/registry"


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, bucket: Bucket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp(NAME)
    with Stack(folder, NAME, settings(found_images, client_hosts, "one")) as stack:
        keys = {
            "id": bucket.env["AWS_ACCESS_KEY_ID"],
            "key": bucket.env["AWS_SECRET_ACCESS_KEY"],
            "other-id": "marker-id",
        }
        for name, text in keys.items():
            write_secret(folder / f"storage.{name}", text)
        yield stack


def in_bucket(bucket: Bucket, /, **changes: object) -> dict[str, object]:
    place = {key: bucket.storage[key] for key in ("type", "bucket", "region", "endpoint")}
    keys = {"accessKeyIdFile": "storage.id", "secretAccessKeyFile": "storage.key"}
    return {**place, **keys, "prefix": PREFIX, **changes}


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack.outputs()["ca_certificate"], NETWORK.gateway)


def serving_now() -> dict[str, str]:
    return containers(REGISTRY)


def of_trials(bucket: Bucket) -> list[str]:
    return [key for key in bucket.objects() if "private-registry-trial" in key]


def test_nothing_shows_the_keys(stack: Stack, bucket: Bucket) -> None:
    stack.configure(storage=in_bucket(bucket))
    places = places_of(stack, lambda: stack.configure(limits={"registryMemory": 600}))
    markers = {"the key": bucket.env["AWS_ACCESS_KEY_ID"], "its secret": bucket.env["AWS_SECRET_ACCESS_KEY"]}
    assert find(markers, places) == []
    del stack.settings["storage"]["secretAccessKeyFile"]
    stack.set_secret("storage.secretAccessKey", bucket.env["AWS_SECRET_ACCESS_KEY"])
    assert stack.preview() == [], "the same keys, wherever they come from"
    assert stack.preview(refresh=True) == []
    assert stack.drifted() == []
    assert of_trials(bucket) == []


def test_a_client_pushes_to_the_bucket_and_pulls_from_it(client_hosts: Hosts, bucket: Bucket, client: Client) -> None:
    image = "registry.test/team/app:1"
    client_hosts.inside("one", "docker login -u ci --password-stdin registry.test", PASSWORD)
    client_hosts.inside(
        "one", f"head -c 30000000 /dev/urandom > /tmp/data && tar -C /tmp -c data | docker import - {image}"
    )
    client_hosts.inside("one", f"docker push {image} && docker rmi {image} && docker pull {image}")
    assert any(key.startswith(f"{PREFIX}/docker/registry/v2/repositories/team/app/") for key in bucket.objects())
    client.push("ci", "kept")
    assert client.pull("ci", "kept").startswith("sha256:")


def test_while_the_bucket_is_down_a_client_still_pulls(
    client_hosts: Hosts, relayed: tuple[Bucket, Relay], client: Client
) -> None:
    image = "registry.test/team/app:1"
    _, relay = relayed
    client.push("ci", "cold")
    relay.go_down()
    client_hosts.inside("one", f"docker rmi {image} && docker pull {image}")
    assert client.pull("ci", "cold") == "the manifest: 503 ['UNAVAILABLE']"
    relay.is_down = False
    assert client.pull("ci", "cold").startswith("sha256:")


WRONG = {
    "bucket-keys": {"accessKeyIdFile": "storage.other-id"},
    "bucket-missing": {"bucket": "another"},
    "bucket-unreachable": {"endpoint": "http://127.0.0.1:1"},
}
"""What is wrong -> the settings that make it so."""


@pytest.mark.parametrize("key", WRONG)
def test_a_bucket_that_can_not_be_used_changes_nothing(stack: Stack, bucket: Bucket, client: Client, key: str) -> None:
    before = serving_now()
    stack.configure(storage=in_bucket(bucket, **WRONG[key]))
    said = stack.fails()
    problem = problem_of(said)
    assert problem is not None
    assert problem.key == key, said
    assert problem.cause in said, "the advice stands below the error"
    assert bucket.env["AWS_SECRET_ACCESS_KEY"] not in said
    assert serving_now() == before
    assert client.pull("ci", "kept").startswith("sha256:")
    stack.configure(storage=in_bucket(bucket))


def test_after_that_an_update_has_nothing_left_to_do(stack: Stack) -> None:
    stack.up()
    assert stack.preview() == []
    assert stack.drifted() == []


@contextmanager
def pulling(client: Client, *repositories: str) -> Iterator[list[str]]:
    """Keep pulling while the body runs; yields what is in the way of it."""
    failures: list[str] = []
    pulled: list[str] = []

    def pull() -> None:
        for repository in repositories:
            try:
                said = client.pull("ci", repository)
            except OSError as error:
                said = repr(error)
            if said.startswith("sha256:"):
                pulled.append(said)
            else:
                failures.append(f"{repository}: {said}")

    with repeated(pull, 0.05):
        yield failures
    assert len(pulled) > 20, "it did pull"


def on_the_server(bucket: Bucket, *titles: str) -> list[str]:
    """Return the commands of sections of the page, one script for each block, with the names of here."""
    scripts = []
    for title in titles:
        text = commands("docs/storage.md", title)
        for there, here in (
            ("https://s3.example.com", bucket.endpoint),
            ("eu-central-1", REGION),
            ('"$(cat keys/storage.id)"', bucket.env["AWS_ACCESS_KEY_ID"]),
            ('"$(cat keys/storage.key)"', bucket.env["AWS_SECRET_ACCESS_KEY"]),
            ("our-images", BUCKET),
            ("private-registry-prod-data", VOLUME),
        ):
            text = text.replace(there, here)
        scripts.append(text)
    return scripts


def shell(script: str) -> None:
    # A bundle of authorities for Amazon's tools is none of rclone's.
    env = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
    command = ["bash", "-euo", "pipefail", "-s"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


def test_images_move_to_the_volume_and_back_and_no_pull_fails(stack: Stack, bucket: Bucket) -> None:
    install("rclone", "rclone")
    stack.configure(storage=in_bucket(bucket, keepVolume=True))
    stack.up()
    client = Client(stack.outputs()["ca_certificate"], NETWORK.gateway)
    there, back = on_the_server(bucket, "From the volume to the bucket", "Back to the volume")
    start, _, copy_there = there.partition("}\n")
    words = f"{start}}}\n"
    copy_there = copy_there.splitlines()[0]
    copy_back = "".join(back.splitlines(keepends=True)[:3])
    pushed = {"kept": client.push("ci", "kept"), "moved": client.push("ci", "moved", content=b"in the bucket")}

    with pulling(client, "kept", "moved") as failures:
        shell(words + copy_back)
        pushed["between"] = client.push("ci", "between", content=b"while it was copied")
        stack.configure(storage=None)
        stack.up()
        pushed["kept"] = client.push("ci", "kept", content=b"newer in the volume")
        shell(words + copy_back)
    assert failures == []
    assert {name: client.pull("ci", name) for name in pushed} == pushed

    # What is pushed after the copy is promised to nobody before the next one: neither of these two is pulled.
    with pulling(client, "kept", "moved") as failures:
        shell(words + copy_there)
        pushed["later"] = client.push("ci", "later", content=b"while it was copied again")
        pushed["between"] = client.push("ci", "between", content=b"another one of this tag")
        stack.configure(storage=in_bucket(bucket, keepVolume=True))
        stack.up()
        pushed["moved"] = client.push("ci", "moved", content=b"newer in the bucket")
        shell(words + copy_there)
    assert failures == []
    assert {name: client.pull("ci", name) for name in pushed} == pushed
    stack.configure(storage=in_bucket(bucket))
    stack.up()
    assert {name: client.pull("ci", name) for name in pushed} == pushed
    assert stack.preview() == []


def test_a_destroy_leaves_what_is_in_the_bucket(stack: Stack, bucket: Bucket) -> None:
    before = bucket.objects()
    stack.destroy()
    assert containers(f"private-registry-{NAME}-") == {}
    assert not succeeds(["docker", "volume", "inspect", CACHE])
    assert bucket.objects() == before
    assert of_trials(bucket) == []
