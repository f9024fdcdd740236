"""A stack of this project on the real engine, in a folder of its own."""

import compileall
import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import pulumi.automation as auto
import pytest
import yaml
from pulumi.automation import events
from pulumi.automation._stack import StackInitMode
from typing_extensions import override

from lab import docker, engine
from lab.places import PROJECT
from lab.run import run

PROGRAM = ("Pulumi.yaml", "__main__.py", "components")
PASSPHRASE = "Marker-Passphrase-77aa"
NAMESPACE = "private-registry"
ALTERED = Path(__file__).parent / "altered"
A_HASH = re.compile(r"\$2[aby]\$\d\d\$(?!\.{53})")
"""A bcrypt hash, but not what pads the time of a wrong password: that is the hash of nothing."""
SERVER_FILES = Path("/var/lib/private-registry")
"""Where the server keeps the files of each stack."""


KINDS = ("update", "preview", "removal", "look")
"""The kinds of runs of the engine; a look is one at what has drifted."""
RUNS: Counter[str] = Counter()
"""Kind of run of the engine -> how many were begun since the last report, without those of shell commands."""

_REAL = ("docker:", "tls:", "command:", "private-registry:index:Clients", "private-registry:index:ServerProof")
"""How the types start of what is no component."""


@dataclass(frozen=True)
class Step:
    """What a preview or an update does to one resource."""

    op: str
    type: str
    name: str
    diffs: tuple[str, ...]
    old: Mapping[str, Any] = field(default_factory=dict, compare=False)
    new: Mapping[str, Any] = field(default_factory=dict, compare=False)


def write_secret(file: Path, text: str) -> None:
    """Write a file that nobody else may read."""
    file.touch(mode=0o600)
    file.write_text(text)


