"""One registry on several servers: each server is changed after the one before has proven that it serves.

The tests are one story, in this order. Costs some updates with two or three servers, and four hosts.
"""

import http.client
import os
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from lab import hosts, images
from lab.run import run
from tests.client import PASSWORD, Client, digest_of
from tests.e2e.bucket import Bucket
from tests.e2e.conftest import settings
from tests.e2e.hosts import PREFIX, Hosts
from tests.e2e.load import PUSHED, Load, docker_load
from tests.e2e.stack import Stack, write_secret
from tests.e2e.test_kills import killed_update
from tests.scripts.relay import Relay

NAME = "servers"
ADDRESSES = {"server": f"{PREFIX}.15", "three": f"{PREFIX}.13", "stranger": f"{PREFIX}.14"}
"""Hosts of the lab that play servers."""
TWO = ("server", "three")
"""Those that are left where two are enough."""
FLOATING = f"{PREFIX}.90"
NAMES = {"server": "", "three": "b", "stranger": "c"}
"""What the stack calls them: the first one has no name, as the only server that there was."""

NEW_NAMES = {"server": "", "three": "d", "stranger": "e"}
"""What it calls them once other machines are at these addresses."""
KILLS = int(os.environ.get("KILLS", "2"))
SEED = int(os.environ.get("SEED", "7"))


@pytest.fixture(scope="module")
def relay(relayed: tuple[Bucket, Relay]) -> Relay:
    return relayed[1]


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
            clients=[{**client_hosts.clients["one"], "hostsEntry": list(ADDRESSES.values())}],
        )
        yield stack


@pytest.fixture(scope="module")
def load(client_hosts: Hosts) -> Load:
    return Load("registry.test", tuple(ADDRESSES.values()), client_hosts, "one", "ci", PASSWORD)


def entry(client_hosts: Hosts, host: str, name: str) -> dict[str, Any]:
    access = {
        "hostKey": hosts.host_key(client_hosts.network, client_hosts.host(host)),
        "privateKeyFile": client_hosts.clients["one"]["privateKeyFile"],
    }
    named = {"name": name} if name else {}
    return {**named, "dockerHost": f"ssh://root@{ADDRESSES[host]}", "dockerHostAccess": access}


def listed(client_hosts: Hosts, *hosts: str, names: Mapping[str, str] = NAMES) -> list[dict[str, Any]]:
    return [entry(client_hosts, host, names[host]) for host in hosts]


def client(stack: Stack, host: str) -> Client:
    return clients(stack)[host]


def clients(stack: Stack) -> dict[str, Client]:
    """Return server -> a client that asks it."""
    authority = stack.outputs()["ca_certificate"]
    return {host: Client(authority, address) for host, address in ADDRESSES.items()}


def test_a_stack_of_one_server_gets_more(stack: Stack, client_hosts: Hosts, load: Load) -> None:
    [first] = listed(client_hosts, "server")
    stack.configure(dockerHost=first["dockerHost"], dockerHostAccess=first["dockerHostAccess"])
    stack.up()
    digest = client(stack, "server").push("ci", "team/app")
    # An upload that nobody ends: without one the S3 server takes the folder of all uploads away when the last one ends,
    # under the hands of one that begins.
    assert client(stack, "server").send("ci", "POST", "/v2/load/push/blobs/uploads/").status == 202
    stack.configure(dockerHost=None, dockerHostAccess=None, servers=listed(client_hosts, *ADDRESSES))
    with replace(load, address=ADDRESSES["server"]).running() as tally:
        steps = stack.up()
    assert tally.failures == []
    # The first server gets the key of tokens that all have.
    changed = {step.name for step in steps if step.op != "create"}
    assert changed == {"registry-proxy-site", "registry-verification"}
    assert {one.pull("ci", "team/app") for one in clients(stack).values()} == {digest}
    assert stack.preview() == []


