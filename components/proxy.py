"""nginx in front of the registry: TLS, users, and the only published port."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker as docker

from components.component import Component
from components.container import ContainerArgs, healthy, locked_down, owned_network
from components.gate import Command, failed, untracked
from components.host_files import File, Nginx, ReleasedFiles
from components.images import pinned_image
from components.login import Login, LoginArgs, login_name
from rendering.nginx import (
    GENERATION_URL,
    HEALTH_URL,
    HTTPS_PORT,
    HTTPS_URL,
    ROOT,
    access_script,
    login_config,
    nginx_config,
    tls_listener,
)
from rendering.registry import DATA, PORT
from rendering.script import with_payload, words

_PUBLISH = Path(__file__).parent / "publish.sh"
_PROBE = ["curl", "-sf", "-o", "/dev/null", HEALTH_URL]
"""What asks nginx, in its container, whether it gets through to the registry."""

_GRACE_SECONDS = 10
"""How long nginx may finish what it has begun before it is replaced: meanwhile nobody new is served."""


@dataclass(frozen=True, kw_only=True)
class ProxyArgs(ContainerArgs):
    """What a proxy is made of."""

    domain: str
    reference: str
    """HOST[:PORT], what image names start with."""
    bind_address: str
    https_port: int
    users: pulumi.Input[str]
    """The users file."""
    login_memory: int
    """MiB, of the container that checks passwords."""
    upstream: pulumi.Input[str]
    """The registry container's name."""
    network: pulumi.Input[str]
    """The internal network that the registry is on."""
    data: pulumi.Input[str]
    """The volume with the registry's data, which nginx may read."""
    before: Sequence[pulumi.Resource]
    """What must not be deleted by an update in which the proxy can't have its address."""


class Proxy(Component):
    """nginx with its configuration mounted as a folder, so that a change is a rename and a reload.

    It serves nobody before ``serve`` gives it a certificate, which waits until every client trusts it: a client that
    does not answer holds back a certificate, and nothing else.
    """

    def __init__(self, name: str, args: ProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        image = pinned_image(f"{name}-image", args.image, self.child())
        network = owned_network(f"{name}-network", args, "frontend", self.child())
        self.container = f"{args.prefix}-proxy"
        self._nginx = Nginx(image, self.container, args.network, HTTPS_URL, GENERATION_URL)
        address = self._check_address(image)
        self.address_refused = failed([address], provided=image)

        # nginx reads the users at every request.
        users_file = File(pulumi.Output.secret(args.users), mode="0600")
        users = self._bundle("users", {"htpasswd": users_file}, None, [network])
        script = access_script(args.reference, login_name(args.prefix))
        config = pulumi.Output.from_input(args.upstream).apply(
            lambda name: nginx_config(args.domain, args.reference, name, PORT, script)
        )
        site = {"nginx.conf": File(config), "access.js": File(script), "login.conf": File(login_config())}
        self.site = self._bundle("site", site, self._nginx)
        self._login = Login(
            f"{name}-login",
            LoginArgs(container=replace(args, memory=args.login_memory), image_id=image, users=users, site=self.site),
            opts=self.child(),
        )
        config_file = f"{ROOT}/site/current/nginx.conf"
        self._container = locked_down(
            f"{name}-container",
            args,
            name=self.container,
            image=image,
            command=["nginx", "-c", config_file, "-g", "daemon off;"],
            networks=[network.name, args.network, self._login.network],
            ports=[docker.ContainerPortArgs(internal=HTTPS_PORT, external=args.https_port, ip=args.bind_address)],
            mounts=[
                docker.ContainerMountArgs(type="bind", source=f"{args.directory}/proxy", target=ROOT, read_only=True),
                docker.ContainerMountArgs(type="volume", source=args.data, target=DATA, read_only=True),
            ],
            # nginx looks the registry up when it loads; after a restart of Docker the address may be another one.
            health=[
                "CMD-SHELL",
                f"{shlex.join(_PROBE)} || {{ nginx -c {config_file} -s reload; exit 1; }}",
            ],
            stop_signal="SIGQUIT",
            # From the signal on nobody new is served.
            grace_seconds=_GRACE_SECONDS,
            opts=self.child(depends_on=[users, self.site, address], delete_before_replace=True),
        )
        self._healthy = healthy(f"{name}-healthy", args.host, self._container, _PROBE, self.child())
        self.register_outputs({})

    def serve(
        self, certificate: pulumi.Output[str], key: pulumi.Output[str], trusted_by: Sequence[Command]
    ) -> pulumi.Output[str]:
        """Serve with a certificate (PEM, with its chain) and its key once the clients trust it.

        Returns:
            What changes whenever clients should see for themselves that all is well.
        """
        files = {
            "listen.conf": File(tls_listener()),
            "server.crt": File(untracked(certificate)),
            "server.key": File(untracked(key), mode="0600"),
        }
        awaited = failed(trusted_by).apply(lambda refused: [self._healthy, *refused])
        tls = self._bundle("tls", files, self._nginx, awaited)
        return pulumi.Output.all(
            self._container.id, tls.release, self.site.release, self._healthy.stdout, self._login.healthy.stdout
        ).apply(_generation)

    def _check_address(self, image: pulumi.Output[str]) -> Command:
        """Try to listen where nginx is to, so that it does not leave its place for one that it can't have."""
        args = self._args
        create = image.apply(
            lambda image: words(
                address=args.bind_address, port=str(args.https_port), image=image, container=self.container
            )
        )
        return args.host.run(
            f"{self._name}-address", with_payload(_PUBLISH, {}), create, opts=self.child(self._args.before)
        )

    def _bundle(
        self,
        bundle: str,
        files: Mapping[str, File],
        reader: Nginx | None,
        depends_on: Sequence[pulumi.Resource] | pulumi.Output[list[Any]] | None = None,
    ) -> ReleasedFiles:
        return ReleasedFiles(
            f"{self._name}-{bundle}",
            self._args.host,
            f"{self._args.directory}/proxy/{bundle}",
            self._args.user,
            files,
            self._args.seed,
            reader,
            depends_on,
            opts=self.child(),
        )


def _generation(parts: list[str]) -> str:
    container, tls, site, *_ = parts
    return f"{container[:12]}-{tls}-{site}"
