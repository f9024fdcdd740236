"""``kill -9`` of an update at random moments: nothing half-written, nothing left behind, and the next update repairs.

KILLS sets how often; the number in continuous integration keeps the suite short.
Costs 2 updates, for each kill 2 more and a preview, a removal, and a host.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lab import engine
from tests.e2e.conftest import CA, NETWORK, settings
from tests.e2e.hosts import Hosts, containers
from tests.e2e.load import Load
from tests.e2e.stack import SERVER_FILES, Stack

KILLS = int(os.environ.get("KILLS", "4"))
SEED = int(os.environ.get("SEED", "7"))
NAME = "kills"
PASSWORD = "correct horse battery"
FOLDER = SERVER_FILES / NAME
HELPERS = ("pulumi-language-", "pulumi-resource-")
"""What the engine starts and, when it is killed itself, does not end."""


@pytest.fixture(scope="module")
def stack(
    found_images: dict[str, str],
    client_hosts: Hosts,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp(NAME), NAME, settings(found_images, client_hosts, "one")) as stack:
        stack.configure(deleteData=True)
        stack.up()
        yield stack
        stack.destroy()


def mixed() -> str:
    """Say what is wrong with the files that nginx and the registry would read now."""
    live = (FOLDER / "proxy/tls/current").resolve()
    try:
        certificate = x509.load_pem_x509_certificate((live / "server.crt").read_bytes())
        key = load_pem_private_key((live / "server.key").read_bytes(), None)
        site = (FOLDER / "proxy/site/current/nginx.conf").read_text()
        users = (FOLDER / "proxy/users/current/htpasswd").read_text()
    except FileNotFoundError:
        # A release goes two updates after it was live, also under the hands of this reader.
        return "" if live != (FOLDER / "proxy/tls/current").resolve() else "a file is missing"
    if certificate.public_key() != key.public_key():
        return "the certificate is another key's"
    return "" if site.endswith("}\n") and users.endswith("\n") else "a file is half-written"


CLIENT_LOOP = f"""
mkfifo /tmp/poll.never && exec 3<> /tmp/poll.never
while [ ! -e /tmp/poll.stop ]; do
	mapfile lines < {CA}
	case ${{lines[*]}} in "# "*-----BEGIN*-----END\\ CERTIFICATE-----?) ;; *) echo "half-written: ${{lines[*]}}" ;; esac
	read -r -t 0.003 -u 3
done
rm /tmp/poll.stop /tmp/poll.never
"""
"""Bash's own words alone: a process for each look would take a core for itself."""


@contextmanager
def polled(client_hosts: Hosts) -> Iterator[list[str]]:
    """Read the files of server and client all the time; yields what was wrong with them."""
    wrong: list[str] = []
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            if problem := mixed():
                wrong.append(problem)
            time.sleep(0.005)

    command = ["docker", "exec", client_hosts.container("one"), "timeout", "3600", "bash", "-c", CLIENT_LOOP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        thread = threading.Thread(target=poll)
        thread.start()
        try:
            yield wrong
        finally:
            stop.set()
            thread.join()
            client_hosts.inside("one", "touch /tmp/poll.stop")
            wrong += (process.communicate(timeout=60)[0] or "").splitlines()


def session(leader: int) -> dict[int, str]:
    """Return the processes that still run in a session: id -> command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(status[3]) == leader and status[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError, IndexError):
            continue
    return found


def killed_update(stack: Stack, after: float) -> bool:
    """Start an update and kill the engine; tell whether it was still at work. Waits for what it had started."""
    stack.write()
    command = [engine.pulumi(), "up", "--yes", "--skip-preview", "--non-interactive", "--continue-on-error"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=stack.folder, env={**os.environ, **stack.env}, stdout=quiet, stderr=quiet, start_new_session=True
    )
    time.sleep(after)
    was_at_work = process.poll() is None
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while ours := [line for line in session(process.pid).values() if not any(name in line for name in HELPERS)]:
        assert time.monotonic() < deadline, f"left behind: {ours}"
        time.sleep(0.2)
    for helper in session(process.pid):
        os.kill(helper, signal.SIGKILL)
    return was_at_work


def left_behind(client_hosts: Hosts) -> list[str]:
    server = [str(path) for path in FOLDER.rglob(".*")]
    client = client_hosts.inside(
        "one", "find /etc/docker /etc/hosts* -name '*.new' -o -name '*hosts.private-registry*'"
    )
    return [*server, *client.split()]


def test_a_killed_update_is_repaired_by_the_next(
    stack: Stack, client_hosts: Hosts, another: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    draw = random.Random(SEED)  # noqa: S311 - moments, not secrets
    images = stack.settings["images"]
    started = time.monotonic()
    stack.configure(certificate={"rotation": "start"})
    stack.up()
    whole = time.monotonic() - started
    first = containers(f"private-registry-{NAME}")
    load = Load("registry.test", NETWORK.gateway, client_hosts, "one", "ci", PASSWORD, 2)
    at_work = 0
    with load.running() as tally, polled(client_hosts) as wrong:
        for number in range(KILLS):
            before = containers(f"private-registry-{NAME}")
            is_other_image = number % 3 == 0
            if is_other_image:
                here = stack.settings["images"]["registry"]
                other = images["registry"] if here == another["registry"] else another["registry"]
                stack.configure(images={**images, "registry": other})
            stack.configure(
                certificate={"rotation": f"kill-{number}"},
                users=[{"name": "ci", "password": PASSWORD}, {"name": "new", "password": f"password {number}"}],
                limits={"registryMemory": 300 + number},
            )
            at_work += killed_update(stack, draw.uniform(0.5, whole + (6 if is_other_image else 0)))
            stack.cancel()
            stack.up(refresh=True)
            assert stack.preview() == [], number
            after = containers(f"private-registry-{NAME}")
            assert len(after) == 3, after
            if not is_other_image:
                assert after == before, "no container was replaced without need"
            assert left_behind(client_hosts) == []
    proxy = f"private-registry-{NAME}-proxy"
    assert containers(proxy) == {proxy: first[proxy]}, "nginx ran all the time"
    assert wrong == []
    assert tally.failures == []
    record_property(
        "kills", f"{KILLS} kills, {at_work} while it worked; {tally.requests} requests, 0 failed; seed {SEED}"
    )
