"""How clients are reached, as the inputs of a resource: each login once, since most clients have the same one."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi

from ..hosts.ssh import given
from ..settings import Client, SshAccess, SshLogin


def reach(clients: Sequence[Client]) -> dict[str, Any]:
    """Return ``logins`` and ``hosts``: client -> ``user``, ``port``, ``hostKey``, ``login``, ``bastion``, or ``local``.

    A login is ``privateKey``, with ``privateKeyPassword`` where it has one, or ``password``, or nothing for an agent's.
    """
    logins = _Logins()
    hosts = {client.host: {"local": True} if client.local else _reached(client, logins) for client in clients}
    return {"hosts": hosts, "logins": logins.said}


class _Logins:
    """What each distinct way to log in is called: a number, so that no name tells of a secret."""

    def __init__(self) -> None:
        self.said: dict[str, pulumi.Output[dict[str, str]]] = {}
        self._names: dict[str, str] = {}

    def name(self, login: SshLogin) -> str:
        key = _key(login)
        if key not in self._names:
            self._names[key] = str(len(self._names) + 1)
            self.said[self._names[key]] = _secrets(login)
        return self._names[key]


def _reached(access: SshAccess, logins: _Logins) -> dict[str, Any]:
    said: dict[str, Any] = {
        "user": access.user,
        "port": access.port,
        "hostKey": given(access, lambda known: known.host_key),
        "login": logins.name(access),
    }
    bastion = access.bastion if isinstance(access, Client) else None
    return {**said, "bastion": {"host": bastion.host, **_reached(bastion, logins)}} if bastion else said


def _secrets(login: SshLogin) -> pulumi.Output[dict[str, str]]:
    known = pulumi.Output.from_input(_ways(login)) if login.is_known else login.known().apply(_ways)
    return pulumi.Output.secret(known)


def _ways(login: SshLogin) -> dict[str, str]:
    ways = {
        "privateKey": login.ssh_key,
        "privateKeyPassword": login.ssh_key_password,
        "password": login.ssh_password,
    }
    return {key: value for key, value in ways.items() if value is not None}


def _key(login: SshLogin) -> str:
    if not login.is_known:
        return f"unknown {id(login)}"
    return json.dumps([login.ssh_key, login.ssh_key_password, login.ssh_password])
