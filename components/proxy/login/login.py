"""The nginx that checks passwords, apart from the one that serves."""

import hashlib
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from ...component import Component
from ...containers.container import ContainerArgs, hardened_container, said_of, stack_network, wait_until_healthy
from ...hosts import ReleasedFiles
from ..config import LOGIN_HEALTH_URL, ROOT, login_config, workers

PROBE = ("curl", "-sf", "-o", "/dev/null", LOGIN_HEALTH_URL)
"""What asks it, in its container, whether it is healthy."""

_SHARES = 64
"""Of the processor, where a container has 1024: it takes what serving leaves."""


@dataclass(frozen=True, kw_only=True)
class LoginArgs:
    """What a login is made of."""

    container: ContainerArgs
    image_id: pulumi.Input[str]
    """Of the image, on the server."""
    users: ReleasedFiles
    """The bundle with the users file."""
    site: ReleasedFiles
    """The bundle with its configuration."""


class Login(Component):
    """Checks a bcrypt hash whenever the proxy asks, which nothing else can: they share a network of their own.

    A wrong password costs the processes here some time, and those that serve none.
    """

    def __init__(self, name: str, args: LoginArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts, said_of(args.container))
        config = login_config(workers(args.container.memory))
        network = stack_network(f"{name}-network", args.container, "login", self.child(), internal=True)
        container = hardened_container(
            f"{name}-container",
            args.container,
            name=login_name(args.container.prefix),
            image=args.image_id,
            command=["nginx", "-c", f"{ROOT}/site/current/login.conf", "-g", "daemon off;"],
            networks=[network.name],
            mounts=[
                docker.ContainerMountArgs(
                    type="bind",
                    source=f"{args.container.directory}/proxy/{bundle}",
                    target=f"{ROOT}/{bundle}",
                    read_only=True,
                )
                for bundle in ("site", "users")
            ],
            # It reads the users at every request, and its configuration only when it starts.
            labels={"private-registry.config": hashlib.sha256(config.encode()).hexdigest()[:12]},
            health=["CMD", *PROBE],
            stop_signal="SIGQUIT",
            cpu_shares=_SHARES,
            opts=self.child(depends_on=[args.users, args.site], delete_before_replace=True),
        )
        self.network = network.name
        self.healthy = wait_until_healthy(f"{name}-healthy", args.container.host, container, PROBE, self.child())
        self.register_outputs({})


def login_name(prefix: str) -> str:
    """Return the name of the container, by which the proxy finds it."""
    return f"{prefix}-login"
