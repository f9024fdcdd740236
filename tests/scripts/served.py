"""The registry, the login and nginx with the rendered configuration, in containers: a stack without the engine."""

import http.client
import json
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import copytree

from components.proxy import config as nginx
from components.proxy.login.htpasswd import Login, htpasswd
from components.registry.config import DATA, ON_DISK, PORT, registry_config
from components.scripts.script import with_payload, words
from lab import docker
from lab.run import run
from tests.client import Client
from tests.unit.authority import Pair, issue

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
ADDRESS_HEADER = "X-Test-Address"
"""Says which address a client has: those on this machine all have the same."""

BALANCER = f"""
# One process, which alone knows whose turn it is.
worker_processes 1;
pid /tmp/nginx.pid;
events {{ worker_connections 1024; }}
http {{
log_format server "to $upstream_addr";
access_log /dev/stdout server;
server {{
    listen {nginx.HTTPS_PORT} ssl;
    ssl_certificate {nginx.ROOT}/tls/current/server.crt;
    ssl_certificate_key {nginx.ROOT}/tls/current/server.key;
    client_max_body_size 0;
    location / {{
        proxy_pass https://servers;
        proxy_next_upstream off;
        proxy_request_buffering off;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection close;
        proxy_ssl_server_name on;
        proxy_ssl_name registry.test;
    }}
}}
"""

Edits = Mapping[str, Sequence[tuple[str, str]]]
"""File -> texts that are replaced by others, where a test has no time to wait or no memory to fill."""


