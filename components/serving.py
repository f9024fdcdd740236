"""What one server of a registry runs: the registry with its storage, caches, and nginx in front of them."""

from collections.abc import Sequence
from typing import Any

import pulumi

from .caches import CachesArgs, served_caches
from .certificates import Certificate
from .clients.clients import Clients
from .containers.container import ContainerArgs
from .containers.running import answering, started
from .floating_address.floating_address import PROBE as KEEPALIVED_PROBE
from .floating_address.floating_address import FloatingAddress, FloatingAddressArgs
from .ordering import Step, failed_in_this_update, waiting, without_dependencies
from .proxy.pair import Pair
from .proxy.proxy import Proxy, ProxyArgs
from .registry.registry import PROBE, Registry, RegistryArgs
from .seed import Seed
from .server import Server
from .settings import Settings


class Serving:
    """What a server runs. Each server of a registry has the same, from the same settings and the same seed."""

    def __init__(
        self,
        server: Server,
        settings: Settings,
        seed: Seed,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Know a server.

        Args:
            server: Where all of it runs.
            settings: What is configured.
            seed: What all secrets are derived from that servers share.
            opts: Of the components on the server.
        """
        self.server, self._settings, self._seed = server, settings, seed
        self.at_once = server.opts(opts)
        """Options of a component that does not wait for the server's turn."""
        # Another one for each server: a machine that is listed twice, or under another name, keeps what runs there.
        self._owner = started(seed.fingerprint(" ".join(filter(None, ["owner", server.entry.name]))), server.shell)

    def container(self, image: str, memory: int) -> ContainerArgs:
        """Return where a container of an image runs, and as what."""
        return ContainerArgs(
            host=self.server.host,
            prefix=self.server.instance.prefix,
            directory=self.server.directory,
            image=image,
            user=self.server.user,
            memory=memory,
            server=self.server.entry.name,
            seed=self._seed,
            owner=self._owner,
            told=self.server.told,
        )

    def declare(
        self, certificate: Certificate, users: pulumi.Input[str], after: pulumi.Output[list[Step]] | None = None
    ) -> None:
        """Declare the containers; nginx serves nobody yet.

        Args:
            certificate: What nginx will serve with.
            users: The file of users.
            after: What nothing on the server is changed before; what failed of it keeps the server as it is.
        """
        settings, limits, server = self._settings, self._settings.limits, self.server
        opts = waiting(self.at_once, after)
        registry = Registry(
            server.named("registry"),
            RegistryArgs(
                container=self.container(settings.registry_image, limits.registry_memory),
                storage=settings.storage,
                delete_data=settings.delete_data,
                protect=settings.protect,
                purges_uploads=server.entry == settings.each_server[0],
            ),
            opts=opts,
        )
        self._caches = served_caches(
            server.named("caches"),
            CachesArgs(
                container=self.container(settings.registry_image, limits.cache_memory),
                image_id=registry.image_id,
                network=registry.declared_network,
                caches=settings.caches,
            ),
            opts=opts,
        )
        self.proxy = Proxy(
            server.named("proxy"),
            ProxyArgs(
                container=self.container(settings.nginx_image, limits.nginx_memory),
                domain=settings.domain,
                reference=settings.reference,
                aliases=settings.aliases_known_as,
                bind_addresses=server.entry.bind_address,
                is_root=server.is_root,
                https_port=settings.https_port,
                users=users,
                login_memory=limits.login_memory,
                upstream=registry.container,
                network=registry.network,
                data=registry.data,
                layers_on_disk=registry.layers_on_disk,
                cache=registry.cache,
                before=certificate.before_nginx,
                caches=self._caches.containers,
                cache_networks=self._caches.networks,
                drain_seconds=settings.drain_seconds if len(settings.each_server) > 1 else None,
                proxy_protocol=settings.proxy_protocol,
                floating_address=settings.floating_address,
                shares_tokens=len(settings.each_server) > 1,
            ),
            opts=opts,
        )
        registry.retire_predecessors(self.proxy.container, self.proxy.site)
        self._registry = registry
        self._keepalived = self._floating_address(opts)

    def _floating_address(self, opts: pulumi.ResourceOptions) -> list[FloatingAddress]:
        """Declare keepalived, if it is wanted."""
        settings, server = self._settings, self.server
        if settings.floating_address is None:
            return []
        floating = FloatingAddress(
            server.named("floating-address"),
            FloatingAddressArgs(
                container=self.container(settings.keepalived_image, 0),
                address=settings.floating_address,
                servers=[one.reached_at for one in settings.each_server],
                place=settings.each_server.index(server.entry),
                listens_on=server.entry.bind_address,
                https_port=settings.https_port,
                proxy_protocol=bool(settings.proxy_protocol),
            ),
            opts=opts,
        )
        return [floating]

    def serve(self, pair: Pair, trusted_by: Sequence[Step]) -> pulumi.Output[str]:
        """Serve with a certificate once the clients trust it; return what changes with all that serves."""
        self._awaited = [*trusted_by, *pair.obtained]
        container = self._registry.container_id.apply(lambda identity: identity[:12])
        return pulumi.Output.concat(self.proxy.serve(pair, trusted_by), "-", container)

    @property
    def missing(self) -> pulumi.Output[list[Step]]:
        """What has failed of what serves, once that is known.

        Where a client does not trust yet, the server keeps its certificate. All else of it has to work.
        """
        live = self.proxy.live
        others = [self.proxy.login_healthy, *self.proxy.ready, *(one.healthy for one in self._keepalived)]
        held_back = failed_in_this_update(self._awaited)

        def needed(found: list[Step]) -> pulumi.Output[list[Step]]:
            return failed_in_this_update([*others, *([] if found else [live])])

        return held_back.apply(needed)

    def proven(
        self, clients: Clients, password: pulumi.Input[str], release: pulumi.Output[str]
    ) -> pulumi.Output[list[Step]]:
        """Let a client prove that this server serves; return what has failed, once that is known."""
        failed, entry = self.missing, self.server.entry
        proof = clients.prove_server(
            self.server.named("proof"), entry.said, entry.reached_at, password, without_dependencies(release), failed
        )
        return failed if proof is None else failed_in_this_update([proof])

    def answer(self, name: str) -> pulumi.Output[Any]:
        """Fail the update if a container does not answer in its end."""
        probes: list[tuple[pulumi.Input[str], Sequence[str]]] = [
            (self._registry.container, PROBE),
            *self.proxy.probes,
            *self._caches.probes,
            *((one.container, KEEPALIVED_PROBE) for one in self._keepalived),
        ]
        return answering(name, self._owner, self.server.shell, probes, self.proxy.live.stdout)
