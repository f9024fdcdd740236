"""nginx in front of the registry: TLS, users, and the only published port."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker as docker

from ..component import Component
from ..containers.container import ContainerArgs, hardened_container, said_of, stack_network, wait_until_healthy
from ..containers.images import pinned_image
from ..hosts import File, ReleasedFiles
from ..ordering import Command, Step, failed_in_this_update, without_dependencies
from ..registry.config import PORT
from ..scripts.script import with_payload, words
from ..storage.layer_cache import LayerCache
from .addresses import Addresses, addresses, later_addresses, may_come_later
from .config import (
    DRAINED,
    GENERATION_URL,
    HEALTH_URL,
    HTTPS_PORTS,
    HTTPS_URL,
    ROOT,
    TOKEN_KEY,
    CacheConfig,
    login_config,
    login_scripts,
    nginx_config,
    nginx_text,
    padding,
    tls_listener,
    workers,
)
from .login.login import PROBE as LOGIN_PROBE
from .login.login import Login, LoginArgs, login_name
from .pair import Pair
from .reader import ReadByNginx

_PUBLISH = Path(__file__).parent / "port_check.sh"
_DRAIN = Path(__file__).parent / "drain.sh"
PROBE = ("curl", "-sf", "-o", "/dev/null", HEALTH_URL)
"""What asks nginx, in its container, whether it gets through to the registry."""

_GRACE_SECONDS = 10
"""How long nginx may finish what it has begun before it is replaced: meanwhile nobody new is served."""


@dataclass(frozen=True, kw_only=True)
class ProxyArgs:
    """What a proxy is made of."""

    container: ContainerArgs
    domain: str
    reference: str
    """HOST[:PORT], what image names start with."""
    aliases: Mapping[str, str]
    """Another name of the same -> what image names start with by that."""
    bind_addresses: Sequence[str]
    """Where nginx listens; empty for all addresses."""
    is_root: bool
    """Whether what runs on the server is root there."""
    https_port: int
    users: pulumi.Input[str]
    """The users file."""
    login_memory: int
    """MiB, of the container that checks passwords."""
    upstream: pulumi.Input[str]
    """The registry container's name."""
    network: pulumi.Input[str]
    """The internal network that the registry is on."""
    data: docker.ContainerMountArgs | None
    """By which nginx has the registry's data, which it may read."""
    layers_on_disk: bool
    """Whether nginx sends layers from there, by itself."""
    cache: LayerCache | None
    """Where nginx keeps layers that are not there."""
    before: Sequence[pulumi.Resource]
    """What must not be deleted by an update in which the proxy can't have its address."""
    caches: Mapping[str, str]
    """Upstream -> the container with its pull-through cache."""
    cache_networks: Sequence[pulumi.Input[str]]
    """By which nginx gets to those."""
    drain_seconds: int | None = None
    """How long load balancers have to notice that this nginx leaves; None where there is no other server."""
    proxy_protocol: Sequence[str] = ()
    """Addresses and networks of load balancers that say a client's address by the PROXY protocol."""
    floating_address: str | None = None
    """One of the addresses that the server has only at times; it is not tried."""
    shares_tokens: bool = False
    """Whether a token of this server counts at the other servers of the registry, and theirs here."""


