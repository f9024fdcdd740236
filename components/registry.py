"""The registry: networks, data volume, image, configuration and container."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_docker as docker

from components import host_files
from components.component import Component
from components.container import GRACE_SECONDS, START_SECONDS, ContainerArgs, locked_down
from components.host_files import File, ReleasedFiles
from components.host_files.host import words
from components.host_files.script import with_payload
from components.images import pinned_image
from rendering.registry import PORT, registry_config

_HEALTHY = Path(__file__).parent / "healthy.sh"
_OWN_VOLUME = Path(__file__).parent / "own_volume.sh"
_CONFIG = "/etc/private-registry"
_DATA = "/var/lib/registry"


@dataclass(frozen=True, kw_only=True)
class RegistryArgs(ContainerArgs):
    """What a registry is made of."""

    delete_data: bool


class Registry(Component):
    """A registry that nothing but the proxy can reach."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        image = pinned_image(f"{name}-image", args.image, self.child())
        network = docker.Network(f"{name}-network", name=f"{args.prefix}-backend", internal=True, opts=self.child())
        volume = docker.Volume(
            f"{name}-data",
            name=f"{args.prefix}-data",
            opts=self.child(retain_on_delete=not args.delete_data),
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
            opts=self.child(),
        )
        owned = self._give_volume(name, args, image, volume)
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
                docker.ContainerMountArgs(type="volume", source=volume.name, target=_DATA),
                docker.ContainerMountArgs(
                    type="bind", source=f"{args.directory}/registry/config", target=_CONFIG, read_only=True
                ),
            ],
            # The registry reads its configuration only when it starts.
            labels=[docker.ContainerLabelArgs(label="private-registry.config", value=config.release)],
            health=["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{PORT}/"],
            wait=False,
            opts=self.child(depends_on=[config, owned], delete_before_replace=False),
        )
        self.network = network.name
        self.container_id = container.id
        self.container = self._healthy(name, args, container)
        self.register_outputs({})

    def _healthy(self, name: str, args: RegistryArgs, container: docker.Container) -> pulumi.Output[str]:
        """Return the container's name once it is healthy.

        A command of its own waits, not the container: an update that goes on after an error deletes the container
        that was to be replaced, unless something that depended on that one has failed.
        """
        create = pulumi.Output.all(container.name, container.id).apply(
            lambda parts: words(container=parts[0], id=parts[1][:12], seconds=str(START_SECONDS))
        )
        healthy = args.host.run(f"{name}-healthy", with_payload(_HEALTHY, {}), create, opts=self.child())
        return pulumi.Output.all(container.name, healthy.stdout).apply(lambda parts: str(parts[0]))

    def _give_volume(
        self, name: str, args: RegistryArgs, image: pulumi.Output[str], volume: docker.Volume
    ) -> pulumi.Resource:
        """Give a new volume to the registry's user: Docker makes it root's."""
        create = pulumi.Output.all(volume.name, image).apply(
            lambda parts: words(volume=parts[0], image=parts[1], owner=args.user, path=_DATA)
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
