"""What somebody changes by hand on a host is found, named, and put right.

The tests are one story and run in this order. They cost three updates, three previews
and 28 looks, and two client hosts.
"""

import json
from collections.abc import Iterator

import pytest

from components.scripts.script import with_payload
from lab.places import PROJECT
from lab.run import run
from operations.drift.containers import seen_in
from tests.e2e.conftest import settings
from tests.e2e.hosts import PREFIX, Hosts, containers
from tests.e2e.stack import Stack
from tests.unit.authority import issue

NAME = "drift"
FILE = "/etc/docker/certs.d/registry.test/ca.crt"
PROXY = f"/var/lib/private-registry/{NAME}/proxy"
REGISTRY = f"/var/lib/private-registry/{NAME}/registry"
CONTAINER = f"private-registry-{NAME}-proxy"
HERE, ONE, TWO = "this machine", f"{PREFIX}.11", f"{PREFIX}.12"


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str], client_hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts, "one", "two")) as stack:
        stack.configure(deleteData=True)
        yield stack


def registry() -> str:
    [name] = containers(f"private-registry-{NAME}-registry")
    return name


def test_hosts_are_read_before_the_first_update(stack: Stack) -> None:
    status, printed = stack.doctor()
    assert status == 0, printed
    assert "has not been updated yet" in printed
    assert "All is well; hosts checked: 3." in printed


def test_hosts_trust_after_an_update(stack: Stack) -> None:
    stack.up()
    status, printed = stack.doctor("--json")
    report = json.loads(printed)
    assert (status, report["deployed"], report["answering"]) == (0, True, True), printed
    assert [host["answers"] for host in report["hosts"]] == [True] * 3
    for host in report["hosts"][1:]:
        trust = {one["runtime"]: (one["state"], one["by"]) for one in host["trust"]}
        assert trust["docker"] == trust["podman"] == ("trusted", FILE.rpartition("/")[0])
        assert host["daysLeft"] > 1000


def test_nothing_has_drifted_after_an_update(stack: Stack) -> None:
    assert stack.drifted() == []
    assert stack.drift() == (0, f"Stack {NAME} is unchanged since the last update; hosts checked: 3.\n")


ON_CLIENTS: tuple[tuple[tuple[str, str, tuple[str, str]], ...], ...] = (
    (
        ("one", f"echo edited >> {FILE}", (ONE, f"{FILE} has other content")),
        ("two", f"chmod 0600 {FILE}", (TWO, f"{FILE} has mode 600 instead of 0644")),
    ),
    (
        ("one", f"rm {FILE}", (ONE, f"{FILE} is missing")),
        (
            "two",
            "sed -i '/# private-registry/d' /etc/hosts",
            (TWO, f"/etc/hosts has the entry '' instead of '{PREFIX}.1/registry.test'"),
        ),
    ),
)
"""Client, change and what is found; those of a row at the same time, one a client."""


@pytest.mark.parametrize("changes", ON_CLIENTS, ids=["content and mode", "a file and the entry"])
def test_a_change_on_a_client(
    stack: Stack, client_hosts: Hosts, changes: tuple[tuple[str, str, tuple[str, str]], ...]
) -> None:
    before = {client: client_hosts.fingerprint(client) for client, *_ in changes}
    for client, change, _ in changes:
        client_hosts.inside(client, change)
    assert stack.drifted() == [finding for *_, finding in changes]
    is_repaired(stack)
    assert {client: client_hosts.fingerprint(client) for client, *_ in changes} == before


ON_THE_SERVER = (
    ("rm {}", f"{REGISTRY}/config/current/config.yml", "is missing"),
    ("echo '# edited' >> {}", f"{PROXY}/site/current/nginx.conf", "has other content"),
    ("chmod 0644 {}", f"{PROXY}/tls/current/server.key", "has mode 644 instead of 0600"),
    ("sed -i '/^ci:/d' {}", f"{PROXY}/users/current/htpasswd", "has other content"),
)
"""Change, file and what is found."""


