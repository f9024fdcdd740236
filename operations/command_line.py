"""The Pulumi command line, as whoever runs this has it: on the PATH, with its variables in the environment."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from typing_extensions import override

from components.troubleshooting import problem_of

_ADVICE = {
    "no stack named": (
        "The backend has no stack of this name. 'pulumi stack ls' lists its stacks, and 'pulumi stack init NAME' "
        "creates one. If the stack is in another backend: export PULUMI_BACKEND_URL=URL."
    ),
    "passphrase must be set": (
        "Set the passphrase of the stack, then run the command again: export PULUMI_CONFIG_PASSPHRASE_FILE=FILE, or "
        "PULUMI_CONFIG_PASSPHRASE."
    ),
    "incorrect passphrase": (
        "The passphrase is not the one of this stack. Check PULUMI_CONFIG_PASSPHRASE and PULUMI_CONFIG_PASSPHRASE_FILE."
    ),
    "PULUMI_ACCESS_TOKEN must be set": (
        "No backend is selected. Select the one that has the stack: 'pulumi login URL', or "
        "export PULUMI_BACKEND_URL=URL. For Pulumi Cloud: export PULUMI_ACCESS_TOKEN=TOKEN."
    ),
    "unable to open state directory": (
        "The folder of the backend does not exist. Check PULUMI_BACKEND_URL, or run 'pulumi whoami --verbose'."
    ),
    "no Pulumi.yaml project file": "Run the command in the folder of the project.",
}
"""What the command line says where it can't begin -> what to do."""


_IMPOSSIBLE = 1
"""The status of what could not be done, or was asked for by options with a mistake."""
_INTERRUPTED = 130
"""The status of what Ctrl-C has ended."""


class OperationError(RuntimeError):
    """Something could not be done; the message says why or what to do."""


def advised(error: str) -> str:
    """Return an error of the command line, with what to do where that is known."""
    advice = next((advice for said, advice in _ADVICE.items() if said in error), "") or _known(error)
    return f"{error.strip()}\n{advice}" if advice else error.strip()


def _known(error: str) -> str:
    # What a resource reports has another cause than what the command line says of the backend.
    problem = problem_of(error)
    return problem.advice() if problem and problem.by_engine else ""


@dataclass(frozen=True)
class CommandLine:
    """How a stack is asked for what is known of it."""

    stack: str
    folder: Path = Path()
    """Where the program is."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its environment has besides."""
    config_file: str = ""
    """The file with the stack's settings, where it is another one than Pulumi has it."""

    @property
    def of_config(self) -> tuple[str, ...]:
        """The words that name this file, for the commands of Pulumi that read settings."""
        return ("--config-file", self.config_file) if self.config_file else ()

    def run(self, *words: str, failure: str, stdin: str | None = None) -> str:
        """Run ``pulumi`` on the stack and return its output.

        Raises:
            OperationError: It is not there, or failed; the message is ``failure`` with its error, and no state.
        """
        done = self.done(*words, stdin=stdin)
        if done.returncode != 0:
            raise OperationError(f"{failure}: {advised(done.stderr)}")
        return done.stdout

    def done(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``pulumi`` on the stack and return what it printed, and its status.

        Raises:
            OperationError: It is not there.
        """
        command = [*self._command(*words), "--non-interactive"]
        with interrupted_by_pulumi():
            return subprocess.run(
                command,
                cwd=self.folder,
                env=self._environment,
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
            )

    def show(self, *words: str) -> int:
        """Run ``pulumi`` on the stack with its output on the terminal, and return its status.

        Raises:
            OperationError: It is not there.
        """
        command = self._command(*words)
        with interrupted_by_pulumi():
            return subprocess.run(command, cwd=self.folder, env=self._environment, check=False).returncode

    def _command(self, *words: str) -> list[str]:
        program = shutil.which("pulumi", path=self._environment.get("PATH"))
        if program is None:
            raise OperationError("the Pulumi CLI is not on the PATH: https://www.pulumi.com/docs/install/")
        return [program, *words, "--stack", self.stack]

    @property
    def _environment(self) -> dict[str, str]:
        # The program is run by the Python that runs this: it has the packages, whatever the shell has activated.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {**os.environ, "PATH": path, "VIRTUAL_ENV": sys.prefix, **self.env}


@contextmanager
def interrupted_by_pulumi() -> Iterator[None]:
    """Leave Ctrl-C to Pulumi, which gets it too: it ends what it has begun, and gives up its lock."""
    # Not SIG_IGN, which the program that is started would inherit.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Parser(argparse.ArgumentParser):
    """The options of a command. A mistake in them is a 1, not the usual 2: that says that something was found."""

    @override
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(_IMPOSSIBLE, f"{self.prog}: {message}\n")


def run(parser: Parser, operation: Callable[[argparse.Namespace], int]) -> int:
    """Run a command by its options and return its exit status: its own, or 1 after printing why it could not begin.

    Args:
        parser: Of the options.
        operation: What is done by them; returns 0, or 2 for what it has found.
    """
    options = parser.parse_args()
    try:
        return operation(options)
    except OperationError as error:
        print(error, file=sys.stderr)
        return _IMPOSSIBLE
    except KeyboardInterrupt:
        return _INTERRUPTED


def add_stack(parser: argparse.ArgumentParser, *, is_needed: bool = True) -> None:
    """Let a command be told the stack; by default it is the one that the environment names."""
    known = os.environ.get("PULUMI_STACK")
    is_required = is_needed and not known
    parser.add_argument("--stack", default=known, required=is_required, help="the stack; default: PULUMI_STACK")
