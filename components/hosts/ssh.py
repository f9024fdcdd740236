"""From how hosts are reached over SSH to the connections of commands and of Docker."""

import shlex
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from ..settings import DockerHostAccess, SshAccess, SshLogin, SshUrl
from . import Host

# A host that swallows packets would otherwise take three minutes to fail.
_DIAL_ERROR_LIMIT = 3
_PER_DIAL_TIMEOUT_SECONDS = 5


def given(login: SshLogin, read: Callable[[SshLogin], str | None]) -> str | pulumi.Output[str | None] | None:
    """Return a value of a login, or what it is once another resource has given it."""
    return read(login) if login.is_known else pulumi.Output.unsecret(login.known().apply(read))


def secret(login: SshLogin, read: Callable[[SshLogin], str | None]) -> pulumi.Output[str | None] | None:
    """Return a value of a login as a secret, if the login has it."""
    text = given(login, read)
    return None if text is None else pulumi.Output.secret(text)


def docker_host(url: SshUrl, access: DockerHostAccess) -> Host:
    """Return the server as a host on which commands run."""
    return _host(url, access, access.bastion)


def docker_provider(name: str, url: SshUrl, access: DockerHostAccess, opts: pulumi.ResourceOptions) -> docker.Provider:
    """Declare how Docker's resources reach the server: by the program ``ssh``, with the server's key pinned."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return docker.Provider(
        name,
        host=f"ssh://{quote(url.user, safe='')}@{host}:{url.port}",
        ssh_opts=_options(access, access.bastion),
        opts=opts,
    )


def docker_shell(url: SshUrl, access: DockerHostAccess) -> list[str]:
    """Return the words with which a shell on the server reads a script from standard input, followed by arguments."""
    place = ["-l", url.user, "-p", str(url.port), url.host]
    return ["ssh", *_options(access, access.bastion), *place, "sh", "-s", "--"]


def _host(url: SshUrl, login: SshLogin, bastion: SshAccess | None) -> Host:
    proxy = command.remote.ProxyConnectionArgs(**_login(bastion.url, bastion)) if bastion else None
    connection = command.remote.ConnectionArgs(**_login(url, login), proxy=proxy)
    return Host(url.host, connection, sudo=url.user != "root")


def _login(url: SshUrl, login: SshLogin) -> dict[str, Any]:
    """Return what the connections to a host and to a bastion have in common."""
    return {
        **url._asdict(),
        "private_key": secret(login, lambda known: known.ssh_key),
        "private_key_password": secret(login, lambda known: known.ssh_key_password),
        "password": secret(login, lambda known: known.ssh_password),
        "host_key": given(login, lambda known: known.host_key),
        "dial_error_limit": _DIAL_ERROR_LIMIT,
        "per_dial_timeout": _PER_DIAL_TIMEOUT_SECONDS,
    }


def _options(login: SshLogin, bastion: SshAccess | None = None) -> list[str]:
    """Return the options of the program ``ssh`` (https://man.openbsd.org/ssh_config).

    The host key comes from a command, so that no file of the machine that runs this is read or written.
    """
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(_PER_DIAL_TIMEOUT_SECONDS),
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": "none",
        "GlobalKnownHostsFile": "none",
        "KnownHostsCommand": f"/usr/bin/env echo %H {login.host_key}",
    }
    if login.private_key_file:
        # Quoted for a name with blanks, and no sign in it is one of ssh's own.
        name = login.private_key_file.name.replace("%", "%%")
        options |= {"IdentityFile": f'"{name}"', "IdentitiesOnly": "yes"}
    if bastion:
        options["ProxyCommand"] = _through(bastion)
    # Without the reader's own ssh_config, which commands do not know either.
    return ["-F", "none", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]


def _through(bastion: SshAccess) -> str:
    place = ["-l", bastion.user, "-p", str(bastion.port), bastion.host]
    # What the inner ssh is to expand must pass the outer one.
    words = [word.replace("%", "%%") for word in ["ssh", *_options(bastion), *place]]
    return shlex.join(words) + " -W '[%h]:%p'"