def test_a_change_on_the_server(stack: Stack) -> None:
    paths = " ".join(path for _, path, _ in ON_THE_SERVER)
    seen = f"for path in {paths}; do cat $path; stat -c '%a %u' $path; readlink $(dirname $path); done"
    before, running = run(["sh", "-c", seen]), containers(f"private-registry-{NAME}")
    for change, path, _ in ON_THE_SERVER:
        run(["sh", "-c", change.format(path)])
    assert sorted(stack.drifted()) == sorted((HERE, f"{path} {finding}") for _, path, finding in ON_THE_SERVER)
    is_repaired(stack)
    assert run(["sh", "-c", seen]) == before
    assert containers(f"private-registry-{NAME}") == running, "no container is touched for a file"


def test_another_release_is_live_and_served(stack: Stack, client_hosts: Hosts) -> None:
    other_release()
    run(["docker", "kill", "--signal", "HUP", CONTAINER])
    assert (HERE, f"{PROXY}/tls/current/server.crt has other content") in stack.drifted()
    is_repaired(stack)
    client_hosts.inside("one", f"curl -sf --cacert {FILE} https://registry.test/healthz")


def test_nginx_serves_another_certificate_than_what_is_live(stack: Stack, client_hosts: Hosts) -> None:
    live = other_release()
    run(["docker", "kill", "--signal", "HUP", CONTAINER])
    client_hosts.inside("one", f"until ! curl -sf --cacert {FILE} https://registry.test/healthz; do sleep 0.2; done")
    run(["ln", "-sfn", live, f"{PROXY}/tls/current"])
    assert stack.drifted() == [(HERE, f"nginx does not serve the certificate of {PROXY}/tls/current")]
    is_repaired(stack)
    client_hosts.inside("one", f"curl -sf --cacert {FILE} https://registry.test/healthz")


def other_release() -> str:
    """Make a release with another certificate live; return what the link was before."""
    live = run(["readlink", f"{PROXY}/tls/current"])
    stranger = issue("stranger", issue("root", authority=True), ["registry.test"])
    run(["cp", "-a", f"{PROXY}/tls/{live}", f"{PROXY}/tls/releases/other"])
    for name, text in (("server.crt", stranger.pem), ("server.key", stranger.key_pem())):
        run(["sh", "-c", f"cat > {PROXY}/tls/releases/other/{name}"], stdin=text)
    run(["ln", "-sfn", "releases/other", f"{PROXY}/tls/current"])
    return live


def test_a_container_is_stopped(stack: Stack) -> None:
    run(["docker", "stop", CONTAINER])
    assert stack.drifted() == [(HERE, f"container {CONTAINER} is stopped (exited)")]
    is_repaired(stack)


