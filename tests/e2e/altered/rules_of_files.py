"""Breaks each rule about files and commands."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi_command as command

from components import private_registry
from components.clients import trust
from components.hosts import File, Host, HostFiles, ReleasedFiles, host_files, ssh
from components.proxy import proxy
from components.proxy.login.users import Users

from . import old_protocols, open_to_all  # noqa: F401 - importing them is what they are for
from .parts import part, put

_login, _with_payload = part(ssh, "_login"), part(host_files, "with_payload")


def _on_another_host(name: str, host: Host, folder: str, bundle: str, *rest: Any, **named: Any) -> ReleasedFiles:
    if bundle == "users":
        host = replace(host, connection=command.remote.ConnectionArgs(host="10.255.255.1", host_key="pinned"))
    return ReleasedFiles(name, host, folder, bundle, *rest, **named)


def _with_a_key(
    name: str,
    kind: str,
    host: Host,
    target: str,
    place: Mapping[str, str],
    files: Mapping[str, File],
    *rest: Any,
    **named: Any,
) -> HostFiles:
    return HostFiles(name, kind, host, target, place, {**files, "a.key": File("PRIVATE KEY-----\n")}, *rest, **named)


def _for_everybody(name: str, users: Sequence[Any], _: Sequence[str], *rest: Any, **named: Any) -> Users:
    return Users(name, users, ["everything"], *rest, **named)


put(proxy, "ReleasedFiles", _on_another_host)
put(proxy, "File", lambda content, **_: File(content))
put(trust, "HostFiles", _with_a_key)
put(private_registry, "Users", _for_everybody)
put(ssh, "_login", lambda *arguments: {**_login(*arguments), "host_key": ""})
put(host_files, "with_payload", lambda *arguments: f"{_with_payload(*arguments)}: insecure-registries\n")
