"""What the provider would do on each client, of what a program has declared."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.clients import RUNTIMES
from components.clients.placing import command, digest, wanted
from components.clients.proving import prove
from components.clients.runtime import FilesRuntime
from components.hosts.session import Answer
from components.provider.fleet import known_of, reach_of
from components.scripts.script import read_payload, read_words
from tests.unit.conftest import SECRET_MARK, Recorder, Resource

TRUST, VERIFICATION = "private-registry:index:ClientsTrust", "private-registry:index:ClientsVerification"


@dataclass(frozen=True)
class Command:
    """A command that a client runs."""

    line: str
    stdin: str

    @property
    def words(self) -> dict[str, str]:
        """The words that its script gets."""
        return dict(read_words(self.line))

    @property
    def payload(self) -> dict[str, str]:
        """The files that it carries."""
        return read_payload(self.stdin)


def trust(recorder: Recorder) -> Resource:
    """Return the trust of all clients."""
    return recorder.named(TRUST, "registry-trust")


def verification(recorder: Recorder) -> Resource:
    """Return the proof of all clients."""
    return recorder.named(VERIFICATION, "registry-verification")


def plain(resource: Resource) -> dict[str, Any]:
    """Return the inputs of a resource, without the marks of what is secret."""
    found: dict[str, Any] = _plain(dict(resource.inputs))
    return found


def placed(recorder: Recorder, host: str, verb: str = "create") -> Mapping[str, Command]:
    """Return bundle -> the command that places it on a client, or does something else with it; of scripts alone."""
    inputs = plain(trust(recorder))
    text, said = inputs.get("authorities") or "", inputs["hosts"][host]
    records = wanted(known_of(inputs), said["runtimes"], said.get("hostsEntry") or "", text)
    sudo = reach_of(inputs, host)["sudo"]
    return {
        bundle: Command(*command(sudo, verb, bundle, record, {digest(text): text}))
        for bundle, record in records.items()
        if not isinstance(RUNTIMES.get(bundle), FilesRuntime)
    }


def proofs(recorder: Recorder, host: str) -> Mapping[str, Command]:
    """Return runtime -> the command by which a client proves itself."""
    inputs, sudo = plain(verification(recorder)), reach_of(plain(trust(recorder)), host)["sudo"]
    found: list[Command] = []

    async def run(line: str, stdin: str) -> Answer:
        found.append(Command(line, stdin))
        return Answer(0, "", "")

    runtimes = inputs["hosts"][host]
    asyncio.run(prove(run, sudo, known_of(inputs), runtimes, inputs["user"], inputs["password"]))
    return dict(zip(runtimes, found, strict=True))


def reached(recorder: Recorder, host: str) -> Mapping[str, Any] | None:
    """Return the connection to a client; None for this machine."""
    found: Mapping[str, Any] | None = reach_of(plain(trust(recorder)), host)["connection"]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return _plain(value["value"]) if SECRET_MARK in value else {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