class Proxy(Component):
    """nginx with its configuration mounted as a folder, so that a change is a rename and a reload.

    It serves nobody before ``serve`` gives it a certificate, which waits until every client trusts it: a client that
    does not answer holds back a certificate, and nothing else.
    """

    def __init__(self, name: str, args: ProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts, _said(args))
        self._name, self._args, self._own = name, args, args.container
        own = args.container
        image = pinned_image(f"{name}-image", own.image, self.child())
        self._where = where = addresses(name, own.host, args.bind_addresses, self.child())
        network = _frontend(f"{name}-network", own, where, self.child())
        self.container = f"{own.prefix}-proxy"
        self._nginx = ReadByNginx(image, self.container, args.network, HTTPS_URL, GENERATION_URL)
        address = self._check_address(image, where)
        self._address, self._image = address, image

        # nginx reads the users at every request.
        users_file = File(pulumi.Output.secret(args.users), mode="0600")
        users = self._bundle("users", {"htpasswd": users_file}, None, [network])
        self._users = users.command
        later = may_come_later(
            name, own.host, args.bind_addresses, own.prefix, args.is_root, self.child(depends_on=[address])
        )
        scripts = login_scripts(args.reference, login_name(own.prefix), args.aliases, args.caches)
        config = pulumi.Output.all(args.upstream, _cache(args)).apply(
            lambda parts: nginx_config(
                args.domain,
                args.reference,
                parts[0],
                PORT,
                scripts,
                workers(own.memory),
                args.layers_on_disk,
                parts[1],
                args.aliases,
                args.caches,
            )
        )
        login = login_config(workers(args.login_memory))
        site = {
            "nginx.conf": File(config),
            **{file: File(text) for file, text in scripts.items()},
            "login.conf": File(login),
            "padding": File(padding(), mode="0600"),
            **_token_key(args),
        }
        self.site = self._bundle("site", site, self._nginx)
        self._login = Login(
            f"{name}-login",
            LoginArgs(container=replace(own, memory=args.login_memory), image_id=image, users=users, site=self.site),
            opts=self.child(),
        )
        config_file = f"{ROOT}/site/current/nginx.conf"
        networks = [network.name, args.network, self._login.network, *args.cache_networks]
        ready = [users, self.site, address, *later, *([args.cache.owned] if args.cache else [])]
        self._container = hardened_container(
            f"{name}-container",
            own,
            name=self.container,
            image=image,
            command=["nginx", "-c", config_file, "-g", "daemon off;"],
            networks=networks,
            # Docker sorts by the inner port alone, and the provider takes another order for another container.
            ports=where.all.apply(
                lambda known: [
                    docker.ContainerPortArgs(internal=internal, external=args.https_port, ip=address)
                    for internal, address in zip(HTTPS_PORTS, known, strict=False)
                ]
            ),
            mounts=[
                docker.ContainerMountArgs(type="bind", source=f"{own.directory}/proxy", target=ROOT, read_only=True),
                *_mounts(args),
            ],
            # nginx looks the registry up when it loads; after a restart of Docker the address may be another one.
            health=[
                "CMD-SHELL",
                f"{shlex.join(PROBE)} || {{ nginx -c {config_file} -s reload; exit 1; }}",
            ],
            stop_signal="SIGQUIT",
            # From the signal on nobody new is served.
            grace_seconds=_GRACE_SECONDS,
            opts=self.child(depends_on=[*ready, *self._drain(image, networks, ready)], delete_before_replace=True),
        )
        self.probes = [(login_name(own.prefix), LOGIN_PROBE), (self.container, PROBE)]
        """Its containers, and what asks in each."""
        self._healthy = wait_until_healthy(f"{name}-healthy", own.host, self._container, PROBE, self.child())
        self.ready = self._ready()
        """What lets load balancers choose it again, where there are other servers."""
        self.register_outputs({})

    def refused(self, with_users: bool) -> pulumi.Output[list[Step]]:
        """Return what has failed where clients must not go on: the address, and the users file if they log in."""
        return failed_in_this_update([self._address, *([self._users] if with_users else [])], provided=self._image)

    def serve(self, pair: Pair, trusted_by: Sequence[Step]) -> pulumi.Output[str]:
        """Serve with a certificate and its key once they are there, and the clients trust it.

        Returns:
            What changes whenever clients should see for themselves that all is well.
        """
        files = {
            "listen.conf": File(
                pulumi.Output.all(self._where.all, self._where.has_own_ipv6, pair.renewed).apply(
                    lambda known: tls_listener(
                        len(known[0]), known[1], known[2], self._args.domain, self._args.proxy_protocol
                    )
                )
            ),
            **{
                name: File(without_dependencies(pulumi.Output.from_input(file.content)), file.mode)
                for name, file in pair.files.items()
            },
        }
        awaited = failed_in_this_update([*trusted_by, *pair.obtained]).apply(lambda found: [self._healthy, *found])
        tls = self._bundle("tls", files, self._nginx, awaited)
        self.live, self.login_healthy = tls.command, self._login.healthy
        self.proven = [tls.command, self._login.healthy]
        return pulumi.Output.all(
            self._container.id, tls.release, self.site.release, self._healthy.stdout, self._login.healthy.stdout
        ).apply(_generation)

    def _drain(
        self, image: pulumi.Output[str], networks: Sequence[pulumi.Input[str]], ready: Sequence[pulumi.Resource]
    ) -> list[Command]:
        """Take nginx out of what load balancers choose from, before it is replaced: by whatever makes another of it."""
        if self._args.drain_seconds is None:
            return []
        mounts = [[one.source, one.target] for one in _mounts(self._args)]
        self._replaced_for = self._own.seed.fingerprint(
            pulumi.Output.all(image, self._where.all, self._args.https_port, networks, mounts).apply(json.dumps)
        )
        return [self._turn("drain", ready)]

    def _ready(self) -> list[Command]:
        """Let load balancers choose nginx again, also where it was not replaced."""
        return [] if self._args.drain_seconds is None else [self._turn("ready", [self._healthy])]

    def _turn(self, verb: str, depends_on: Sequence[pulumi.Resource]) -> Command:
        known = {"container": self.container, "seconds": str(self._args.drain_seconds), "mark": DRAINED}
        create = self._replaced_for.apply(lambda found: f"{verb} {words(**known, **{'for': found})}")
        return self._own.host.run(
            f"{self._name}-{verb}", with_payload(_DRAIN, {}), create, opts=self.child(depends_on=depends_on)
        )

    def _check_address(self, image: pulumi.Output[str], where: Addresses) -> Command:
        """Try to listen where nginx is to, so that it does not leave its place for one that it can't have."""
        # Clients may ask the registry meanwhile, so it waits until what was stopped is started.
        create = pulumi.Output.all(image, where.all, self._own.owner).apply(
            lambda parts: words(
                address=",".join(one for one in parts[1] if one != self._args.floating_address),
                port=str(self._args.https_port),
                image=parts[0],
                container=self.container,
            )
        )
        return self._own.host.run(
            f"{self._name}-address", with_payload(_PUBLISH, {}), create, opts=self.child(self._args.before)
        )

    def _bundle(
        self,
        bundle: str,
        files: Mapping[str, File],
        reader: ReadByNginx | None,
        depends_on: Sequence[pulumi.Resource] | pulumi.Output[list[Any]] | None = None,
    ) -> ReleasedFiles:
        return ReleasedFiles(
            f"{self._name}-{bundle}",
            self._own.host,
            f"{self._own.directory}/proxy",
            bundle,
            self._own.user,
            files,
            self._own.seed,
            reader,
            depends_on,
            opts=self.child(),
        )


