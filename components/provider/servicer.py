"""What the engine asks of a provider (https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto)."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from ..names import shortened
from ..troubleshooting import advice_of
from .kind import Failures, Kind, Last, Result, Tell
from .values import received, sent

_PARTIAL = "some clients failed"


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine with what the kinds of resource do."""

    def __init__(self, kinds: Mapping[str, Kind], engine: str, version: str, stop: Callable[[], None]) -> None:
        """Serve kinds, by name; ``engine`` is the address to which it tells how far it is; ``stop`` begins no more."""
        self._kinds, self._version, self._stop = kinds, version, stop
        self._engine = engine_pb2_grpc.EngineStub(grpc.aio.insecure_channel(engine)) if engine else None
        self._at_work: set[asyncio.Task[Any]] = set()

    async def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """Say which version this is."""
        return plugin_pb2.PluginInfo(version=self._version)

    async def CheckConfig(self, request: Any, context: Any) -> Any:
        """Take the provider's own inputs as they are: it has none."""
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Any, context: Any) -> Any:
        """Never replace the provider."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    async def Configure(self, request: Any, context: Any) -> Any:
        """Say that secrets are welcome as such. A preview asks for no outputs, so nobody knows them then."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True)

    async def Check(self, request: Any, context: Any) -> Any:
        """Take inputs as they are: the settings have checked them."""
        return provider_pb2.CheckResponse(inputs=request.news)

    async def Diff(self, request: Any, context: Any) -> Any:
        """Say what changes. Nothing is ever replaced."""
        last = Last(received(request.old_inputs), received(request.olds))
        diffs = self._kind(request.urn).changed(last, received(request.news))
        some = provider_pb2.DiffResponse.DIFF_SOME if diffs else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=diffs)

    async def Read(self, request: Any, context: Any) -> Any:
        """Return what the state has: a refresh asks no client."""
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    async def Create(self, request: Any, context: Any) -> Any:
        """Make the resource."""
        outputs = await self._update(request, context, request.urn.split("::")[-1], Last(), request.properties)
        return provider_pb2.CreateResponse(id=request.urn.split("::")[-1], properties=outputs)

    async def Update(self, request: Any, context: Any) -> Any:
        """Change the resource."""
        last = Last(received(request.old_inputs), received(request.olds))
        outputs = await self._update(request, context, request.id, last, request.news)
        return provider_pb2.UpdateResponse(properties=outputs)

    async def Delete(self, request: Any, context: Any) -> Any:
        """Take the resource away."""
        last = Last(received(request.old_inputs), received(request.properties))
        failures = await self._kind(request.urn).delete(last, self._tell(request.urn))
        if failures:
            await self._advise(request.urn, failures)
            await context.abort(grpc.StatusCode.UNKNOWN, "\n".join(_lines(failures)))
        return empty_pb2.Empty()

    async def Cancel(self, request: Any, context: Any) -> Any:
        """Let what has begun on a client come to its end, and begin nothing more."""
        self._stop()
        return empty_pb2.Empty()

    async def _update(self, request: Any, context: Any, identity: str, last: Last, inputs: Struct) -> Struct:
        result = await self._kind(request.urn).update(last, received(inputs), self._tell(request.urn))
        for note in result.notes:
            await self._log(request.urn, engine_pb2.INFO, note)
        for warning in result.warnings:
            await self._log(request.urn, engine_pb2.WARNING, warning)
        outputs = sent(result.outputs)
        if result.failures:
            await self._advise(request.urn, result.failures)
            await context.abort_with_status(_partial(identity, inputs, outputs, result))
        return outputs

    async def _advise(self, urn: str, failures: Failures) -> None:
        """Say what to do, once for all clients that have the same problem."""
        said: dict[str, list[str]] = {}
        for host, reasons in failures.items():
            for reason in reasons:
                said.setdefault(advice_of(reason, self._kind(urn).still_works), []).append(host)
        for advice, hosts in said.items():
            if advice:
                await self._log(urn, engine_pb2.ERROR, f"{shortened(hosts)}: {advice}")

    def _kind(self, urn: str) -> Kind:
        return self._kinds[urn.split("::")[2].rpartition(":")[2]]

    def _tell(self, urn: str) -> Tell:
        def tell(line: str) -> None:
            task = asyncio.ensure_future(self._log(urn, engine_pb2.INFO, line, ephemeral=True))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

        return tell

    async def _log(self, urn: str, severity: Any, message: str, ephemeral: bool = False) -> None:
        if self._engine is not None:
            request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
            await self._engine.Log(request)


def _lines(failures: Failures) -> list[str]:
    return [f"{host}: {reason}" for host, reasons in failures.items() for reason in reasons]


class _Status(grpc.Status):  # type: ignore[misc]
    def __init__(self, status: Any) -> None:
        self.code, self.details = grpc.StatusCode.UNKNOWN, status.message
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


def _partial(identity: str, inputs: Struct, outputs: Struct, result: Result) -> _Status:
    """Return the error by which the engine keeps what was done, and fails."""
    failed = provider_pb2.ErrorResourceInitFailed(
        id=identity, properties=outputs, reasons=_lines(result.failures), inputs=inputs
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=_PARTIAL)
    status.details.add().Pack(failed)
    return _Status(status)