def test_much_at_once_is_told_to_people(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("one", f"echo edited > {FILE}; sed -i '/# private-registry/d' /etc/hosts")
    run(["docker", "stop", registry()])
    run(["sh", "-c", f"echo '# edited' >> {PROXY}/site/current/nginx.conf"])
    assert stack.preview() == [], "the engine sees nothing of it"
    status, printed = stack.drift()
    assert status == 2
    assert printed.startswith(f"'make drift STACK={NAME} REPAIR=1' repairs:\n")
    assert f"  {ONE:<15} {FILE} has other content\n" in printed
    assert printed.count(f"  {HERE:<15} ") == 2
    status, printed = stack.drift("--repair")
    assert status == 0, printed
    assert printed.startswith("Repaired:\n")
    assert stack.drifted() == []


def test_a_container_is_gone(stack: Stack) -> None:
    name = registry()
    run(["docker", "rm", "--force", name])
    assert stack.drifted("--repair") == [(HERE, f"container {name} is gone")]
    assert f"'pulumi up --refresh' creates again:\n  {HERE:<15} container {name} is gone" in stack.drift()[1]
    stack.up(refresh=True)
    assert registry() != name
    assert stack.drifted() == []
    assert stack.preview() == []


def test_a_container_that_the_state_does_not_know(stack: Stack) -> None:
    label = run(["docker", "inspect", "--format", '{{index .Config.Labels "private-registry.owner"}}', CONTAINER])
    image = run(["docker", "inspect", "--format", "{{.Image}}", CONTAINER])
    labelled = ["--label", f"private-registry.owner={label}"]
    run(["docker", "create", "--name", f"{CONTAINER}-stranger", *labelled, image])
    try:
        [(host, what)] = stack.drifted("--repair")
        assert (host, what.partition(":")[0]) == (
            HERE,
            f"container {CONTAINER}-stranger has this stack's label but is not in its state",
        )
    finally:
        run(["docker", "rm", "--force", f"{CONTAINER}-stranger"])
    assert stack.drifted() == []


def test_the_container_of_a_stack_that_is_named_alike_is_not_looked_at(stack: Stack) -> None:
    names = [f"private-registry-{NAME}{sign}eu-proxy" for sign in ".-"]
    image = run(["docker", "inspect", "--format", "{{.Image}}", CONTAINER])
    for name in names:
        run(["docker", "create", "--name", name, image])
    asked = ["sh", "-s", "--", "owner=nobody", "seconds=0", f"names={names[0]}"]
    try:
        seen = seen_in(run(asked, stdin=with_payload(PROJECT / "operations/drift/containers.sh", {})))
        assert [container.name for container in seen] == names[:1]
    finally:
        run(["docker", "rm", *names])


def test_another_container_has_the_name(stack: Stack) -> None:
    image = run(["docker", "inspect", "--format", "{{.Image}}", CONTAINER])
    run(["docker", "rm", "--force", CONTAINER])
    run(["docker", "create", "--name", CONTAINER, image])
    expected = f"container {CONTAINER} was not created by this stack: remove it, and check again"
    try:
        assert stack.drifted("--repair") == [(HERE, expected)]
    finally:
        run(["docker", "rm", CONTAINER])
    assert stack.drifted() == [(HERE, f"container {CONTAINER} is gone")]
    stack.up(refresh=True)
    assert stack.drifted() == []


def test_a_host_that_is_down_hides_nothing_of_the_others(stack: Stack, client_hosts: Hosts) -> None:
    client_hosts.inside("one", f"rm {FILE}")
    run(["docker", "stop", "--time", "2", client_hosts.container("two")])
    try:
        missing, down = stack.drifted()
        assert missing == (ONE, f"{FILE} is missing")
        assert down[0] == TWO
        assert down[1].startswith("could not be checked: ")
        [(host, what)] = stack.drifted("--repair")
        assert host == TWO
        assert what.startswith("could not be checked: ")
    finally:
        run(["docker", "start", client_hosts.container("two")])
        client_hosts.inside("two", "until [ -e /run/sshd.pid ]; do sleep 0.2; done")


def test_a_host_that_shows_another_key_gets_nothing(stack: Stack, client_hosts: Hosts) -> None:
    key, reload = "/etc/ssh/ssh_host_ed25519_key", "kill -HUP $(cat /run/sshd.pid)"
    client_hosts.inside(
        "one",
        f"rm {FILE}; mv {key} {key}.away; mv {key}.pub {key}.pub.away; ssh-keygen -qN '' -t ed25519 -f {key}; {reload}",
    )
    try:
        [(host, what)] = stack.drifted("--repair")
        assert (host, what) == (ONE, f"could not be checked: Host key is not trusted for host {ONE}")
        client_hosts.fails("one", f"cat {FILE}")
    finally:
        client_hosts.inside("one", f"mv -f {key}.away {key}; mv -f {key}.pub.away {key}.pub; {reload}")
    is_repaired(stack)
    assert stack.preview() == [], "no repair has left anything to the engine"


def is_repaired(stack: Stack) -> None:
    """Repair, and see that the look after it finds nothing; what it overlooked, the next test would find."""
    assert stack.drifted("--repair") == []
