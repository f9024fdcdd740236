"""The machine that runs the containers: this one, or one reached over SSH."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi

from .containers.images import pulling
from .containers.orphans import removing_orphans
from .hosts import Host
from .hosts.ssh import docker_host, docker_provider, docker_shell
from .instance import Instance
from .settings import DockerHostAccess, ServerEntry, Settings, SshUrl

_OWN_USER = "10001:10001"
_OF_ROOT = "/var/lib/private-registry"


@dataclass(frozen=True)
class Server:
    """Where the containers run, and as whom."""

    settings: Settings
    entry: ServerEntry
    instance: Instance

    def named(self, part: str) -> str:
        """Return the name of a resource on this server; a stack's only server, or its first one, has no name itself."""
        return "-".join(filter(None, [self.instance.name, self.entry.name, part]))

    @property
    def told(self) -> dict[str, str | int]:
        """What components say of one of several: its name, where clients reach it, and when its turn is."""
        servers = self.settings.each_server
        if len(servers) == 1:
            return {}
        return {"name": self.entry.said, "address": self.entry.reached_at, "turn": servers.index(self.entry) + 1}

    @property
    def host(self) -> Host:
        """The host on which commands run."""
        return docker_host(*self._remote) if self._remote else Host("localhost")

    @property
    def shell(self) -> Sequence[str]:
        """The words with which a shell there reads a script from standard input."""
        return docker_shell(*self._remote) if self._remote else ["sh", "-s", "--"]

    @property
    def is_root(self) -> bool:
        """Whether what runs there is root."""
        return self._remote is not None or os.geteuid() == 0

    @property
    def user(self) -> str:
        """UID:GID of the containers: one of their own where files can be given away, else the one who writes them."""
        return _OWN_USER if self.is_root else f"{os.geteuid()}:{os.getegid()}"

    @property
    def directory(self) -> str:
        """Where it keeps the registry's files."""
        return f"{self.root_directory}/{self.instance.folder}"

    def opts(self, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return options of the components on it, with a provider of their own where it is another machine."""
        prepared = pulling(removing_orphans(opts, self.shell, self._hook), self.shell, self._hook)
        if self._remote is None:
            return prepared
        providers: list[pulumi.ProviderResource] = [docker_provider(self.named("docker-host"), *self._remote, opts)]
        return pulumi.ResourceOptions.merge(prepared, pulumi.ResourceOptions(providers=providers))

    @property
    def root_directory(self) -> str:
        """Where the server keeps the files of all registries."""
        if self.settings.server_directory or self.is_root:
            return self.settings.server_directory or _OF_ROOT
        return str(Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share", "private-registry"))

    def _hook(self, kind: str) -> str:
        return "-".join(filter(None, [self.instance.hook(kind), self.entry.name]))

    @property
    def _remote(self) -> tuple[SshUrl, DockerHostAccess] | None:
        url, access = self.entry.docker_host, self.entry.docker_host_access
        return (url, access) if url and access else None
