"""keepalived, which gives the floating address to one of the servers whose nginx serves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import ContainerArgs, hardened_container, said_of, wait_until_healthy
from ..containers.images import pinned_image
from ..hosts import File, ReleasedFiles
from ..scripts.script import script_text, with_payload, words
from .config import CONFIG, SCRIPT, keepalived_config, question

_INTERFACE = Path(__file__).parent / "interface.sh"
_RUN = Path(__file__).parent / SCRIPT
_ROOT = "/etc/private-registry"
_MIB = 64
_GRACE_SECONDS = 5
NEEDED = ("CAP_NET_ADMIN", "CAP_NET_RAW")
"""To add the address and to announce it; to send and receive VRRP, which has neither TCP nor UDP below it."""
CAPABILITIES = (*NEEDED, "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID")
"""With those that setpriv needs to give up all the others and root."""
PROBE = ("test", "-s", "/tmp/vrrp.pid")  # noqa: S108 - the container's own
"""What asks, in the container, whether keepalived has accepted its configuration."""


@dataclass(frozen=True, kw_only=True)
class FloatingAddressArgs:
    """What keepalived of a server is made of."""

    container: ContainerArgs
    address: str
    """The floating address."""
    servers: Sequence[str]
    """The addresses of all servers, in their order."""
    place: int
    """Of this server among them."""
    listens_on: Sequence[str]
    """Where nginx of this server listens; empty for all addresses."""
    https_port: int
    proxy_protocol: bool
    """Whether nginx wants its header from everybody."""


class FloatingAddress(Component):
    """keepalived on one server. It says which address it may give to the server, and which servers take turns."""

    def __init__(self, name: str, args: FloatingAddressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        own = replace(args.container, memory=_MIB, user="0:0")
        said = {**said_of(own), "address": args.address, "servers": list(args.servers), "place": args.place}
        super().__init__(name, opts, said)
        image = pinned_image(f"{name}-image", own.image, self.child())
        address = words(address=args.servers[args.place])
        interface = own.host.run(f"{name}-interface", with_payload(_INTERFACE, {}), address, opts=self.child())
        config = interface.stdout.apply(
            lambda printed: keepalived_config(args.address, args.servers, args.place, printed.strip())
        )
        folder = f"{own.directory}/floating-address"
        files = ReleasedFiles(
            f"{name}-config",
            own.host,
            folder,
            "keepalived",
            args.container.user,
            {CONFIG: File(config), SCRIPT: File(script_text(_RUN))},
            own.seed,
            None,
            opts=self.child(),
        )
        asked = question(args.address, args.listens_on, args.https_port, args.proxy_protocol)
        called = f"{own.prefix}-keepalived"
        container = hardened_container(
            f"{name}-container",
            own,
            name=called,
            image=image,
            command=[*without_root(args.container.user), "sh", f"{_ROOT}/current/{SCRIPT}", *asked],
            networks=[],
            on_host_network=True,
            capabilities=CAPABILITIES,
            mounts=[
                docker.ContainerMountArgs(type="bind", source=f"{folder}/keepalived", target=_ROOT, read_only=True)
            ],
            # It reads its configuration only when it starts.
            labels={"private-registry.config": files.release},
            health=["CMD", *PROBE],
            grace_seconds=_GRACE_SECONDS,
            opts=self.child(depends_on=[files], delete_before_replace=True),
        )
        self.healthy = wait_until_healthy(f"{name}-healthy", own.host, container, PROBE, self.child())
        # It is not asked before it is there.
        self.container: pulumi.Output[str] = self.healthy.stdout.apply(lambda _: called)
        self.register_outputs({})


def without_root(user: str) -> list[str]:
    """Return the command under which another one is no root, and has two capabilities and no way to more.

    Docker gives capabilities to root alone, and those of a file count for nothing without new privileges.
    """
    uid, gid = user.split(":")
    kept = ",".join(["-all", *(f"+{one.removeprefix('CAP_').lower()}" for one in NEEDED)])
    sets = [f"--{kind}={kept}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *sets]
