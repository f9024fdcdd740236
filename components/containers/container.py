"""What the stack's containers have in common: where they run, and that they may do nothing they need not."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_docker as docker

from ..hosts import Host
from ..ordering import Command
from ..scripts.script import with_payload, words
from ..seed import Seed
from .orphans import OWNER

_HEALTHY = Path(__file__).parent / "healthy.sh"

GRACE_SECONDS = 60
"""How long a request in flight may take to end when a container stops."""

START_SECONDS = 60
"""How long a container may take to become healthy."""


@dataclass(frozen=True, kw_only=True)
class ContainerArgs:
    """Where a container runs, and as what."""

    host: Host
    """The Docker host."""
    prefix: str
    """Starts the names of what Docker keeps for the stack."""
    directory: str
    """The stack's folder on the host."""
    image: str
    """Pinned, or the id of a local image."""
    user: str
    """UID:GID."""
    memory: int
    """MiB."""
    seed: Seed
    server: str = ""
    """What the stack calls the host among several; the first one, or the only one, may have no name."""
    owner: pulumi.Output[str]
    """The label value of what Docker keeps for this state. What waits for it finds all that there is started."""
    told: Mapping[str, str | int] = field(default_factory=dict)
    """Which server of several it runs on, as ``Server.told`` says it; nothing where there is but one."""


def said_of(args: ContainerArgs) -> dict[str, pulumi.Input[object]]:
    """Return what the component of a container says of itself."""
    return {"host": args.host.name, "image": args.image, "memory": args.memory, **said_of_server(args)}


def said_of_server(args: ContainerArgs) -> dict[str, pulumi.Input[object]]:
    """Return what a component says of the server that it is on, where there are several."""
    return {"server": dict(args.told)} if args.told else {}


def stack_network(
    resource_name: str,
    args: ContainerArgs,
    purpose: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    internal: bool | None = None,
    ipv6: pulumi.Input[bool | None] = None,
) -> docker.Network:
    """Declare a network of the stack's, named after what it is for; an internal one leads nowhere else."""
    return docker.Network(
        resource_name,
        name=pulumi.Output.concat(args.prefix, "-", purpose),
        internal=internal,
        ipv6=ipv6,
        labels=[docker.NetworkLabelArgs(label=OWNER, value=args.owner)],
        opts=opts,
    )


def hardened_container(
    resource_name: str,
    args: ContainerArgs,
    *,
    image: pulumi.Input[str],
    command: Sequence[pulumi.Input[str]],
    networks: Sequence[pulumi.Input[str]],
    mounts: Sequence[docker.ContainerMountArgs],
    health: Sequence[str],
    opts: pulumi.ResourceOptions,
    name: str | None = None,
    ports: pulumi.Input[Sequence[docker.ContainerPortArgs]] | None = None,
    envs: Sequence[str] | None = None,
    labels: Mapping[str, pulumi.Input[str]] | None = None,
    stop_signal: str | None = None,
    grace_seconds: int = GRACE_SECONDS,
    cpu_shares: int | None = None,
    capabilities: Sequence[str] | None = None,
    on_host_network: bool = False,
) -> docker.Container:
    """Declare a container without a file system to write to, which need not be healthy yet.

    It has no capabilities and a network of its own, unless it is said otherwise.
    """
    program, *arguments = command
    return docker.Container(
        resource_name,
        name=name,
        image=image,
        entrypoints=[program],
        command=arguments,
        envs=envs,
        labels=[
            docker.ContainerLabelArgs(label=label, value=value)
            for label, value in {OWNER: args.owner, **(labels or {})}.items()
        ],
        ports=ports,
        mounts=mounts,
        user=args.user,
        read_only=True,
        tmpfs={"/tmp": "rw,noexec,nosuid,nodev,size=64m"},  # noqa: S108 - the container's own
        capabilities=docker.ContainerCapabilitiesArgs(adds=capabilities, drops=["ALL"]),
        security_opts=["no-new-privileges:true"],
        memory=args.memory,
        # Docker would double it, and every preview would show that as a change.
        memory_swap=args.memory,
        cpu_shares=cpu_shares,
        # Left out, it shows as a change in every preview too.
        network_mode="host" if on_host_network else "bridge",
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=network) for network in networks],
        healthcheck=docker.ContainerHealthcheckArgs(
            tests=health, interval="5s", timeout="5s", start_period="2s", retries=3
        ),
        log_driver="json-file",
        log_opts={"max-size": "10m", "max-file": "3"},
        # Not unless-stopped: for a container that ever got a signal from Docker, that means never.
        restart="always",
        stop_signal=stop_signal,
        destroy_grace_seconds=grace_seconds,
        # It would wait for Docker's own check, the first of which comes after an interval.
        wait=False,
        opts=pulumi.ResourceOptions.merge(
            opts,
            # The provider takes note of a change of the first three and applies it to nothing. A container that could
            # not be started, as its port was taken, has no network data: nothing but another one will start.
            pulumi.ResourceOptions(replace_on_changes=["healthcheck", "mounts", "tmpfs", "networkDatas"]),
        ),
    )


def wait_until_healthy(
    resource_name: str,
    host: Host,
    container: docker.Container,
    probe: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> Command:
    """Declare a command that ends well as soon as ``probe``, run inside a container, does."""
    create = pulumi.Output.all(container.name, container.id).apply(
        lambda parts: words(container=parts[0], id=parts[1][:12], seconds=str(START_SECONDS), probe=shlex.join(probe))
    )
    return host.run(resource_name, with_payload(_HEALTHY, {}), create, opts=opts)
