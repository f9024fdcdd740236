"""A pull-through cache for each upstream: a container with a volume and a network of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import (
    GRACE_SECONDS,
    ContainerArgs,
    hardened_container,
    said_of,
    said_of_server,
    stack_network,
    wait_until_healthy,
)
from ..containers.orphans import OWNER
from ..hosts import File, ReleasedFiles
from ..ordering import without_dependencies
from ..registry.config import DATA, LOCAL_PORT, PORT
from ..registry.reader import ReadByRegistry
from ..scripts.script import script_text
from ..settings.caches import Cache as Settings
from ..settings.caches import container_part
from ..storage.volume_owner import give
from .config import AUTHORITY, CONFIG, LOGIN, PRINT_LOGIN, SCRIPT, cache_config, login_text, print_login

_SCRIPT = Path(__file__).parent / "cache.sh"
_ROOT = "/etc/private-registry"
_FOLDER = "docker"
"""In which a registry keeps everything."""
_KIB = 1024 * 1024
"""Of a GiB."""
_URL = f"http://127.0.0.1:{PORT}/"
PROBE = ("wget", "-q", "-O", "/dev/null", _URL, f"http://127.0.0.1:{LOCAL_PORT}/")
"""What asks both registries of a cache, in its container, whether they are healthy."""


@dataclass(frozen=True, kw_only=True)
class CachesArgs:
    """What caches are made of."""

    container: ContainerArgs
    image_id: pulumi.Output[str]
    """Of the registry's image, on the server."""
    network: docker.Network
    """The registry's, which stops whoever has another state for a stack of this name."""
    caches: Mapping[str, Settings]
    """Upstream -> its cache."""


@dataclass(frozen=True)
class ServedCaches:
    """What nginx and an update have to know of the caches."""

    containers: Mapping[str, str] = field(default_factory=dict)
    """Upstream -> the container's name."""
    networks: Sequence[pulumi.Input[str]] = ()
    """By which nginx gets to them."""
    probes: Sequence[tuple[pulumi.Input[str], Sequence[str]]] = ()
    """The containers, and what asks in each."""


class PullThroughCache(Component):
    """A cache of one upstream. It says which one, and by a keyed digest whether the login there is another one."""

    def __init__(
        self,
        name: str,
        upstream: str,
        args: CachesArgs,
        way_out: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        cache, own = args.caches[upstream], args.container
        known = cache.known()
        public = pulumi.Output.unsecret(known)
        login: pulumi.Output[str] = pulumi.Output.secret(known.apply(login_text))
        said = {
            **said_of(own),
            "upstream": upstream,
            "url": public.apply(lambda one: one.url_of(upstream)),
            "username": cache.username or "",
            "login": without_dependencies(own.seed.fingerprint(login)),
            "maximumSize": cache.maximum_size,
        }
        super().__init__(name, opts, said)
        part = f"cache-{container_part(upstream)}"
        # Of its own: an upstream may lead a cache to any address that it reaches.
        network = stack_network(f"{name}-network", own, part, self.child(depends_on=[args.network]), internal=True)
        volume = docker.Volume(
            f"{name}-volume",
            name=f"{own.prefix}-{part}",
            labels=[docker.VolumeLabelArgs(label=OWNER, value=own.owner)],
            opts=self.child(depends_on=[args.network]),
        )
        owned = give(f"{name}-owner", volume, DATA, _FOLDER, own, args.image_id, self)
        config = ReleasedFiles(
            f"{name}-config",
            own.host,
            f"{own.directory}/{part}",
            "cache",
            own.user,
            {
                CONFIG: File(known.apply(lambda one: cache_config(one.url_of(upstream), GRACE_SECONDS)), mode="0600"),
                SCRIPT: File(script_text(_SCRIPT)),
                PRINT_LOGIN: File(print_login()),
                LOGIN: File(login, mode="0600"),
                **({} if cache.trusted is None else {AUTHORITY: File(public.apply(lambda one: one.trusted or ""))}),
            },
            own.seed,
            ReadByRegistry(args.image_id, _URL),
            depends_on=[network],
            opts=self.child(),
        )
        self.container = called = f"{own.prefix}-{part}"
        container = hardened_container(
            f"{name}-container",
            own,
            name=self.container,
            image=args.image_id,
            command=["sh", f"{_ROOT}/current/{SCRIPT}", str(cache.maximum_size * _KIB)],
            # Beside the authorities that the image has: Go reads every certificate in the folder.
            envs=["OTEL_TRACES_EXPORTER=none", f"SSL_CERT_DIR={_ROOT}/current"],
            networks=[network.name, way_out],
            mounts=[
                docker.ContainerMountArgs(type="volume", source=volume.name, target=DATA),
                docker.ContainerMountArgs(
                    type="bind", source=f"{own.directory}/{part}/cache", target=_ROOT, read_only=True
                ),
            ],
            # It reads its configuration only when it starts.
            labels={"private-registry.config": config.release},
            health=["CMD", *PROBE],
            opts=self.child(depends_on=[config, owned], delete_before_replace=True),
        )
        self.network = network.name
        healthy = wait_until_healthy(f"{name}-healthy", own.host, container, PROBE, self.child())
        # It is not asked before it is there.
        self.running: pulumi.Output[str] = healthy.stdout.apply(lambda _: called)
        self.register_outputs({})


class Caches(Component):
    """All of them, and the network by which they get to their upstreams and not to each other."""

    def __init__(self, name: str, args: CachesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts, {"upstreams": sorted(args.caches), **said_of_server(args.container)})
        own = args.container
        way_out = docker.Network(
            f"{name}-network",
            name=f"{own.prefix}-upstreams",
            options={"com.docker.network.bridge.enable_icc": "false"},
            labels=[docker.NetworkLabelArgs(label=OWNER, value=own.owner)],
            opts=self.child(depends_on=[args.network]),
        )
        made = {
            upstream: PullThroughCache(f"{name}-{container_part(upstream)}", upstream, args, way_out.name, self.child())
            for upstream in sorted(args.caches)
        }
        self.served = ServedCaches(
            {upstream: cache.container for upstream, cache in made.items()},
            [cache.network for cache in made.values()],
            [(cache.running, PROBE) for cache in made.values()],
        )
        self.register_outputs({})


def served_caches(name: str, args: CachesArgs, opts: pulumi.ResourceOptions) -> ServedCaches:
    """Declare the caches, if there are any."""
    return Caches(name, args, opts).served if args.caches else ServedCaches()
