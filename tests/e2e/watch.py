"""A client that asks the registry without a pause, by what Docker on it would trust at that moment."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.hosts import Hosts

BY_THE_SYSTEM = "/usr/local/share/ca-certificates/of-the-test.crt"
"""Where a test puts an authority that a client's system trusts, if any."""
_WATCH = f"""
cp /usr/bin/curl /tmp/watching-curl
while [ ! -e /tmp/watch.stop ]; do
	cat /etc/docker/certs.d/$0/ca.crt {BY_THE_SYSTEM} > /tmp/watch.trusted 2> /dev/null
	/tmp/watching-curl -sS --max-time 10 --cacert /tmp/watch.trusted https://$0/healthz 2>&1
	sleep 0.1
done
rm /tmp/watch.stop /tmp/watch.trusted /tmp/watching-curl
"""


@contextmanager
def watched(client_hosts: Hosts, host: str, name: str = "registry.test") -> Iterator[list[str]]:
    """Ask the registry from a client, trusting what it trusts, while the body runs; yields the answers."""
    command = ["docker", "exec", client_hosts.container(host), "timeout", "900", "sh", "-c", _WATCH, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        answers: list[str] = []
        assert process.stdout
        reader = threading.Thread(target=lambda stream: answers.extend(map(str.strip, stream)), args=(process.stdout,))
        reader.start()
        try:
            yield answers
        finally:
            client_hosts.inside(host, "touch /tmp/watch.stop")
            reader.join(timeout=60)
