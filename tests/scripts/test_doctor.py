"""operations/doctor/look.sh on a host with a real Docker and Skopeo: what is there is printed, and nothing changes.

Costs one host.
"""

import asyncio
import base64
import json
import shutil
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.scripts.script import with_payload, words
from lab import hosts
from lab.hosts import LabHost, Network
from lab.run import run
from operations.doctor.facts import Facts, Proxy, read
from operations.doctor.finding import Kind, Level
from operations.doctor.judge import Wanted, judge
from operations.doctor.registry import Registry
from operations.doctor.trust import State
from operations.doctor.visit import Host, visit_all
from tests.e2e.hosts import PREFIX, WORKER, Hosts
from tests.unit.authority import issue

SCRIPT = Path("operations/doctor/look.sh")
ONE = LabHost("one", f"{PREFIX}.11", user="ops", containerd=True)
NETWORK = Network(f"private-registry-doctor-{WORKER}", PREFIX, (ONE,))
REFERENCE = "registry.test:8443"
WORDS = words(registry=REFERENCE, host="registry.test")
MARK = "private-registry project/stack"
CA = issue("ca", authority=True)
SERVER = issue("server", CA, ["registry.test"])
SECRET = "marker-secret"
FOLDER = f"/etc/docker/certs.d/{REFERENCE}"

REGISTRY = Registry(
    reference=REFERENCE,
    full_reference=REFERENCE,
    host="registry.test",
    port=8443,
    host_names="registry.test",
    mark=MARK,
    served=[SERVER.certificate],
    trusted=[CA.certificate],
)
COPIES = {"ca.crt": CA.pem, "key.pem": CA.key_pem()}
NODE = {
    "Name": "ci0",
    "Endpoint": "unix:///var/run/docker.sock",
    "DriverOpts": {"env.TOKEN": SECRET},
    "Files": {
        f"certs/registry.test_8443/{name}": base64.b64encode(text.encode()).decode() for name, text in COPIES.items()
    },
}
BUILDER = {"Name": "ci", "Driver": "docker-container", "Nodes": [NODE, {**NODE, "Files": None}], "Dynamic": False}
FILES = {
    "/root/.docker/buildx/instances/ci": json.dumps(BUILDER, separators=(",", ":")),
    f"{FOLDER}/ca.crt": CA.pem,
    f"{FOLDER}/.private-registry": "",
    "/etc/docker/certs.d/registry.test:5000/ca.crt": CA.pem,
    "/etc/containers/registries.conf.d/own.conf": f'[[registry]]\nlocation = "{REFERENCE}/team"\ninsecure = true\n',
    "/etc/environment": f"HTTPS_PROXY=http://user:{SECRET}@proxy.test:3128\nno_proxy=localhost",
    "/etc/buildkit/buildkitd.toml": f'[registry."{REFERENCE}"]\n  ca = ["/opt/own.pem"]\n',
    "/opt/own.pem": f"{CA.key_pem()}{CA.pem}",
    "/etc/rancher/k3s/registries.yaml": f"configs:\n  {REFERENCE}:\n    auth:\n      password: {SECRET}\n",
}


