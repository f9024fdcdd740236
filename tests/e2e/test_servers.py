"""One registry on several servers: each server is changed after the one before has proven that it serves.

The tests are one story, in this order. Costs some updates with two or three servers, and four hosts.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from lab import hosts, servers
from tests.client import PASSWORD, Client
from tests.e2e.bucket import Bucket, serving
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import PREFIX, Hosts
from tests.e2e.stack import Stack, write_secret

NAME = "servers"
ADDRESSES = {"server": f"{PREFIX}.15", "three": f"{PREFIX}.13", "stranger": f"{PREFIX}.14"}
"""Hosts of the lab that play servers."""
NAMES = {"server": "", "three": "b", "stranger": "c"}
"""What the stack calls them: the first one has no name, as the only server that there was."""


@pytest.fixture(scope="module")
def bucket(client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    client_hosts.host("one")
    with serving(servers.S3.ensure(), tmp_path_factory.mktemp("s3"), NETWORK.gateway) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, bucket: Bucket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    client_hosts.start("one", *ADDRESSES)
    for name in ADDRESSES:
        client_hosts.bring_images(name, found_images)
    folder = tmp_path_factory.mktemp(NAME)
    with Stack(folder, NAME, settings(found_images, client_hosts)) as stack:
        write_secret(folder / "storage.id", bucket.env["AWS_ACCESS_KEY_ID"])
        write_secret(folder / "storage.key", bucket.env["AWS_SECRET_ACCESS_KEY"])
        place = {key: bucket.storage[key] for key in ("type", "bucket", "region", "endpoint")}
        stack.configure(
            bindAddress=None,
            storage={**place, "accessKeyIdFile": "storage.id", "secretAccessKeyFile": "storage.key"},
            clients=[{**client_hosts.clients["one"], "hostsEntry": ADDRESSES["server"]}],
        )
        yield stack


def entry(client_hosts: Hosts, host: str) -> dict[str, Any]:
    access = {
        "hostKey": hosts.host_key(client_hosts.network, client_hosts.host(host)),
        "privateKeyFile": client_hosts.clients["one"]["privateKeyFile"],
    }
    named = {"name": NAMES[host]} if NAMES[host] else {}
    return {**named, "dockerHost": f"ssh://root@{ADDRESSES[host]}", "dockerHostAccess": access}


def listed(client_hosts: Hosts, *names: str) -> list[dict[str, Any]]:
    return [entry(client_hosts, name) for name in names]


def client(stack: Stack, host: str) -> Client:
    return Client(stack.outputs()["ca_certificate"], ADDRESSES[host])


def test_a_stack_of_one_server_gets_more(stack: Stack, client_hosts: Hosts) -> None:
    [first] = listed(client_hosts, "server")
    stack.configure(dockerHost=first["dockerHost"], dockerHostAccess=first["dockerHostAccess"])
    stack.up()
    digest = client(stack, "server").push("ci", "team/app")
    stack.configure(dockerHost=None, dockerHostAccess=None, servers=listed(client_hosts, *ADDRESSES))
    steps = stack.up()
    assert {step.name for step in steps if step.op != "create"} <= {"registry-verification"}
    for host in ADDRESSES:
        assert client(stack, host).pull("ci", "team/app") == digest
    assert stack.preview() == []
    assert PASSWORD
