"""The registry: its network, storage, image, configuration and container."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import (
    GRACE_SECONDS,
    ContainerArgs,
    hardened_container,
    said_of,
    stack_network,
    wait_until_healthy,
)
from ..containers.images import pinned_image
from ..hosts import File, ReleasedFiles
from ..scripts.script import with_payload, words
from ..settings.storage import AnyStorage
from ..storage import StorageArgs, attached, said_of_storage
from .config import PORT, registry_config

_RETIRE = Path(__file__).parent / "retire.sh"
_CONFIG = "/etc/private-registry"
PROBE = ("wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{PORT}/")
"""What asks the registry, in its container, whether it is healthy."""


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """What a registry is made of."""

    container: ContainerArgs
    storage: AnyStorage
    delete_data: bool
    protect: bool
    """Whether the engine refuses to remove the volume."""
    purges_uploads: bool = True
    """Whether it takes away uploads that nobody ends: one of several servers does."""


class Registry(Component):
    """A registry that nothing but the proxy can reach."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        own = args.container
        said = {**said_of(own), "deleteData": args.delete_data, "storage": said_of_storage(args.storage)}
        super().__init__(name, opts, said)
        image = pinned_image(f"{name}-image", own.image, self.child())
        # First of all: whoever has another state for a stack of this name on this host is stopped here.
        network = stack_network(f"{name}-network", own, "backend", self.child(), internal=True)
        storage = attached(
            args.storage,
            StorageArgs(
                component=self,
                name=name,
                container=own,
                delete_data=args.delete_data,
                protect=args.protect,
                image=image,
                network=network,
                probe=f"http://127.0.0.1:{PORT}/",
            ),
        )
        config = ReleasedFiles(
            f"{name}-config",
            own.host,
            f"{own.directory}/registry",
            "config",
            own.user,
            {
                "config.yml": File(
                    pulumi.Output.all(own.seed.derive_hex("http.secret"), storage.driver).apply(
                        lambda parts: registry_config(parts[0], GRACE_SECONDS, parts[1], args.purges_uploads)
                    ),
                    mode="0600",
                ),
                **storage.files,
            },
            own.seed,
            storage.reader,
            depends_on=[network, *storage.tried_after],
            opts=self.child(),
        )
        retire = with_payload(_RETIRE, {})
        mark = pulumi.Output.concat("owner=", own.owner)
        end = own.host.run(
            f"{name}-end", retire, None, delete=mark, opts=self.child(depends_on=[network, *storage.started_after])
        )
        # Named automatically, so that the next one can be there before this one goes; the stack's name keeps two
        # stacks of one Docker host apart.
        container = hardened_container(
            "-".join(filter(None, [own.prefix, own.server, "registry"])),
            own,
            image=image,
            command=["registry", "serve", f"{_CONFIG}/current/config.yml"],
            envs=["OTEL_TRACES_EXPORTER=none", *storage.envs],
            networks=[network.name, *storage.networks],
            mounts=[
                *storage.mounts,
                docker.ContainerMountArgs(
                    type="bind", source=f"{own.directory}/registry/config", target=_CONFIG, read_only=True
                ),
            ],
            # The registry reads its configuration only when it starts.
            labels={"private-registry.registry": own.owner, "private-registry.config": config.release},
            health=["CMD", *PROBE],
            # The commands `end` and `retire` end the containers, this one and those before it.
            opts=self.child(depends_on=[config, end], delete_before_replace=False, retain_on_delete=True),
        )
        self.network, self.image_id, self.declared_network = network.name, image, network
        self.data, self.layers_on_disk, self.cache = storage.data, storage.layers_on_disk, storage.cache
        self.container_id = container.id
        alive = wait_until_healthy(f"{name}-healthy", own.host, container, PROBE, self.child())
        # Nothing uses it before it is healthy.
        self.container = pulumi.Output.all(container.name, alive.stdout).apply(lambda parts: str(parts[0]))
        self._name, self._own = name, own
        self.register_outputs({})

    def retire_predecessors(self, proxy: str, served: pulumi.Resource) -> None:
        """End the registry containers before this one, after ``served`` has made the named proxy use this one.

        The engine may not do it: once it has created a container it ends the one before, in an update with
        ``--continue-on-error`` also when the new one does not get healthy.
        """
        create = pulumi.Output.all(self._own.owner, self.container).apply(
            lambda parts: words(owner=parts[0], keep=parts[1], proxy=proxy, seconds=str(GRACE_SECONDS))
        )
        self._own.host.run(
            f"{self._name}-retire", with_payload(_RETIRE, {}), create, opts=self.child(depends_on=[served])
        )