def images_on(client_hosts: Hosts, program: str, on: Collection[str] = ADDRESSES.keys()) -> dict[str, str]:
    """Return server -> the image of a running container."""
    running = f"docker ps --quiet --filter 'name={NAME}-([b-e]-)?{program}'"
    show = f"docker inspect --format '{{{{.Image}}}}' $({running})"
    return {host: client_hosts.inside(host, show) for host in on}


def test_another_nginx_loses_no_request(
    stack: Stack,
    client_hosts: Hosts,
    load: Load,
    another: dict[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    """What a single server can't do: there is always one that serves."""
    for host in ADDRESSES:
        client_hosts.bring_images(host, another)
    stack.configure(images={**stack.settings["images"], "nginx": another["nginx"]}, drainSeconds=1)
    with load.running() as tally, docker_load(client_hosts.container("one"), "registry.test", "ci", PASSWORD) as said:
        done = stack.up()
    failed = [line for line in said if line.startswith("failed")]
    record_property("load", tally.row("nginx of three servers", said))
    assert set(images_on(client_hosts, "proxy").values()) == {another["nginx"]}
    assert tally.failures == []
    assert failed == []
    assert set(tally.by_address) == set(ADDRESSES.values())
    proofs = [step.name for step in done if step.name.endswith("proof")]
    assert proofs == ["registry-proof", "registry-b-proof", "registry-c-proof"], "one after the other"


CI = {"name": "ci", "password": PASSWORD}
SIGNED = {"rotation": "again", "keyType": "RSA-2048", "authorities": ["1", "2"]}
CHANGES: dict[str, dict[str, Any]] = {
    "users, server certificate, CA": {"users": [CI, {"name": "new", "password": PASSWORD}], "certificate": SIGNED},
    "registry, nginx.conf, CA first": {
        "users": [CI],
        "limits": {"registryMemory": 384, "nginxMemory": 600},
        "certificate": {**SIGNED, "authorities": ["2", "1"]},
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_other_change_loses_a_request(
    stack: Stack,
    client_hosts: Hosts,
    load: Load,
    another: dict[str, str],
    record_property: Callable[[str, object], None],
    change: str,
) -> None:
    """Each kind of change, several in one update: what one of them does by itself other tests show."""
    stack.configure(**CHANGES[change])
    if "registry" in change:
        stack.configure(images={**stack.settings["images"], "registry": another["registry"]})
    with load.running() as tally:
        stack.up()
    record_property("load", tally.row(change))
    assert tally.failures == []
    assert tally.requests > 50, "there was a load"


def test_a_server_that_fails_stops_the_roll(stack: Stack, client_hosts: Hosts, load: Load) -> None:
    """What comes after it stays as it was, and serves."""
    before = images_on(client_hosts, "registry")
    # The image is on the first server alone, and no registry has it.
    image = run(["docker", "build", "--quiet", "-"], stdin=f"FROM {before['server']}\nLABEL release=stopped\n")
    images = stack.settings["images"]
    client_hosts.bring_images("server", {"registry": image})
    stack.configure(images={**images, "registry": image})
    with load.running() as tally:
        said = stack.fails()
    run(["docker", "image", "rm", "--no-prune", image])
    assert tally.failures == []
    assert images_on(client_hosts, "registry") == {**before, "server": image}
    assert "the update stopped at server b (2 of 3)" in said
    stack.configure(images=images)
    stack.up()
    assert images_on(client_hosts, "registry") == before


def test_what_one_server_knows_all_know(stack: Stack) -> None:
    first, second, third = clients(stack).values()
    digest = first.push("ci", "team/new", content=b"pushed on the first one")
    assert second.pull("ci", "team/new") == digest
    begun = first.send("ci", "POST", "/v2/team/new/blobs/uploads/")
    place = begun.headers["Location"]
    middle = second.send("ci", "PATCH", place, b"begun on one, ", Content_Type="application/octet-stream")
    assert middle.status == 202, middle.body
    content = b"begun on one, ended on another"
    last = f"{middle.headers['Location']}&digest={digest_of(content)}"
    assert third.send("ci", "PUT", last, b"ended on another").status == 201
    assert first.send("ci", "GET", f"/v2/team/new/blobs/{digest_of(content)}").body == content
    stack.configure(users=[{"name": "ci", "password": "another password"}])
    stack.up()
    assert {client(stack, host).send("ci", "GET", "/v2/").status for host in ADDRESSES} == {401}
    stack.configure(users=[{"name": "ci", "password": PASSWORD}])
    stack.up()


def kill(client_hosts: Hosts, program: str) -> None:
    """Kill the first process of a container of the second server, as the kernel does when memory runs out."""
    name = f"$(docker ps --quiet --filter 'name={NAME}-(b-)?{program}')"
    client_hosts.inside("three", f"kill -9 $(docker inspect --format '{{{{.State.Pid}}}}' {name})")


def lose_power(client_hosts: Hosts) -> None:
    run(["docker", "kill", client_hosts.container("three")])
    time.sleep(_SECONDS)
    run(["docker", "start", client_hosts.container("three")])


def lose_network(client_hosts: Hosts) -> None:
    name, host = client_hosts.network.name, client_hosts.container("three")
    run(["docker", "network", "disconnect", name, host])
    time.sleep(_SECONDS)
    run(["docker", "network", "connect", "--ip", ADDRESSES["three"], name, host])


def lose_bucket(relay: Relay) -> None:
    relay.go_down()
    time.sleep(_SECONDS)
    relay.is_down = False


_SECONDS = 6
FAULTS: dict[str, Callable[[Hosts, Relay], None]] = {
    "nginx is killed": lambda hosts, _: kill(hosts, "proxy"),
    "its registry is killed": lambda hosts, _: kill(hosts, "registry"),
    "its network is cut": lambda hosts, _: lose_network(hosts),
    "it loses its power": lambda hosts, _: lose_power(hosts),
    "the bucket is away for 6 s": lambda _, relay: lose_bucket(relay),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_happens_to_one_server_is_over_by_itself(
    stack: Stack,
    client_hosts: Hosts,
    load: Load,
    relay: Relay,
    record_property: Callable[[str, object], None],
    fault: str,
) -> None:
    digest = client(stack, "server").push("ci", "team/acknowledged", content=fault.encode())
    with replace(load, workers=2).running() as tally:
        FAULTS[fault](client_hosts, relay)
        for host in ADDRESSES:
            answers(stack, host)
        # A container that was started again may be in the middle of it.
        before = len(tally.failures)
        time.sleep(3)
        after = tally.failures[before:]
    record_property("servers", tally.period(fault))
    assert after == [], "all serve again"
    assert tally.requests > 50, "others served meanwhile"
    assert client(stack, "three").pull("ci", "team/acknowledged") == digest


def answers(stack: Stack, host: str) -> None:
    """Wait until a server serves again: nobody's hand is needed."""
    asked, end = client(stack, host), time.monotonic() + 120
    while time.monotonic() < end:
        with suppress(OSError, http.client.HTTPException):
            # An upload needs all that a server consists of, and the bucket.
            if asked.send("ci", "POST", "/v2/team/app/blobs/uploads/").status == 202:
                return
        time.sleep(1)
    raise AssertionError(f"{host} does not answer")


def test_two_of_three_that_are_gone_for_good_are_replaced(stack: Stack, client_hosts: Hosts, load: Load) -> None:
    """What they had is in the bucket, and in the state."""
    gone = ("three", "stranger")
    first, second, third = clients(stack).values()
    digest = second.push("ci", "team/kept", content=b"pushed on one that is gone")
    client_hosts.break_for_good(*gone)
    with replace(load, address=ADDRESSES["server"]).running() as tally:
        for host in gone:
            said = stack.operation("forget", "--server", NAMES[host])
            assert "was removed from the state" in said
        client_hosts.start(*gone)
        for host in gone:
            client_hosts.bring_images(host, stack.settings["images"])
        stack.configure(servers=listed(client_hosts, *ADDRESSES, names=NEW_NAMES))
        steps = stack.up()
    assert tally.failures == []
    assert {step.name for step in steps if step.op != "create"} <= {"registry-verification"}
    assert {one.pull("ci", "team/kept") for one in (first, second, third)} == {digest}
    made = third.push("ci", "team/kept", content=b"pushed on one that is new")
    assert first.pull("ci", "team/kept") == made
    assert stack.preview() == []


def test_a_killed_roll_is_repaired_by_the_next_update(
    stack: Stack,
    client_hosts: Hosts,
    load: Load,
    another: dict[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    """The first killed one also takes the third server out; KILLS sets how many are killed."""
    draw = random.Random(SEED)  # noqa: S311 - moments, not secrets
    before = stack.settings["images"]["registry"]
    for host in TWO:
        client_hosts.bring_images(host, another)
    stack.configure(servers=listed(client_hosts, *TWO, names=NEW_NAMES))
    at_work, whole = 0, 4.0
    only = replace(load, address=[ADDRESSES[host] for host in TWO], workers=2)
    with only.running() as tally:
        for number in range(KILLS):
            registry = before if number % 2 else another["registry"]
            stack.configure(images={**stack.settings["images"], "registry": registry})
            at_work += killed_update(stack, draw.uniform(0.5, whole))
            stack.cancel()
            began = time.monotonic()
            stack.up()
            whole = max(whole, time.monotonic() - began)
            assert set(images_on(client_hosts, "registry", TWO).values()) == {registry}
    assert tally.failures == []
    assert stack.preview() == []
    asked, looked_at = clients(stack), draw.sample(tally.acknowledged, min(10 * KILLS, len(tally.acknowledged)))
    for number, digest in enumerate(looked_at):
        assert asked[TWO[number % 2]].pull("ci", PUSHED, digest) == digest
    kept = f"{tally.requests} requests, 0 failed; {len(looked_at)} of the images pushed, 0 lost; seed {SEED}"
    record_property("kills", f"roll of two servers: {KILLS} kills, {at_work} while it worked; {kept}")


def holders(client_hosts: Hosts) -> list[str]:
    """Return the servers that have the floating address."""
    return [host for host in ADDRESSES if FLOATING in client_hosts.inside(host, "ip -o address")]


def test_a_floating_address_is_that_of_a_server_that_serves(
    stack: Stack, client_hosts: Hosts, load: Load, record_property: Callable[[str, object], None]
) -> None:
    keepalived = images.keepalived()
    for host in ADDRESSES:
        client_hosts.bring_images(host, {"keepalived": keepalived})
    stack.configure(floatingAddress=FLOATING, images={**stack.settings["images"], "keepalived": keepalived})
    stack.up()
    assert stack.preview() == []
    [holder] = holders(client_hosts)
    other = next(host for host in TWO if host != holder)
    with replace(load, address=FLOATING, workers=2).running() as tally:
        run(["docker", "kill", client_hosts.container(holder)])
        end = time.monotonic() + 60
        while FLOATING not in client_hosts.inside(other, "ip -o address"):
            assert time.monotonic() < end
            time.sleep(0.2)
        time.sleep(5)
        before = len(tally.failures)
        time.sleep(3)
        after = tally.failures[before:]
    record_property("servers", tally.period("holder of the address is off"))
    assert after == []
    run(["docker", "start", client_hosts.container(holder)])
    answers(stack, holder)
    assert holders(client_hosts) == [other], "it stays where it is"
    stack.configure(floatingAddress=None)


def test_and_back_to_one(stack: Stack, client_hosts: Hosts, load: Load) -> None:
    stack.configure(servers=listed(client_hosts, "server"))
    only = replace(load, address=ADDRESSES["server"])
    with only.running() as tally:
        stack.up()
    assert tally.failures == []
    for host in ("three", "stranger"):
        assert (
            client_hosts.inside(host, "docker ps --all --quiet; docker network ls --quiet --filter name=private") == ""
        )
    assert stack.preview() == []
