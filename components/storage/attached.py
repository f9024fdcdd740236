"""What a storage is told of its registry, and what the registry gets of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import ContainerArgs
from ..hosts import File, Reader
from .layer_cache import LayerCache


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """The registry that a storage is for."""

    component: Component
    name: str
    """The component's."""
    container: ContainerArgs
    delete_data: bool
    protect: bool
    """Whether the engine refuses to remove what holds the images."""
    image: pulumi.Output[str]
    """The id of its image."""
    network: docker.Network
    """The internal one, which stops whoever has another state for a stack of this name."""
    probe: str
    """The URL that it answers, in its container."""


@dataclass(frozen=True, kw_only=True)
class Attached:
    """What a registry gets of its storage."""

    driver: pulumi.Input[Mapping[str, Any]]
    """What config.yml says of it, as of ``registry_config``; secret where it has keys."""
    reader: Reader
    """How a configuration with it is tried."""
    tried_after: Sequence[pulumi.Resource] = ()
    """What a trial needs."""
    started_after: Sequence[pulumi.Resource] = ()
    """What is there before a registry starts with it, and goes after the last one has ended."""
    files: Mapping[str, File] = field(default_factory=dict)
    """What lies beside config.yml."""
    envs: Sequence[str] = ()
    mounts: Sequence[docker.ContainerMountArgs] = ()
    networks: Sequence[pulumi.Output[str]] = ()
    """By which the registry gets to it, besides the internal one."""
    data: docker.ContainerMountArgs | None = None
    """By which nginx has the images at ``DATA``, read-only."""
    layers_on_disk: bool = False
    """Whether the layers are files there, which nginx sends by itself."""
    cache: LayerCache | None = None
    """Where nginx keeps layers that the registry has far away."""
