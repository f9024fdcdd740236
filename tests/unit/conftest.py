"""One recording engine: a program runs on Pulumi mocks, and what it registered can be read afterwards."""

import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import hypothesis
import pulumi
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from components import PrivateRegistry
from components.proxy.login import users
from components.settings import Settings
from tests.unit.authority import issue

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("private-registry", deadline=None, max_examples=50)
hypothesis.settings.load_profile("private-registry")

SECRET_MARK = "4dabf18193072939515e22adb298388d"
"""The key under which the engine hands a secret value to a mock."""

LOCAL, REMOTE = "command:local:Command", "command:remote:Command"
CONTAINER, NETWORK, VOLUME = (
    "docker:index/container:Container",
    "docker:index/network:Network",
    "docker:index/volume:Volume",
)
KEY, AUTHORITY, REQUEST, SERVER = (
    "tls:index/privateKey:PrivateKey",
    "tls:index/selfSignedCert:SelfSignedCert",
    "tls:index/certRequest:CertRequest",
    "tls:index/locallySignedCert:LocallySignedCert",
)

SSH_KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
HOST_KEY = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
DIGEST = "a" * 64
BASE: Mapping[str, Any] = {
    "domain": "registry.test",
    "serverDirectory": "/srv/registry",
    "images": {"registry": f"sha256:{DIGEST}", "nginx": f"nginx:1.30-alpine@sha256:{DIGEST}"},
    "users": [{"name": "ci", "password": "marker-password"}],
    "clients": [
        {
            "host": "10.0.0.7",
            "user": "ops",
            "privateKey": SSH_KEY,
            "hostKey": HOST_KEY,
            "hostsEntry": "10.0.0.2",
        },
        {"host": "build.example.com", "local": True},
    ],
}


@dataclass(frozen=True)
class Options:
    """What the engine is told besides a resource's inputs, and mocks are not."""

    parent_urn: str
    """Of the resource that it is below, or nothing."""
    protect: bool
    retained: bool
    """Whether a delete leaves the real thing alone."""
    depends_on: frozenset[str]
    """The names of the resources that it waits for."""
    calls: int
    """How many calls led to it, of those that the state would keep."""
    delete_before_replace: bool

    @property
    def types_above(self) -> tuple[str, ...]:
        """The types of what it is below, the nearest last."""
        return tuple("".join(self.parent_urn.split("::")[2:3]).split("$")) if self.parent_urn else ()

    @property
    def parent(self) -> str:
        """The type of the resource that it is below, or nothing."""
        return self.types_above[-1] if self.parent_urn else ""

    @property
    def parent_name(self) -> str:
        """Its name."""
        return "".join(self.parent_urn.split("::", 3)[3:])

    @property
    def above(self) -> tuple[str, str]:
        """Type and name of the resource that it is below."""
        return self.parent, self.parent_name


@dataclass(frozen=True)
class Resource:
    """What was registered of one resource."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    provider: str = ""
    """The id of a provider that was declared for it."""

    def plain(self, key: str) -> Any:
        """Return an input, unwrapped where it is secret."""
        value = self.inputs[key]
        return value["value"] if self.is_secret(key) else value

    def is_secret(self, key: str) -> bool:
        value = self.inputs[key]
        return isinstance(value, dict) and SECRET_MARK in value


class Recorder(pulumi.runtime.Mocks):
    """Answers as the providers would, and keeps what it was asked."""

    def __init__(self, printed: Mapping[str, str] | None = None) -> None:
        self.resources: list[Resource] = []
        self.printed = printed or {}
        """A command's name -> what it printed."""
        self.options: dict[tuple[str, str], Options] = {}
        """By type and name."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.resources.append(Resource(args.typ, args.name, dict(args.inputs), args.provider or ""))
        state = dict(args.inputs)
        if args.typ == KEY:
            state["privateKeyPem"] = f"-----BEGIN PRIVATE KEY-----\nmarker-{args.name}\n"
        if args.typ in (AUTHORITY, SERVER):
            state["certPem"] = certificate(args.name)
        if args.typ == REQUEST:
            state["certRequestPem"] = "request\n"
        if args.typ in (LOCAL, REMOTE):
            state |= {"stdout": self.printed.get(args.name, "done"), "stderr": ""}
        if args.typ.endswith("RemoteImage"):
            state["imageId"] = f"sha256:{DIGEST}"
        state.setdefault("name", f"{args.name}-1a2b3c4")
        return f"{args.name}-id", state

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, []

    def of(self, type_: str) -> list[Resource]:
        """Return the resources of a type, by name."""
        return sorted((found for found in self.resources if found.type == type_), key=lambda found: found.name)

    def named(self, type_: str, name: str) -> Resource:
        """Return the one resource of a type and a name."""
        [found] = [found for found in self.of(type_) if found.name == name]
        return found


@cache
def certificate(name: str) -> str:
    """Return the certificate of a resource, the same in each run."""
    return issue(name, authority=True).pem


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give a thread a loop that is closed in the end; the SDK leaves its own open, and pytest blames a later test."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@contextmanager
def program_loop() -> Iterator[None]:
    """Give a program a loop; all calls of the engine go by one thread with one more: a quarter of a run's time."""
    with event_loop() as loop, ThreadPoolExecutor(1, initializer=_open_loop) as engine:
        loop.set_default_executor(engine)
        try:
            yield
        finally:
            engine.submit(_close_loop).result()


def _open_loop() -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())


def _close_loop() -> None:
    asyncio.get_event_loop().close()


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """Lets a recorder know the options of what is registered too."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self._recorder = recorder

    def RegisterResource(self, request: Any) -> Any:
        self._recorder.options[request.type, request.name] = Options(
            request.parent,
            request.protect,
            request.retainOnDelete,
            frozenset(urn.split("::", 3)[3] for urn in request.dependencies),
            len(request.stackTrace.frames),
            request.deleteBeforeReplace,
        )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and without a look at what stays anyway: modules, settings and tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """Leave out what takes time and is no test's concern: slow hashes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_PASSWORD_COST", 4)
        yield


Declare = Callable[..., Recorder]


@pytest.fixture(scope="session")
def declare() -> Declare:
    """Return a function that runs the program with the base settings and some changes.

    A run takes a sixth of a second, so each one is kept for all tests that ask for the same: they only read it.
    """
    kept: dict[str, Recorder] = {}

    def run(printed: Mapping[str, str] | None = None, **changes: Any) -> Recorder:
        asked = repr((printed, sorted(changes.items())))
        if asked not in kept:
            kept[asked] = declared(printed, **changes)
        return kept[asked]

    return run


def declared(printed: Mapping[str, str] | None = None, **changes: Any) -> Recorder:
    """Run the program with the base settings and some changes."""
    settings = Settings.model_validate({**BASE, **changes})
    return mocked(lambda: PrivateRegistry("registry", settings), Recorder(printed))


def mocked(declare: Callable[[], object], recorder: Recorder | None = None) -> Recorder:
    """Run a program that declares resources."""
    recorder = recorder or Recorder()

    @pulumi.runtime.test
    def program() -> None:
        declare()

    with program_loop():
        pulumi.runtime.set_mocks(recorder, project="private-registry", stack="test", monitor=Monitor(recorder))
        program()
    return recorder
