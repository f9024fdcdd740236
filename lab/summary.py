"""What there is after ``make up``, and what to try next."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from components.settings.certificates import Renewal
from lab import stack
from lab.hosts import DEV, container
from operations.expiry import renewed_by, time_left


def text() -> str:
    """Return the summary of the dev stack as it is now."""
    outputs = json.loads(stack.pulumi("stack", "output", "--json", "--stack", stack.STACK))
    first, stranger = container(DEV, DEV.hosts[0]), container(DEV, DEV.hosts[-1])
    users = stack.users()
    login = f"docker login -u {users[0]['name']} --password-stdin {outputs['registry']} < {users[0]['passwordFile']}"
    return "\n".join(
        [
            "",
            f"The registry is up: {outputs['url']} (from the lab's hosts; from this machine: {DEV.gateway})",
            "",
            "Users, the files with their passwords, and their access",
            *(f"  {user['name']:<14}{user['passwordFile']:<20}({user['access']})" for user in users),
            "",
            "Clients, their CA files, and what was verified",
            *(_client(host, file, outputs["verification"]) for host, file in outputs["clients"].items()),
            "",
            *_certificates(outputs),
            "",
            "Log in from the first client",
            f"  docker exec -i {first} {login}",
            "",
            "Try next",
            f"  docker exec -it {first} sh",
            "      a shell on a client that trusts it: docker tag, push, rmi, pull",
            f"  docker exec -it {stranger} sh",
            "      a shell on a host that is not a client: the same fails with x509",
            "  edit Pulumi.dev.yaml, then: make preview, make up",
            "  make down",
            "      remove everything except the pushed images (PURGE=1: these too)",
        ]
    )


def _client(host: str, file: str, proofs: dict[str, str]) -> str:
    return f"  {host:<14}{file}\n{'':<16}{proofs.get(host, 'not verified')}"


def _certificates(outputs: Mapping[str, Any]) -> Iterator[str]:
    who = renewed_by(Renewal.read(outputs["renewal"]))
    yield f"Certificates, days left, and who renews the server certificate: {who}"
    now = datetime.now(UTC)
    for name, text in outputs["ends"].items():
        end = datetime.fromisoformat(text)
        yield f"  {time_left(end - now):<14}until {end:%Y-%m-%d}    {name.removeprefix('CN=')}"
