"""It comes back by itself: after a boot and a kill of anything, at any time after any kind of update; on a real server.

The tests are one story and run in this order.
Costs 7 updates, 6 previews and a removal, and two hosts, one of which starts anew five times.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from components.scripts.script import with_payload
from lab import hosts
from lab.places import PROJECT
from lab.run import run
from tests.e2e.conftest import CA, settings
from tests.e2e.hosts import PREFIX, PREFIX6, Hosts
from tests.e2e.stack import Stack

NAME = "restarts"
LOGIN = "ci:correct horse battery"
PROXY, LOGIN_CONTAINER = f"private-registry-{NAME}-proxy", f"private-registry-{NAME}-login"
ADDRESS, ADDRESS6, LATER = f"{PREFIX}.15", f"{PREFIX6}::15", f"{PREFIX}.99"
SYSCTL = f"/etc/sysctl.d/60-private-registry-private-registry-{NAME}.conf"
_BOOT_SECONDS = 120


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    client_hosts.inside("server", "usermod --append --groups docker ops")
    client_hosts.bring_images("server", found_images)
    key = client_hosts.clients["one"]["privateKeyFile"]
    access = {"hostKey": hosts.host_key(client_hosts.network, client_hosts.host("server")), "privateKeyFile": key}
    with Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts)) as stack:
        stack.configure(
            bindAddress=None,
            deleteData=True,
            dockerHost=f"ssh://ops@{ADDRESS}",
            dockerHostAccess=access,
            clients=[{**client_hosts.clients["one"], "hostsEntry": ADDRESS}],
        )
        yield stack


def boot(client_hosts: Hosts) -> None:
    """Restart the server without letting anything there end well."""
    run(["docker", "restart", "--time", "0", client_hosts.container("server")])


def kill(client_hosts: Hosts, *names: str) -> None:
    """Kill the first process of containers as the kernel does when memory runs out: Docker is told of nothing."""
    for name in names:
        client_hosts.inside("server", f"kill -9 $(docker inspect --format '{{{{.State.Pid}}}}' {name})")


def registry(client_hosts: Hosts) -> str:
    return client_hosts.inside("server", f"docker ps --format '{{{{.Names}}}}' --filter name={NAME}-registry")


def answers(client_hosts: Hosts, *options: str) -> None:
    """Wait until a client is served with its login: nobody's hand is needed."""
    ask = f"curl -s --max-time 5 --cacert {CA} --user '{LOGIN}' {' '.join(options)} https://registry.test/v2/_catalog"
    served = '[ -z "${said##*repositories*}" ]'
    wait = f"for n in $(seq {_BOOT_SECONDS}); do said=$({ask}) && {served} && exit 0; sleep 1; done"
    client_hosts.inside("one", f'{wait}; echo "$said"; exit 1')


def ids(client_hosts: Hosts) -> list[str]:
    return client_hosts.inside("server", "docker ps --all --quiet --no-trunc").split()


def test_an_older_deployment_is_healed_by_its_next_update(stack: Stack, client_hosts: Hosts) -> None:
    """It was reloaded by a signal from Docker, and then stays down after a boot."""
    with stack.altered("restarts_unless_stopped"):
        stack.up()
    assert "With Docker before version 27, nginx sees all IPv6 clients under one address" in stack.log
    client_hosts.inside("server", f"docker kill --signal HUP {PROXY}")
    before = ids(client_hosts)
    stack.configure(users=[*stack.settings["users"], {"name": "later", "password": "another password"}])
    assert {step.op for step in stack.up()} == {"update"}
    assert ids(client_hosts) == before, "no container is replaced"
    boot(client_hosts)
    answers(client_hosts)


