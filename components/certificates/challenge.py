"""What answers an authority on port 80 of the server: an nginx of its own, so that the other one need not stop."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import hardened_container, said_of, wait_until_healthy
from ..containers.images import pinned_image
from ..hosts import File, ReleasedFiles
from ..ordering import Command
from ..proxy.addresses import addresses
from ..registry_reference import as_host, is_ip_address
from ..templates import render
from .certificate import CertificateArgs

PORTS = tuple(range(8180, 8188))
"""The ports inside the container, one for each address of the server."""
_HTTP = 80
_MIB = 32
_HEALTH_PORT = 8080
_ROOT = "/etc/private-registry"
_TOKENS = "/srv/challenges"
_PROBE = ("curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{_HEALTH_PORT}/healthz")


class Challenge(Component):
    """Serves what proves the name, and sends all else to HTTPS. It says where it listens, and whom it asks.

    Of several servers an authority may ask any, since the name leads to all. One without the proof asks the others.
    """

    healthy: Command
    """Succeeds once it answers."""

    def __init__(
        self,
        name: str,
        args: CertificateArgs,
        network: pulumi.Input[str],
        tokens: str,
        depends_on: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        container = replace(args.container, image=args.nginx_image, memory=_MIB)
        listens = {"addresses": list(args.bind_addresses) or ["all"], "port": _HTTP}
        others = {"others": list(args.others)} if args.others else {}
        super().__init__(name, opts, {**said_of(container), **listens, **others})
        image = pinned_image(f"{name}-image", args.nginx_image, self.child())
        where = addresses(name, container.host, args.bind_addresses, self.child())
        config = pulumi.Output.all(where.all, where.has_own_ipv6).apply(
            lambda known: challenge_config(args.reference, len(known[0]), known[1], args.aliases, args.others)
        )
        files = ReleasedFiles(
            f"{name}-config",
            container.host,
            f"{container.directory}/acme",
            "challenge",
            container.user,
            {"challenge.conf": File(config)},
            container.seed,
            None,
            depends_on=depends_on,
            opts=self.child(),
        )
        made = hardened_container(
            f"{name}-container",
            container,
            name=f"{container.prefix}-challenge",
            image=image,
            command=["nginx", "-c", f"{_ROOT}/current/challenge.conf", "-g", "daemon off;"],
            networks=[network],
            ports=where.all.apply(
                lambda known: [
                    docker.ContainerPortArgs(internal=internal, external=_HTTP, ip=address)
                    for internal, address in zip(PORTS, known, strict=False)
                ]
            ),
            mounts=[
                docker.ContainerMountArgs(
                    type="bind", source=f"{container.directory}/acme/challenge", target=_ROOT, read_only=True
                ),
                docker.ContainerMountArgs(type="bind", source=tokens, target=_TOKENS, read_only=True),
            ],
            # It reads its configuration only when it starts.
            labels={
                "private-registry.config": config.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:12])
            },
            health=["CMD", *_PROBE],
            stop_signal="SIGQUIT",
            grace_seconds=2,
            opts=self.child(depends_on=[files], delete_before_replace=True),
        )
        self.healthy = wait_until_healthy(f"{name}-healthy", container.host, made, _PROBE, self.child())
        self.register_outputs({})


def challenge_config(
    reference: str,
    addresses: int = 1,
    ipv6: bool = False,
    aliases: Mapping[str, str] = MappingProxyType({}),
    others: Sequence[str] = (),
) -> str:
    """Render the configuration of nginx.

    Args:
        reference: HOST[:PORT], where all else is to be asked for.
        addresses: How many of the server's addresses lead here, each to a port of its own.
        ipv6: Whether authorities get to the container by IPv6 too.
        aliases: Another name -> what who asks by that is sent to.
        others: The IP addresses or DNS names of the servers that may have the proof.
    """
    return render(
        "certificates/challenge.conf.j2",
        reference=reference,
        aliases={as_host(alias): known_as for alias, known_as in aliases.items()},
        ports=PORTS[:addresses],
        ipv6=ipv6,
        challenges=_TOKENS,
        health_port=_HEALTH_PORT,
        others=[f"{as_host(one)}:{_HTTP}" + ("" if is_ip_address(one) else " resolve") for one in others],
    )
