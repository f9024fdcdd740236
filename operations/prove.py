"""The clients of a stack prove that they trust its registry, outside of an update, and nothing else changes.

``python -m operations.prove [HOST …]``. Ends with 0 if all of them could, 2 if one could not, and 1 if no proof was
possible.
"""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from components.clients.proving import prove
from components.hosts.connections import Connections, Failure
from components.hosts.session import Connection, Run
from components.provider.fleet import known_of, reach_of
from components.provider.values import revealed
from operations.command_line import CommandLine, OperationError, Parser, add_stack, run
from operations.drift.state import export
from operations.fleet import TRUST, VERIFICATION
from operations.visits import visit


@dataclass(frozen=True)
class Proof:
    """What came of asking one client."""

    host: str
    registry: str
    proven: str = ""
    """What it has proven; nothing where it failed."""
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Client:
    host: str
    connection: Connection | None = field(repr=False)
    """None for this machine."""
    sudo: bool


def proofs(resources: Iterable[Mapping[str, Any]], hosts: Sequence[str] = ()) -> list[Proof]:
    """Let clients prove themselves.

    Args:
        resources: Those of the stack's state, secrets in the clear.
        hosts: Which clients; all where none is named.

    Raises:
        OperationError: The state knows no such client.
    """
    known = [revealed(one) for one in resources if one["type"] in (TRUST, VERIFICATION) and not one.get("delete")]
    trusts = {_mark(one): one for one in known if one["type"] == TRUST}
    wanted = [(one["inputs"], trusts[_mark(one)]) for one in known if one["type"] == VERIFICATION]
    clients = sorted({host for _, trust in wanted for host in trust["inputs"]["hosts"]})
    if unknown := sorted(set(hosts) - set(clients)):
        raise OperationError(f"the stack has no client {', '.join(unknown)}; it has {', '.join(clients) or 'none'}")
    return asyncio.run(_all(wanted, hosts))


async def _all(wanted: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], hosts: Sequence[str]) -> list[Proof]:
    found = []
    async with Connections() as connections:
        for verification, trust in wanted:
            reaches = {host: reach_of(trust["inputs"], host) for host in trust["inputs"]["hosts"]}
            asked = [
                _Client(host, reach["connection"], reach["sudo"])
                for host, reach in reaches.items()
                if not hosts or host in hosts
            ]
            found += await _registry(connections, verification, trust, asked)
    return found


async def _registry(
    connections: Connections,
    verification: Mapping[str, Any],
    trust: Mapping[str, Any],
    clients: Sequence[_Client],
) -> list[Proof]:
    known, placed = known_of(verification), (trust.get("outputs") or {}).get("placed") or {}

    async def work(client: _Client, run: Run) -> Proof:
        runtimes = trust["inputs"]["hosts"][client.host]["runtimes"]
        user, password = verification["user"], verification["password"]
        said = await prove(run, client.sudo, known, runtimes, user, password, placed.get(client.host))
        return Proof(client.host, known.reference, said)

    found = await visit(connections, "clients that were asked", clients, work)
    return [
        Proof(client.host, known.reference, failures=tuple(one.reasons)) if isinstance(one, Failure) else one
        for client, one in zip(clients, found, strict=True)
    ]


def _mark(resource: Mapping[str, Any]) -> str:
    mark: str = resource["inputs"]["registry"]["mark"]
    return mark


def _line(proof: Proof) -> str:
    if proof.failures:
        return "\n".join(f"{proof.host}: FAILED: {failure}" for failure in proof.failures)
    return f"{proof.host}: {proof.proven}"


def report(command_line: CommandLine, hosts: Sequence[str], *, as_json: bool) -> int:
    """Let clients prove themselves, print what came of it, and return the exit status."""
    found = proofs(export(command_line), hosts)
    failed = [one for one in found if one.failures]
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            print(_line(one))
        print(f"{len(found) - len(failed)} of {len(found)} clients have proven that they trust the registry.")
    return 2 if failed else 0


def main() -> int:
    """Run the command and return its exit status."""
    parser = Parser(prog="python -m operations.prove", description=__doc__)
    add_stack(parser)
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="a client of the stack; default: all")
    return run(parser, lambda options: report(CommandLine(options.stack), options.hosts, as_json=options.json))


if __name__ == "__main__":
    sys.exit(main())