def test_both_families_are_served(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("server", f"docker logs {PROXY} > /tmp/before 2> /dev/null")
    for address in (ADDRESS, f"[{ADDRESS6}]"):
        answers(client_hosts, f"--resolve registry.test:443:{address}")
    lines = client_hosts.inside(
        "server", f"sleep 2; docker logs {PROXY} 2> /dev/null | tail -n +$(($(wc -l < /tmp/before) + 1))"
    ).splitlines()
    seen = {json.loads(line)["address"] for line in lines}
    assert f"{PREFIX}.11" in seen, "the client's own"
    assert len(seen) == 2, "and that of Docker's proxy, which this Docker has for IPv6"


Change = Callable[[Stack], AbstractContextManager[None]]


def setting(**changes: Any) -> Change:
    def change(stack: Stack) -> AbstractContextManager[None]:
        stack.configure(**changes)
        return nullcontext()

    return change


CHANGES: dict[str, Change] = {
    "certificate": setting(certificate={"rotation": "again"}),
    "configuration": lambda stack: stack.altered("nginx_setting"),
    "image": setting(),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_it_comes_back_after_a_change(
    stack: Stack, client_hosts: Hosts, found_images: dict[str, str], kind: str
) -> None:
    if kind == "image":
        change = f"id=$(docker create {found_images['registry']}) && docker commit --change 'LABEL release=next' $id"
        image = client_hosts.inside("server", f"{change} && docker rm --volumes $id > /dev/null")
        stack.configure(images={**stack.settings["images"], "registry": image})
    with CHANGES[kind](stack):
        stack.up()
        assert stack.preview() == []
    worker = f"docker top {PROXY} -o pid,args | sed -n 's/^ *\\([0-9]*\\) .*worker process$/\\1/p' | head -n 1"
    client_hosts.inside("server", f"kill -9 $({worker})")
    answers(client_hosts)
    for names in ((PROXY,), (registry(client_hosts),), (LOGIN_CONTAINER,)):
        kill(client_hosts, *names)
        answers(client_hosts)
    kill(client_hosts, PROXY, LOGIN_CONTAINER, registry(client_hosts))
    answers(client_hosts)
    boot(client_hosts)
    answers(client_hosts)


def test_an_update_starts_what_was_stopped(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("server", f"docker stop {PROXY} {registry(client_hosts)} && docker pause {LOGIN_CONTAINER}")
    assert stack.preview() == [], "nobody asks the server in a preview"
    assert stack.up() == []
    answers(client_hosts)
    assert stack.preview(refresh=True) == [], "Docker shows what was declared, in the same order"


def test_an_address_that_comes_after_docker_is_served(stack: Stack, client_hosts: Hosts) -> None:
    add = f"ip address add {LATER}/24 dev eth0"
    client_hosts.inside("server", add)
    [client] = stack.settings["clients"]
    stack.configure(bindAddress=LATER, clients=[{**client, "hostsEntry": LATER}])
    stack.up()
    assert stack.preview() == []
    boot(client_hosts)
    client_hosts.inside("server", f"until docker ps --format '{{{{.Names}}}}' | grep -q {PROXY}; do sleep 1; done")
    client_hosts.fails("server", f"ip address show | grep -F {LATER}")
    client_hosts.inside("server", add)
    answers(client_hosts)


def test_a_mistake_in_the_address_is_refused_all_the_same(client_hosts: Hosts, found_images: dict[str, str]) -> None:
    script = with_payload(PROJECT / "components/proxy/port_check.sh", {})
    for address in (f"{PREFIX}.98", f"{PREFIX6}::98"):
        place = f"address={address} port=8443 image={found_images['nginx']} container=none"
        said = client_hosts.fails("server", f"sh -s -- {place}", script)
        assert "cannot assign requested address" in said
    place = f"address={LATER} port=8443 image={found_images['nginx']} container=none"
    client_hosts.inside("server", f"sh -s -- {place}", script)


def test_a_destroy_takes_it_back(stack: Stack, client_hosts: Hosts) -> None:
    assert client_hosts.inside("server", f"grep -v '#' {SYSCTL}") == "net.ipv4.ip_nonlocal_bind = 1"
    stack.destroy()
    client_hosts.fails("server", f"cat {SYSCTL}")
    assert client_hosts.inside("server", "cat /proc/sys/net/ipv4/ip_nonlocal_bind") == "0"
    assert client_hosts.inside("server", "docker ps -aq; docker volume ls -q") == ""
