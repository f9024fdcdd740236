"""Breaks each rule about files and commands."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_command as command

from components import private_registry
from components.certificates import certificate
from components.clients import clients as on_clients
from components.clients import trust
from components.hosts import File, Host, ReleasedFiles, host_files, ssh
from components.proxy import proxy
from components.proxy.login.users import Users

from . import old_protocols, open_to_all  # noqa: F401 - importing them is what they are for
from .parts import part, put

_login, _with_payload = part(ssh, "_login"), part(host_files, "with_payload")
_reach, _Trust = part(trust, "reach"), part(on_clients, "ClientsTrust")


def _on_another_host(name: str, host: Host, folder: str, bundle: str, *rest: Any, **named: Any) -> ReleasedFiles:
    if bundle == "users":
        host = replace(host, connection=command.remote.ConnectionArgs(host="10.255.255.1", host_key="pinned"))
    return ReleasedFiles(name, host, folder, bundle, *rest, **named)


def _with_any_key(clients: Sequence[Any]) -> dict[str, Any]:
    said: dict[str, Any] = _reach(clients)
    return {**said, "hosts": {host: {**one, "hostKey": "", "note": "any"} for host, one in said["hosts"].items()}}


def _with_a_key(name: str, clients: Sequence[Any], registry: Any, _: Any, *rest: Any, **named: Any) -> Any:
    authorities = pulumi.Output.from_input("PRIVATE KEY-----\n# insecure-registries\n")
    return _Trust(name, clients, registry, authorities, *rest, **named)


def _for_everybody(name: str, users: Sequence[Any], _: Sequence[str], *rest: Any, **named: Any) -> Users:
    return Users(name, users, ["everything"], *rest, **named)


put(proxy, "ReleasedFiles", _on_another_host)
put(certificate, "File", lambda content, **_: File(content))
put(on_clients, "ClientsTrust", _with_a_key)
put(trust, "reach", _with_any_key)
put(trust, "_described", lambda _: {})
put(private_registry, "Users", _for_everybody)
put(ssh, "_login", lambda *arguments: {**_login(*arguments), "host_key": ""})
put(host_files, "with_payload", lambda *arguments: f"{_with_payload(*arguments)}: insecure-registries\n")
