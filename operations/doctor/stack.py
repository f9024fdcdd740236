"""Which hosts a stack has, and what they are to trust: by its settings, so that it is known before the first update."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from components.instance import mark_of
from components.registry_reference import full_reference
from components.settings import Client, InvalidSettings, ServerEntry, Settings, SshAccess, SshLogin, SshUrl, load
from components.settings.certificates import SelfSigned
from operations.command_line import CommandLine, OperationError
from operations.doctor.judge import Wanted
from operations.doctor.registry import Registry, anchors_in
from operations.doctor.visit import Host
from operations.expiry.served import served
from operations.expiry.stack import outputs_of

_THIS = "this machine"
_CANDIDATES = 4
"""So many addresses are asked for a server where the registry's name is not known here."""


@dataclass(frozen=True)
class Asked:
    """Which hosts are asked, and for which registry."""

    hosts: tuple[Host, ...]
    registry: Registry
    url: str
    addresses: tuple[str, ...]
    """Where a server may be, if this machine does not know its name."""


def settings_of(command_line: CommandLine) -> Settings:
    """Return the settings of a stack, secrets in the clear, in memory alone.

    Raises:
        OperationError: They can't be read, or have mistakes; the message holds no secret.
    """
    failure = f"the settings of stack {command_line.stack} could not be read"
    found = json.loads(command_line.run("config", "--json", "--show-secrets", *command_line.of_config, failure=failure))
    texts = {key: str(entry.get("value", "")) for key, entry in found.items()}
    try:
        return load(lambda key: _own(texts, key), texts, command_line.folder, command_line.stack)
    except InvalidSettings as error:
        raise OperationError(str(error)) from None


def _own(texts: Mapping[str, str], key: str) -> str | None:
    return next((text for full, text in texts.items() if full.partition(":")[2] == key), None)


def asked(command_line: CommandLine, names: list[str]) -> Asked:
    """Return whom to ask: all clients and servers, or those of some names.

    Raises:
        OperationError: The stack can't be read, or has no host of such a name.
    """
    settings, outputs = settings_of(command_line), outputs_of(command_line)
    hosts = tuple(hosts_of(settings))
    if unknown := sorted(set(names) - {host.name for host in hosts}):
        known = ", ".join(host.name for host in hosts)
        raise OperationError(f"stack {command_line.stack} has no host {unknown[0]}; it has: {known}")
    chosen = tuple(host for host in hosts if not names or host.name in names)
    addresses = tuple(dict.fromkeys(_addresses(settings)))[:_CANDIDATES]
    registry = registry_of(settings, outputs, _mark(command_line))
    return Asked(chosen, registry, f"https://{registry.reference}", addresses)


def hosts_of(settings: Settings) -> Iterator[Host]:
    """Yield each server, and each client."""
    yield from map(_server, settings.each_server)
    yield from map(_client, settings.all_clients)


def _server(entry: ServerEntry) -> Host:
    url, access = entry.docker_host, entry.docker_host_access
    if url and access:
        return Host(entry.said, connection(url, access, access.bastion), Wanted(is_server=True), url.user == "root")
    return Host(entry.name or _THIS, None, Wanted(is_server=True))


def _client(client: Client) -> Host:
    wanted = Wanted(tuple(client.runtimes), client.hosts_entry or ())
    way = None if client.local else connection(client.url, client, client.bastion)
    return Host(client.host, way, wanted, client.local or client.user == "root")


def connection(url: SshUrl, login: SshLogin, bastion: SshAccess | None) -> dict[str, Any]:
    """Return how a host is reached, as a state says it of its commands."""
    return {
        **url._asdict(),
        "privateKey": login.ssh_key,
        "privateKeyPassword": login.ssh_key_password,
        "password": login.ssh_password,
        "hostKey": login.host_key,
        "proxy": connection(bastion.url, bastion, None) if bastion else None,
    }


def registry_of(settings: Settings, outputs: Mapping[str, Any], mark: str) -> Registry:
    """Return the registry as hosts are to know it, without what it serves."""
    aliases = {
        *settings.aliases_known_as.values(),
        *(full_reference(one, settings.https_port) for one in settings.aliases),
    }
    return Registry(
        reference=settings.reference,
        full_reference=full_reference(settings.domain, settings.https_port),
        host=settings.domain,
        port=settings.https_port,
        host_names=settings.host_names,
        mark=mark,
        aliases=tuple(sorted(aliases)),
        is_deployed=bool(outputs.get("url")),
        trusted=anchors_in(outputs.get("ca_certificate") or ""),
        is_public=settings.certificate.is_public,
        has_own_ca=isinstance(settings.certificate, SelfSigned),
    )


def served_somewhere(found: Asked) -> list[x509.Certificate]:
    """Return what the registry serves, by its name or at an address of the settings; nothing where no one answers."""

    def at(address: str) -> list[x509.Certificate]:
        try:
            return list(served(found.url, address))
        except (OperationError, OSError):
            return []

    with ThreadPoolExecutor(_CANDIDATES + 1) as pool:
        return next(filter(None, pool.map(at, ["", *found.addresses])), [])


def _addresses(settings: Settings) -> Iterator[str]:
    yield from (entry.reached_at for entry in settings.each_server)
    yield from (address for client in settings.all_clients for address in client.hosts_entry or ())


def _mark(command_line: CommandLine) -> str:
    project = yaml.safe_load(Path(command_line.folder, "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
    return mark_of(project, command_line.stack.rpartition("/")[2])
