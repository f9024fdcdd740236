"""nginx in front of the registry: TLS, users, and the only published port."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.component import Component
from components.container import ContainerArgs, locked_down
from components.host_files import File, Nginx, ReleasedFiles
from components.images import pinned_image
from rendering.htpasswd import htpasswd
from rendering.nginx import HEALTH_PORT, HTTPS_PORT, ROOT, nginx_config
from rendering.registry import PORT


@dataclass(frozen=True, kw_only=True)
class ProxyArgs(ContainerArgs):
    """What a proxy is made of."""

    domain: str
    reference: str
    """HOST[:PORT], what image names start with."""
    bind_address: str
    https_port: int
    certificate: pulumi.Input[str]
    key: pulumi.Input[str]
    hashes: pulumi.Input[Mapping[str, str]]
    """User name -> bcrypt hash."""
    upstream: pulumi.Input[str]
    """The registry container's name."""
    network: pulumi.Input[str]
    """The internal network that the registry is on."""
    trusted_first: list[pulumi.Resource]
    """Clients have to trust the certificate before it is served."""


class Proxy(Component):
    """nginx with its configuration mounted as a folder, so that a change is a rename and a reload."""

    def __init__(self, name: str, args: ProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        image = pinned_image(f"{name}-image", args.image, self.child())
        network = docker.Network(f"{name}-network", name=f"{args.prefix}-frontend", opts=self.child())
        self._nginx = Nginx(image, f"{args.prefix}-proxy", args.network)

        tls = self._bundle(
            "tls",
            {"server.crt": File(args.certificate), "server.key": File(args.key, mode="0600")},
            args.trusted_first,
        )
        users = self._bundle(
            "users", {"htpasswd": File(pulumi.Output.secret(args.hashes).apply(htpasswd), mode="0600")}
        )
        config = pulumi.Output.from_input(args.upstream).apply(
            lambda name: nginx_config(args.domain, args.reference, name, PORT)
        )
        site = self._bundle("site", {"nginx.conf": File(config)}, [tls, users])
        config_file = f"{ROOT}/site/current/nginx.conf"
        container = locked_down(
            f"{name}-container",
            args,
            name=self._nginx.container,
            image=image,
            command=["nginx", "-c", config_file, "-g", "daemon off;"],
            networks=[network.name, args.network],
            ports=[docker.ContainerPortArgs(internal=HTTPS_PORT, external=args.https_port, ip=args.bind_address)],
            mounts=[
                docker.ContainerMountArgs(type="bind", source=f"{args.directory}/proxy", target=ROOT, read_only=True)
            ],
            # nginx looks the registry up when it loads; after a restart of Docker the address may be another one.
            health=[
                "CMD-SHELL",
                f"wget -q -O /dev/null http://127.0.0.1:{HEALTH_PORT}/healthz || "
                f"{{ nginx -c {config_file} -s reload; exit 1; }}",
            ],
            stop_signal="SIGQUIT",
            opts=self.child(depends_on=[site], delete_before_replace=True),
        )
        self.generation = pulumi.Output.all(container.id, tls.release, site.release).apply(_generation)
        self.register_outputs({})

    def _bundle(
        self, bundle: str, files: Mapping[str, File], depends_on: list[pulumi.Resource] | None = None
    ) -> ReleasedFiles:
        return ReleasedFiles(
            f"{self._name}-{bundle}",
            self._args.host,
            f"{self._args.directory}/proxy/{bundle}",
            self._args.user,
            files,
            self._args.seed,
            self._nginx,
            depends_on,
            opts=self.child(),
        )


def _generation(parts: list[str]) -> str:
    container, tls, site = parts
    return f"{container[:12]}-{tls}-{site}"