def _said(args: ProxyArgs) -> dict[str, pulumi.Input[object]]:
    """Return what the proxy says of itself, with a configuration that does not name the container of the registry."""
    return {
        **said_of(args.container),
        "addresses": list(args.bind_addresses) or ["all"],
        "laterAddresses": later_addresses(args.bind_addresses) if args.is_root else [],
        "httpsPort": args.https_port,
        **({"proxyProtocol": list(args.proxy_protocol)} if args.proxy_protocol else {}),
        "nginxConf": _cache(args).apply(
            lambda cache: nginx_text(
                args.domain,
                args.reference,
                "registry",
                PORT,
                workers(args.container.memory),
                args.layers_on_disk,
                cache,
                args.aliases,
                args.caches,
            )
        ),
    }


def _token_key(args: ProxyArgs) -> dict[str, File]:
    if not args.shares_tokens:
        return {}
    key = args.container.seed.derive_hex("tokens")
    return {TOKEN_KEY: File(pulumi.Output.concat(key, "\n"), mode="0600")}


def _frontend(name: str, own: ContainerArgs, where: Addresses, opts: pulumi.ResourceOptions) -> docker.Network:
    """Declare the network by which clients come.

    One with IPv6 has another name, so that it can be there before the one without goes, and nginx is not away for long.
    """
    purpose = where.has_own_ipv6.apply(lambda own: "frontend6" if own else "frontend")
    return stack_network(name, own, purpose, opts, ipv6=where.has_own_ipv6.apply(lambda own: own or None))


def _cache(args: ProxyArgs) -> pulumi.Output[CacheConfig | None]:
    return pulumi.Output.from_input(args.cache.config if args.cache else None)


def _mounts(args: ProxyArgs) -> list[docker.ContainerMountArgs]:
    mount = args.cache.mount if args.cache else args.data
    return [mount] if mount else []


def _generation(parts: list[str]) -> str:
    container, tls, site, *_ = parts
    return f"{container[:12]}-{tls}-{site}"