class Served:
    """What runs; another configuration begins with empty memory."""

    def __init__(
        self, name: str, images: Mapping[str, str], folder: Path, storage: Mapping[str, object] = ON_DISK
    ) -> None:
        self._prefix = f"private-registry-served-{WORKER}-{name}"
        self._images, self._folder, self._storage = images, folder, storage
        self.upstream = (self.container("registry"), PORT)
        """Where nginx finds the registry."""
        self.cache: nginx.CacheConfig | None = None
        self.caches: Mapping[str, str] = {}
        """Upstream -> the container with its pull-through cache, which is the test's own."""
        self._authority = issue("authority", authority=True)
        for bundle in ("tls", "users", "site"):
            (folder / bundle / "current").mkdir(parents=True)

    def start(self, users: Mapping[str, Login], anonymous: Sequence[str] = ()) -> None:
        """Start the three containers."""
        self.stop()
        self._issue()
        # Clients that name no port find it as they do where Docker publishes it.
        listen = (
            f"listen 443 ssl;\n{nginx.tls_listener()}real_ip_header {ADDRESS_HEADER};\nset_real_ip_from 0.0.0.0/0;\n"
        )
        self._write("tls", "listen.conf", listen)
        (self._folder / "config.yml").write_text(registry_config("ab" * 32, 5, self._storage))
        self.let_in(users, anonymous)
        self._write_site({})
        run(["docker", "network", "create", self._prefix])
        if self.cache:
            own_cache(self._prefix, self._images["registry"], "0:0")
        mounts = ["--volume", f"{self._folder}:{nginx.ROOT}:ro"]
        config = "/etc/config.yml"
        self._run(
            "registry",
            [
                *([] if self.cache else ["--volume", f"{self._prefix}:{DATA}"]),
                "--volume",
                f"{self._folder}/config.yml:{config}:ro",
            ],
            ["serve", config],
        )
        self._run("login", mounts, ["-c", f"{nginx.ROOT}/site/current/login.conf", "-g", "daemon off; user root;"])
        self._run(
            "proxy",
            [*mounts, "--volume", f"{self._prefix}:{nginx.CACHE if self.cache else f'{DATA}:ro'}"],
            ["-c", f"{nginx.ROOT}/site/current/nginx.conf", "-g", "daemon off; user root;"],
        )
        self._wait()

    def stop(self) -> None:
        """Remove everything."""
        names = [self.container(part) for part in ("balancer", "another", "proxy", "login", "registry")]
        run(["docker", "rm", "--force", "--volumes", *names])
        run(["docker", "volume", "rm", "--force", self._prefix])
        docker.remove_network(self._prefix)

    @property
    def network(self) -> str:
        """The name of the network that all are on."""
        return self._prefix

    @property
    def folder(self) -> Path:
        """The folder with the bundles."""
        return self._folder

    def container(self, part: str) -> str:
        """Return the name of the container that is ``proxy``, ``login``, ``registry``, ``another``, or ``balancer``."""
        return f"{self._prefix}-{part}"

    def let_in(self, users: Mapping[str, Login], anonymous: Sequence[str] = ()) -> None:
        """Write the users file, as a release does: another file in the place of the one before."""
        self.place("users", "htpasswd", htpasswd(users, anonymous))

    def place(self, bundle: str, file: str, text: str) -> None:
        """Write a file, as a release does: another file in the place of the one before."""
        folder = self._folder / bundle / "current"
        (folder / f"{file}.new").write_text(text)
        (folder / f"{file}.new").rename(folder / file)

    def remove(self, bundle: str, file: str) -> None:
        """Remove a file of a bundle."""
        (self._folder / bundle / "current" / file).unlink()

    def start_another(self) -> Client:
        """Start another server's nginx, with the same users and a bundle ``site`` of its own: ``another``."""
        copytree(self._folder / "site", self._folder / "another")
        mounts = [(f"{self._folder}", nginx.ROOT), (f"{self._folder}/another", f"{nginx.ROOT}/site")]
        volumes = [word for source, target in mounts for word in ("--volume", f"{source}:{target}:ro")]
        self._run("another", volumes, ["-c", f"{nginx.ROOT}/site/current/nginx.conf", "-g", "daemon off; user root;"])
        another = Client(self._authority.pem, self.address("another"), nginx.HTTPS_PORT)
        self._wait(another)
        return another

    def join(self, other: "Served") -> None:
        """Be another server of the same registry, once started: with its authority, and with its key of tokens."""
        self._authority = other._authority
        key = (other.folder / "site/current" / nginx.TOKEN_KEY).read_text()
        self.place("site", nginx.TOKEN_KEY, key)

    def start_balancer(self, others: Sequence["Served"]) -> Client:
        """Start a load balancer that sends each request, not only each connection, to the next server."""
        servers = "".join(f"server {one.container('proxy')}:{nginx.HTTPS_PORT};\n" for one in (self, *others))
        self._write("tls", "balancer.conf", f"{BALANCER}upstream servers {{\n{servers}}}\n}}\n")
        mounts = ["--volume", f"{self._folder}:{nginx.ROOT}:ro"]
        for one in others:
            run(["docker", "network", "connect", self._prefix, one.container("proxy")])
        self._run("balancer", mounts, ["-c", f"{nginx.ROOT}/tls/current/balancer.conf", "-g", "daemon off; user root;"])
        balancer = Client(self._authority.pem, self.address("balancer"), nginx.HTTPS_PORT)
        self._wait(balancer)
        return balancer

    def configure(self, edits: Edits) -> None:
        """Begin anew with an edited configuration: nothing is remembered."""
        self._write_site(edits)
        run(["docker", "restart", "--time", "0", self.container("login"), self.container("proxy")])
        self._wait()

    def renew(self, authority: Pair) -> Pair:
        """Serve a certificate of another authority from now on; return the one before."""
        before, self._authority = self._authority, authority
        self._issue()
        self.reload()
        self._wait()
        return before

    def reload(self) -> None:
        """Let nginx read its configuration again; what is in its memory stays."""
        old = self._workers()
        run(["docker", "kill", "--signal", "HUP", self.container("proxy")])
        deadline = time.monotonic() + 30
        # For a moment those before them answer too.
        while not (new := self._workers()) or new & old:
            assert time.monotonic() < deadline, self.logged("proxy")
            time.sleep(0.05)

    def client(self, address: str = "192.0.2.1") -> Client:
        """Return a client with an address of its own."""
        return Client(self._authority.pem, self.address("proxy"), nginx.HTTPS_PORT, {ADDRESS_HEADER: address})

    @property
    def authority(self) -> str:
        """What clients have to trust, PEM."""
        return self._authority.pem

    def logged(self, part: str) -> str:
        """Return what a container has printed since its start."""
        started = run(["docker", "inspect", "--format", "{{.State.StartedAt}}", self.container(part)])
        return run(["sh", "-c", 'docker logs --since "$1" "$0" 2>&1', self.container(part), started])

    def _workers(self) -> set[str]:
        """Return the processes of nginx that take new connections."""
        lines = run(["docker", "top", self.container("proxy"), "-eo", "pid,args"]).splitlines()
        return {line.split()[0] for line in lines if line.endswith("nginx: worker process")}

    def _issue(self) -> None:
        """Write the certificate as a release does: nginx takes a file of the same second for the one before."""
        server = issue("registry.test", self._authority, ["registry.test"])
        for name, text in {"server.crt": server.pem, "server.key": server.key_pem()}.items():
            self.place("tls", name, text)

    def _write_site(self, edits: Edits) -> None:
        name = "registry.test"
        scripts = nginx.login_scripts(name, self.container("login"), caches=self.caches)
        texts = {
            **scripts,
            "nginx.conf": nginx.nginx_config(
                name,
                name,
                *self.upstream,
                scripts,
                layers_on_disk=not self.cache,
                cache=self.cache,
                caches=self.caches,
            ),
            "login.conf": nginx.login_config(),
            "padding": nginx.padding(),
        }
        for file, text in texts.items():
            self._write("site", file, edited(text, edits.get(file, ())))

    def _write(self, bundle: str, file: str, text: str) -> None:
        (self._folder / bundle / "current" / file).write_text(text)

    def _run(self, part: str, options: Sequence[str], arguments: Sequence[str]) -> None:
        program = "registry" if part == "registry" else "nginx"
        limits = ["--memory", "256m", "--tmpfs", "/tmp", "--env", "OTEL_TRACES_EXPORTER=none"]  # noqa: S108
        name = ["--name", self.container(part), "--network", self._prefix, "--user", "0:0", "--entrypoint", program]
        run(["docker", "run", "--detach", *name, *limits, *options, self._images[program], *arguments])

    def address(self, part: str) -> str:
        """Return the address of a container."""
        networks = json.loads(
            run(["docker", "inspect", "--format", "{{json .NetworkSettings.Networks}}", self.container(part)])
        )
        return str(networks[self._prefix]["IPAddress"])

    def _wait(self, client: Client | None = None) -> None:
        client = client or self.client()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                if client.send("", "GET", "/healthz").status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.logged("proxy") + self.logged("registry"))


def own_cache(volume: str, image: str, owner: str) -> None:
    """Give a volume for layers to the user, UID:GID, as whom nginx runs; the image is one with a shell."""
    given = words(volume=volume, image=image, owner=owner, path=nginx.CACHE, folder=nginx.CACHE_FOLDER)
    script = with_payload(Path("components/storage/volume_owner.sh"), {})
    run(["sh", "-s", "--", *shlex.split(given)], stdin=script)


def edited(text: str, edits: Sequence[tuple[str, str]]) -> str:
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text
