"""A volume is given to the user that uses it: Docker makes it root's."""

from pathlib import Path

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import ContainerArgs
from ..ordering import Command
from ..scripts.script import with_payload, words

_OWN_VOLUME = Path(__file__).parent / "volume_owner.sh"


def give(
    name: str,
    volume: docker.Volume,
    path: str,
    folder: str,
    container: ContainerArgs,
    image: pulumi.Output[str],
    component: Component,
) -> Command:
    """Give a new volume to the user that the stack's containers run as.

    Args:
        name: The resource's.
        volume: The volume.
        path: Where a container has it.
        folder: A folder in it, which is there from then on.
        container: Its user.
        image: The id of one that has a shell.
        component: That it is a part of.
    """
    create = pulumi.Output.all(volume.name, image).apply(
        lambda parts: words(volume=parts[0], image=parts[1], owner=container.user, path=path, folder=folder)
    )
    return container.host.run(
        name,
        with_payload(_OWN_VOLUME, {}),
        create,
        triggers=[container.host.name, container.user],
        opts=pulumi.ResourceOptions.merge(
            component.child(depends_on=[volume]),
            # Neither another image nor another script changes whose the volume is, and the first image may be gone.
            pulumi.ResourceOptions(ignore_changes=["create", "stdin"]),
        ),
    )