def once_locked(
    command: Sequence[str], folder: Path, locks: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start an update in a process group of its own and return when its lock is there."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **(env or {})}, stdout=quiet, stderr=quiet, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(locks.rglob("*.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def kill_once_locked(command: Sequence[str], folder: Path, locks: Path, env: Mapping[str, str] | None = None) -> None:
    """Run an update and kill it, with all that it started, when its lock is there."""
    process = once_locked(command, folder, locks, env)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@cache
def compiled(folder: Path) -> None:
    """Compile what every update and preview would compile anew, where nothing may write that down."""
    compileall.compile_dir(folder, quiet=1)


def copy_program(folder: Path) -> None:
    """Put the program into a folder, as a checkout does."""
    for entry in PROGRAM:
        source = PROJECT / entry
        if source.is_dir():
            compiled(source)
            shutil.copytree(source, folder / entry)
        else:
            shutil.copy(source, folder / entry)


def clear(name: str) -> None:
    """Remove what a stack of this name has on this machine, also what a run left that was killed before its end."""
    named = ["--quiet", "--filter", f"name=^private-registry-{re.escape(name)}-"]
    if found := run(["docker", "container", "ls", "--all", *named]).split():
        run(["docker", "container", "rm", "--force", "--volumes", *found])
    for network in run(["docker", "network", "ls", *named]).split():
        assert docker.remove_network(network), f"Docker keeps the network {network}"
    if found := run(["docker", "volume", "ls", *named]).split():
        run(["docker", "volume", "rm", *found])
    shutil.rmtree(SERVER_FILES / name, ignore_errors=True)


class _Quick(auto.Stack):
    """Spares the three commands after each update by which the API makes a result that no test looks at."""

    @override
    def outputs(self) -> auto.OutputMap:
        return {}

    @override
    def info(self, show_secrets: bool = True) -> auto.UpdateSummary:
        return auto.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


class Stack:
    """One stack: its settings are a mapping, changed between updates."""

    def __init__(
        self,
        folder: Path,
        name: str,
        settings: Mapping[str, Any],
        env: Mapping[str, str] | None = None,
        backend: str | None = None,
        *,
        beside: bool = False,
    ) -> None:
        """Make a stack; ``beside`` what another state has of the same name, which otherwise is removed."""
        self.name = name
        self.folder = folder
        self.settings: dict[str, Any] = dict(settings)
        if not beside:
            clear(name)
        copy_program(folder)
        (folder / "backend").mkdir()
        self.env = {
            "PULUMI_BACKEND_URL": backend or engine.backend(folder / "backend"),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            **(env or {}),
        }
        self._stack = _Quick(name, self._workspace(), StackInitMode.CREATE)
        self._salt = self._read_salt()
        self.log = ""

    def _workspace(self) -> auto.LocalWorkspace:
        return auto.LocalWorkspace(work_dir=str(self.folder), env_vars=self.env)

    def _read_salt(self) -> str:
        return str(yaml.safe_load(self._config.read_text())["encryptionsalt"])

    def checkout(self, folder: Path, **env: str) -> "Stack":
        """Return the same stack as a checkout in another folder sees it, with more in its environment."""
        other = copy.copy(self)
        other.folder, other.settings, other.log = folder, dict(self.settings), ""
        copy_program(folder)
        other.write()
        other.use(**env)
        return other

    def change_passphrase(self, passphrase: str) -> None:
        """Encrypt the secrets of the state and of the stack's file with another passphrase."""
        self.write()
        command = [engine.pulumi(), "stack", "change-secrets-provider", "passphrase", "--stack", self.name]
        run(command, env=self.env, cwd=self.folder, stdin=passphrase)
        self._salt = self._read_salt()
        self._read_settings()
        self.use(PULUMI_CONFIG_PASSPHRASE=passphrase)

    def use(self, **variables: str) -> None:
        """Change the environment of the command line from here on."""
        self.env = {**self.env, **variables}
        self._stack = _Quick(self.name, self._workspace(), StackInitMode.SELECT)

    @property
    def _main(self) -> Path:
        return self.folder / "__main__.py"

    @property
    def _config(self) -> Path:
        return self.folder / f"Pulumi.{self.name}.yaml"

    def configure(self, **changes: Any) -> None:
        """Change settings; None takes one out."""
        for key, value in changes.items():
            if value is None:
                self.settings.pop(key, None)
            else:
                self.settings[key] = value

    @contextmanager
    def altered(self, module: str) -> Iterator[None]:
        """Let the program do what a module of ``tests/e2e/altered`` does first, while the body runs."""
        text = self._main.read_text()
        self.alter(module)
        try:
            yield
        finally:
            self._main.write_text(text)

    def alter(self, module: str) -> None:
        """Let the program do so from here on."""
        shutil.copytree(ALTERED, self.folder / ALTERED.name, dirs_exist_ok=True)
        self._main.write_text(f"import {ALTERED.name}.{module}\n{self._main.read_text()}")

    @contextmanager
    def environment(self, **variables: str) -> Iterator[None]:
        """Change the environment of the command line while the body runs."""
        workspace = self._stack.workspace
        before = workspace.env_vars
        workspace.env_vars = {**before, **variables}
        try:
            yield
        finally:
            workspace.env_vars = before

    def write(self) -> None:
        """Write the stack's file."""
        config = {f"{NAMESPACE}:{key}": value for key, value in self.settings.items()}
        self._config.write_text(yaml.safe_dump({"encryptionsalt": self._salt, "config": config}))

    def preview(self, refresh: bool = False) -> list[Step]:
        """Return what an update would do, without what stays the same."""
        RUNS["preview"] += 1
        self.write()
        seen: list[events.EngineEvent] = []
        self._stack.preview(refresh=refresh, on_event=seen.append, on_output=self._record)
        return steps(seen)

    def judged(self, config: Mapping[str, Any]) -> str:
        """Preview with the rules of ``policies`` and return all that it printed; an error says what they refused.

        Args:
            config: Of the policy pack: rule -> its configuration.

        Raises:
            pulumi.automation.CommandError: The preview failed, or a rule is broken.
        """
        RUNS["preview"] += 1
        self.write()
        self.log = ""
        file = self.folder / "policies.json"
        file.write_text(json.dumps(config))
        # Started without the language host, as the lab's is older than the engine.
        pack = str(PROJECT / "policies/run")
        self._stack.preview(policy_packs=[pack], policy_pack_configs=[str(file)], on_output=self._record)
        return self.log

    def up(self, refresh: bool = False) -> list[Step]:
        """Update and return what was done."""
        RUNS["update"] += 1
        self.write()
        seen: list[events.EngineEvent] = []
        self._stack.up(refresh=refresh, on_event=seen.append, on_output=self._record, continue_on_error=True)
        return steps(seen)

    def fails(self) -> str:
        """Run an update that has to fail and return all that it printed."""
        self.log = ""
        with pytest.raises(auto.CommandError) as failure:
            self.up()
        return self.log + str(failure.value)

    def cancel(self) -> None:
        """Take away the lock that a killed run left."""
        self._stack.cancel()

    def preview_json(self) -> str:
        """Return all that the engine says of a preview, with the difference in full."""
        RUNS["preview"] += 1
        self.write()
        seen: list[events.EngineEvent] = []
        self._stack.preview(diff=True, on_event=seen.append, on_output=self._record)
        return "\n".join(map(str, seen)) + "".join(str(step.old) + str(step.new) for step in steps(seen)) + self.log

    def verbose_up(self) -> str:
        """Update with the engine's most verbose log and return it."""
        RUNS["update"] += 1
        self.write()
        log: list[str] = []
        self._stack.up(log_verbosity=9, log_to_std_err=True, on_error=log.append, on_output=log.append)
        return "\n".join(log)

    def drift(self, *options: str) -> tuple[int, str]:
        """Run ``python -m operations.drift`` as somebody at a terminal does; return its status and what it printed."""
        RUNS["look"] += 1
        done = subprocess.run(
            [sys.executable, "-m", "operations.drift", "--stack", self.name, *options],
            cwd=PROJECT,
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    def drifted(self, *options: str) -> list[tuple[str, str]]:
        """Return host and what of each finding, after seeing that the status fits."""
        status, printed = self.drift("--json", *options)
        findings = json.loads(printed)["drift"]
        assert status == (2 if findings else 0)
        return [(finding["host"], finding["what"]) for finding in findings]

    def doctor(self, *options: str) -> tuple[int, str]:
        """Run ``python -m operations.doctor`` as somebody in the stack's folder does; return status and output."""
        RUNS["look"] += 1
        self.write()
        done = subprocess.run(
            [sys.executable, "-m", "operations.doctor", "--stack", self.name, *options],
            cwd=self.folder,
            env={**os.environ, **self.env, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    def operation(self, module: str, *options: str) -> str:
        """Run ``python -m operations.MODULE`` as somebody at a terminal does; return what it printed."""
        RUNS["preview"] += 1
        RUNS["update"] += module == "update"
        self.write()
        before = sorted(path.name for path in self.folder.iterdir())
        done = subprocess.run(
            [sys.executable, "-m", f"operations.{module}", "--stack", self.name, *options],
            cwd=self.folder,
            env={**os.environ, **self.env, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert sorted(path.name for path in self.folder.iterdir()) == before, "it leaves no file"
        return done.stdout

    def destroy(self) -> None:
        """Remove the stack's resources."""
        RUNS["removal"] += 1
        self.write()
        self._stack.destroy(on_output=self._record, continue_on_error=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Take away what it has on this machine, without the engine, whatever became of it: else it holds the ports."""
        clear(self.name)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secret ones in the clear."""
        return {name: output.value for name, output in self._outputs().items()}

    def secret_outputs(self) -> set[str]:
        """Return the names of the outputs that are secret."""
        return {name for name, output in self._outputs().items() if output.secret}

    def _outputs(self) -> auto.OutputMap:
        return self._stack.workspace.stack_outputs(self.name)

    def state(self) -> str:
        """Return the state as it lies in the backend."""
        return (self.folder / f"backend/.pulumi/stacks/private-registry/{self.name}.json").read_text()

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources of the state."""
        return list(json.loads(self.state())["checkpoint"]["latest"].get("resources", []))

    def private_keys(self) -> dict[str, str]:
        """Return name -> PEM of the private keys that the stack drew."""
        command = [
            engine.pulumi(),
            "stack",
            "export",
            "--show-secrets",
            "--stack",
            self.name,
            "--cwd",
            str(self.folder),
        ]
        exported = json.loads(run(command, env=self.env))
        return {
            resource["urn"].rsplit("::", 1)[1]: json.loads(resource["outputs"]["privateKeyPem"]["plaintext"])
            for resource in exported["deployment"]["resources"]
            if resource["type"] == "tls:index/privateKey:PrivateKey"
        }

    def edit_state(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Apply a function to each resource of the state."""

        def edit_all(deployment: dict[str, Any]) -> dict[str, Any]:
            for resource in deployment.get("resources", []):
                edit(resource)
            return deployment

        self.edit_deployment(edit_all)

    def edit_deployment(self, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Replace the exported state by what a function makes of it."""
        exported = self._stack.export_stack()
        changed = edit(dict(exported.deployment or {}))
        self._stack.import_stack(auto.Deployment(version=exported.version, deployment=changed))

    def set_secret(self, path: str, value: str) -> None:
        """Set a secret as somebody at the command line does; it stands encrypted in the stack's file."""
        self.write()
        self._stack.set_config(f"{NAMESPACE}:{path}", auto.ConfigValue(value, secret=True), path=True)
        self._read_settings()

    def _read_settings(self) -> None:
        config = yaml.safe_load(self._config.read_text())["config"]
        self.settings = {key.removeprefix(f"{NAMESPACE}:"): entry for key, entry in config.items()}

    def _record(self, text: str) -> None:
        self.log += text + "\n"


def steps(seen: list[events.EngineEvent]) -> list[Step]:
    """Return the steps of a run, without components and what stays the same."""
    found = []
    for event in seen:
        if event.resource_pre_event is None:
            continue
        metadata = event.resource_pre_event.metadata
        op = str(metadata.op.value if hasattr(metadata.op, "value") else metadata.op)
        if op in ("same", "refresh", "read") or not metadata.type.startswith(_REAL):
            continue
        old, new = (state.inputs if state else {} for state in (metadata.old, metadata.new))
        found.append(
            Step(
                op,
                metadata.type,
                metadata.urn.rsplit("::", 1)[1],
                tuple(sorted(metadata.diffs or ())),
                old or {},
                new or {},
            )
        )
    return found
