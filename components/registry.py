"""The registry: networks, data volume, image, configuration and container."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_docker as docker

from components import host_files
from components.component import Component
from components.container import GRACE_SECONDS, ContainerArgs, healthy, locked_down, owned_network
from components.host_files import File, ReleasedFiles
from components.images import pinned_image
from components.leftovers import STACK
from rendering.registry import DATA, PORT, registry_config
from rendering.script import with_payload, words

_RETIRE = Path(__file__).parent / "retire.sh"
_OWN_VOLUME = Path(__file__).parent / "own_volume.sh"
_CONFIG = "/etc/private-registry"
_PROBE = ["wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{PORT}/"]
"""What asks the registry, in its container, whether it is healthy."""


@dataclass(frozen=True, kw_only=True)
class RegistryArgs(ContainerArgs):
    """What a registry is made of."""

    delete_data: bool
    protect: bool
    """Whether the engine refuses to remove the volume."""


class Registry(Component):
    """A registry that nothing but the proxy can reach."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        image = pinned_image(f"{name}-image", args.image, self.child())
        # First of all: whoever has another state for a stack of this name on this host is stopped here.
        network = owned_network(f"{name}-network", args, "backend", self.child(), internal=True)
        volume = docker.Volume(
            f"{name}-data",
            name=f"{args.prefix}-data",
            labels=[docker.VolumeLabelArgs(label=STACK, value=args.prefix)],
            opts=self.child(depends_on=[network], retain_on_delete=not args.delete_data, protect=args.protect),
        )
        config = ReleasedFiles(
            f"{name}-config",
            args.host,
            f"{args.directory}/registry/config",
            args.user,
            {
                "config.yml": File(
                    args.seed.derive_hex("http.secret").apply(lambda secret: registry_config(secret, GRACE_SECONDS)),
                    mode="0600",
                )
            },
            args.seed,
            host_files.Registry(image, f"http://127.0.0.1:{PORT}/"),
            depends_on=[network],
            opts=self.child(),
        )
        owned = self._give_volume(name, args, image, volume)
        retire = with_payload(_RETIRE, {})
        mark = pulumi.Output.concat("owner=", args.owner)
        end = args.host.run(f"{name}-end", retire, None, delete=mark, opts=self.child(depends_on=[network, owned]))
        # Named automatically, so that the next one can be there before this one goes; the stack's name keeps two
        # stacks of one Docker host apart.
        container = locked_down(
            f"{args.prefix}-registry",
            args,
            image=image,
            command=["registry", "serve", f"{_CONFIG}/current/config.yml"],
            envs=["OTEL_TRACES_EXPORTER=none"],
            networks=[network.name],
            mounts=[
                docker.ContainerMountArgs(type="volume", source=volume.name, target=DATA),
                docker.ContainerMountArgs(
                    type="bind", source=f"{args.directory}/registry/config", target=_CONFIG, read_only=True
                ),
            ],
            # The registry reads its configuration only when it starts.
            labels={"private-registry.registry": args.owner, "private-registry.config": config.release},
            health=["CMD", *_PROBE],
            # The commands `end` and `retire` end the containers, this one and those before it.
            opts=self.child(depends_on=[config, end], delete_before_replace=False, retain_on_delete=True),
        )
        self.network = network.name
        self.data = volume.name
        self.container_id = container.id
        alive = healthy(f"{name}-healthy", args.host, container, _PROBE, self.child())
        # Nothing uses it before it is healthy.
        self.container = pulumi.Output.all(container.name, alive.stdout).apply(lambda parts: str(parts[0]))
        self._name, self._args = name, args
        self.register_outputs({})

    def retire_predecessors(self, proxy: str, served: pulumi.Resource) -> None:
        """End the registry containers before this one, after ``served`` has made the named proxy use this one.

        The engine may not do it: once it has created a container it ends the one before, in an update with
        ``--continue-on-error`` also when the new one does not get healthy.
        """
        create = pulumi.Output.all(self._args.owner, self.container).apply(
            lambda parts: words(owner=parts[0], keep=parts[1], proxy=proxy, seconds=str(GRACE_SECONDS))
        )
        self._args.host.run(
            f"{self._name}-retire", with_payload(_RETIRE, {}), create, opts=self.child(depends_on=[served])
        )

    def _give_volume(
        self, name: str, args: RegistryArgs, image: pulumi.Output[str], volume: docker.Volume
    ) -> pulumi.Resource:
        """Give a new volume to the registry's user: Docker makes it root's."""
        create = pulumi.Output.all(volume.name, image).apply(
            lambda parts: words(volume=parts[0], image=parts[1], owner=args.user, path=DATA)
        )
        return args.host.run(
            f"{name}-data-owner",
            with_payload(_OWN_VOLUME, {}),
            create,
            triggers=[args.host.name, args.user],
            opts=pulumi.ResourceOptions.merge(
                self.child(depends_on=[volume]),
                # Another image does not change whose the volume is.
                pulumi.ResourceOptions(ignore_changes=["create"]),
            ),
        )
