"""What is rotten or missing is found by a check over the registry's own HTTPS, and all else is fine.

The tests are one story: each breaks something of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest

from components.proxy.config import HTTPS_PORT
from components.proxy.login.htpasswd import Login
from components.registry.config import DATA
from lab.places import PROJECT
from lab.run import run
from operations.command_line import OperationError
from operations.verify_data.connection import Asked
from operations.verify_data.walk import Checked, Tag, Wrong, check
from tests.client import PASSWORD, Client, digest_of, layer
from tests.e2e.load import MANIFEST
from tests.scripts.served import Served

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = {"ci": Login([HASH], "push", ["*"]), "team": Login([HASH], "pull", ["team"])}
INDEX = "application/vnd.oci.image.index.v1+json"
REPOSITORIES = ("team/flipped", "team/gone", "team/broken", "team/fine", "copy/fine")
PULUMI = """#!/bin/sh
# Stands for the command line, which prints the outputs of the stack.
cat "$OUTPUTS"
"""


@pytest.fixture(scope="module")
def client(served: Served) -> Client:
    """The registry has an image in each repository, and one of them has an index and what refers to it."""
    client = served.client()
    for repository in REPOSITORIES:
        client.push("ci", repository, content=layer("fine") if repository.endswith("fine") else b"")
    child = client.push("ci", "team/fine", "child", b"of the child")
    put_index(client, "team/fine", "many", child)
    attached = client.push("ci", "team/fine", "attached", b"a signature")
    put_index(client, "team/fine", child.replace(":", "-"), attached)
    return client


def put_index(client: Client, repository: str, tag: str, child: str) -> None:
    answer = client.send("ci", "GET", f"/v2/{repository}/manifests/{child}")
    described = {"mediaType": MANIFEST, "digest": child, "size": len(answer.body)}
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [described]}).encode()
    put = client.send("ci", "PUT", f"/v2/{repository}/manifests/{tag}", text, Content_Type=INDEX)
    assert put.status == 201, put


def asked(served: Served, user: str = "ci") -> Asked:
    client = served.client()
    return Asked(f"https://registry.test:{HTTPS_PORT}", client.authority, user, PASSWORD, client.address, waits=())


def found(checked: Checked) -> set[tuple[str, str, str, tuple[Tag, ...]]]:
    return {(one.wrong, one.kind, one.digest, one.tags) for one in checked.findings}


def stored(served: Served, digest: str, script: str) -> None:
    """Run a script on the file of a blob, which is ``$0``."""
    sha256 = digest.partition(":")[2]
    file = f"{DATA}/docker/registry/v2/blobs/sha256/{sha256[:2]}/{sha256}/data"
    run(["docker", "exec", served.container("registry"), "sh", "-c", script, file])


def test_a_sound_registry_is_read_as_a_whole(served: Served, client: Client) -> None:
    checked = check(asked(served))
    assert checked.findings == []
    assert (checked.repositories, checked.tags) == (len(REPOSITORIES), 9)
    # The image of two repositories is a manifest in each, and one blob.
    assert (checked.manifests, checked.blobs) == (9, 6)
    assert checked.size > sum(len(layer(one)) for one in REPOSITORIES[:3])


def test_what_is_rotten_or_missing_is_found_with_the_tags_that_need_it(served: Served, client: Client) -> None:
    flipped, gone = digest_of(layer("team/flipped")), digest_of(layer("team/gone"))
    broken = digest_of(client.send("ci", "GET", "/v2/team/broken/manifests/v1").body)
    # The first letter, t, becomes u: one bit.
    stored(served, flipped, 'printf u | dd of="$0" bs=1 count=1 conv=notrunc 2> /dev/null')
    stored(served, gone, 'rm "$0"')
    stored(served, broken, 'printf no-json > "$0"')
    checked = check(asked(served))
    wrong = {digest: (kind, wrong, tags) for wrong, kind, digest, tags in found(checked)}
    assert wrong.pop(flipped) == ("blob", Wrong.CHANGED, (Tag("team/flipped", "v1"),))
    assert wrong.pop(gone) == ("blob", Wrong.MISSING, (Tag("team/gone", "v1"),))
    (kind, _, tags), *others = wrong.values()
    assert (kind, tags, others) == ("manifest", (Tag("team/broken", "v1"),), [])


def test_the_command_names_what_to_push_again_and_no_password(served: Served, client: Client, tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.write_text(PULUMI)
    program.chmod(0o755)
    one = asked(served)
    outputs = {"url": one.url, "ca_certificate": one.authorities, "passwords": {"ci": PASSWORD}}
    (tmp_path / "outputs").write_text(json.dumps(outputs))
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "OUTPUTS": str(tmp_path / "outputs"),
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "operations.verify_data", "--stack", "prod"),
            *("--user", "ci", "--at", one.at, "team/gone", "team/fine"),
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert "team/gone:v1: push again from where the images still are" in done.stdout
    assert "team/fine" not in done.stdout
    assert PASSWORD not in done.stdout


def test_a_user_who_must_not_read_all_is_told_so(served: Served, client: Client) -> None:
    with pytest.raises(OperationError, match="team is not allowed to read /v2/_catalog"):
        check(asked(served, "team"))
    with pytest.raises(OperationError, match="the registry has no repository team/nothing"):
        check(asked(served, "team"), ["team/nothing"])


def test_a_push_mends_it_once_what_has_changed_is_removed(served: Served, client: Client) -> None:
    repositories = ("team/flipped", "team/gone", "team/broken")
    pushed = {repository: client.push("ci", repository) for repository in repositories}
    checked = check(asked(served))
    assert {one.tags for one in checked.findings} == {(Tag("team/flipped", "v1"),), (Tag("team/broken", "v1"),)}
    for digest in (digest_of(layer("team/flipped")), pushed["team/broken"]):
        stored(served, digest, 'rm "$0"')
    assert client.send("ci", "HEAD", f"/v2/team/flipped/blobs/{digest_of(layer('team/flipped'))}").status == 404
    assert {client.push("ci", repository) for repository in repositories} == set(pushed.values())
    assert check(asked(served)).findings == []