class Healthy(BaseHTTPRequestHandler):
    """Answers as the registry does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def host(found_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("doctor")
    hosts.remove(NETWORK)
    there = Hosts(NETWORK, found_images["client"], folder)
    there.start("one")
    for path, text in FILES.items():
        there.inside("one", f"mkdir -p '{path.rpartition('/')[0]}' && cat > '{path}'", stdin=text)
    there.inside("one", f"mkdir -p /etc/containers/certs.d/{REFERENCE} && mkdir -p /opt/tools")
    there.inside("one", f"printf '{NETWORK.gateway}\\tregistry.test\\t# {MARK}\\n' >> /etc/hosts")
    busybox = shutil.which("busybox")
    run(["docker", "cp", str(busybox), f"{there.container('one')}:/opt/tools/busybox"])
    there.inside("one", "/opt/tools/busybox --install -s /opt/tools")
    pem = folder / "server.pem"
    pem.write_text(SERVER.key_pem() + SERVER.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with ThreadingHTTPServer((NETWORK.gateway, 8443), Healthy) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield there
        server.shutdown()
    hosts.remove(NETWORK)


def looked(host: Hosts, shell: str, user: str = "root") -> str:
    command = ["docker", "exec", "-i", "--user", user, host.container("one"), "env", *shell.split(), "-s", "--"]
    return run([*command, *WORDS.split()], stdin=with_payload(SCRIPT, {}))


@pytest.mark.parametrize("shell", ["dash", "PATH=/opt/tools /opt/tools/sh"])
def test_what_is_there_is_printed_and_nothing_changes(host: Hosts, shell: str) -> None:
    host.inside("one", "touch /opt/before")
    printed = looked(host, shell)
    changed = host.inside("one", "find /etc /root /home /opt /usr /tmp -xdev -newer /opt/before ! -name before")
    facts = read(printed)
    assert changed == ""
    assert SECRET not in printed
    assert "PRIVATE KEY" not in printed
    assert facts.is_whole
    assert abs(facts.now - datetime.now(UTC).timestamp()) < 60
    assert facts.os.startswith("Debian")
    assert {"docker", "dockerd", "containerd", "skopeo", "curl"} <= facts.programs.keys()
    assert facts.docker["store"] == ("io.containerd.snapshotter.v1",)
    assert "version" in facts.docker
    assert "dockerd" in facts.processes
    assert facts.proxies["/etc/environment"] == Proxy("http://proxy.test:3128", "localhost")
    assert facts.ours == {FOLDER}
    assert facts.certificates[f"{FOLDER}/ca.crt"].strip() == CA.pem.strip()
    assert facts.certificates["/opt/own.pem"].strip() == CA.pem.strip()
    [builder] = facts.builders
    assert (builder.path, builder.driver) == ("/root/.docker/buildx/instances/ci", "docker-container")
    copied, nothing = builder.nodes
    assert copied["certs/registry.test_8443/ca.crt"].strip() == CA.pem.strip()
    assert copied["certs/registry.test_8443/key.pem"].strip() == ""
    assert nothing == {}
    assert facts.resolved == (NETWORK.gateway,)
    assert facts.curl == 60


def test_what_was_read_is_judged(host: Hosts) -> None:
    now = datetime.now(UTC)
    facts = read(looked(host, "dash"))
    verdict = judge(facts, REGISTRY, Wanted(("docker",), (NETWORK.gateway,)), (now, datetime.now(UTC)))
    assert verdict.offset == 0
    assert dict(verdict.runtimes)["docker"].endswith("(containerd's store)")
    states = {trust.runtime: trust.state for trust in verdict.trust}
    assert states == {"docker": State.TRUSTED, "podman": State.WRONG, "system": State.MISSING}
    wrong = {finding.kind for finding in verdict.findings if finding.level is Level.WRONG}
    assert wrong == {Kind.TRUST, Kind.PITFALL, Kind.LEFTOVER, Kind.PROXY}
    said = "\n".join(finding.what for finding in verdict.findings)
    assert "builder ci in /root/.docker/buildx/instances has an older CA certificate" in said
    assert f"/etc/containers/certs.d/{REFERENCE} comes first, and hides {FOLDER}" in said


def test_the_rules_are_those_of_the_programs(host: Hosts) -> None:
    """Of all rules, those that a program of the host can show."""
    image, empty = f"{REFERENCE}/app", f"/etc/containers/certs.d/{REFERENCE}"
    assert "x509" in host.fails("one", f"skopeo inspect docker://{image}"), "an empty folder hides the next one"
    host.inside("one", f"rmdir {empty}")
    assert "x509" not in host.fails("one", f"skopeo inspect docker://{image}")
    assert "x509" not in host.fails("one", f"docker pull {image}")
    host.inside("one", f"touch {FOLDER}/other.cert && mkdir {empty}")
    assert "other.key" in host.fails("one", f"docker pull {image}")
    now = datetime.now(UTC)
    verdict = judge(read(looked(host, "dash")), REGISTRY, Wanted(("docker",), (NETWORK.gateway,)), (now, now))
    host.inside("one", f"rm {FOLDER}/other.cert")
    assert verdict.trust[0].state is State.WRONG
    assert "other.key" in verdict.trust[0].why


def test_what_the_machine_trusts_needs_no_file(host: Hosts) -> None:
    store = "/usr/local/share/ca-certificates/private-registry_registry.test_8443_1.crt"
    # As the machine's own tool does, which takes some seconds.
    host.inside("one", f"tee {store} >> /etc/ssl/certs/ca-certificates.crt", stdin=CA.pem)
    facts = read(looked(host, "dash"))
    assert facts.curl == 0
    assert store in facts.certificates


def test_one_who_is_not_root_is_told_what_was_not_read(host: Hosts) -> None:
    host.inside("one", f"chmod 600 {FOLDER}/ca.crt")
    facts = read(looked(host, "dash", user="ops"))
    host.inside("one", f"chmod 644 {FOLDER}/ca.crt")
    assert facts.uid != 0
    assert facts.is_whole
    assert facts.unreadable == {f"{FOLDER}/ca.crt"}
    assert "/home/ops" in facts.homes


def test_a_host_is_read_over_one_connection_as_root_by_sudo(host: Hosts) -> None:
    client = host.clients["one"]
    connection = {**client, "privateKey": Path(client["privateKeyFile"]).read_text()}
    listed = Host("one", connection, Wanted(), is_root=False)
    seen = asyncio.run(visit_all([listed], REFERENCE, "registry.test"))
    [facts] = [one.facts for one in seen]
    assert isinstance(facts, Facts), seen
    assert facts.uid == 0
    assert {"/root", "/home/ops"} <= set(facts.homes)
