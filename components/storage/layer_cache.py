"""Where nginx keeps layers of a storage that the registry alone reaches: copies, which nobody misses."""

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import ContainerArgs
from ..containers.orphans import OWNER
from ..proxy.config import CACHE, CACHE_FOLDER, CacheConfig
from .volume_owner import give


class LayerCache(Component):
    """A volume that is nginx's. It says how large it may get."""

    def __init__(
        self,
        name: str,
        gib: int,
        place: pulumi.Output[str],
        container: ContainerArgs,
        image: pulumi.Output[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare it.

        Args:
            name: The component's.
            gib: How much of the disk the layers may take.
            place: What tells the storage from any other, hexadecimal.
            container: The registry's.
            image: The id of its image.
            opts: Of the component.
        """
        super().__init__(name, opts, {"gib": gib})
        made = docker.Volume(
            f"{name}-volume",
            name=f"{container.prefix}-cache",
            labels=[docker.VolumeLabelArgs(label=OWNER, value=container.owner)],
            opts=self.child(),
        )
        self.mount = docker.ContainerMountArgs(type="volume", source=made.name, target=CACHE)
        """How nginx has it."""
        self.owned = give(f"{name}-owner", made, CACHE, CACHE_FOLDER, container, image, self)
        """What gives it to nginx's user."""
        self.config = place.apply(lambda known: CacheConfig(gib, known))
        self.register_outputs({})
