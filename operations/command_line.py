"""The Pulumi command line, as whoever runs this has it: on the PATH, with its variables in the environment."""

import argparse
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class OperationError(RuntimeError):
    """Something could not be done; the message says why or what to do."""


@dataclass(frozen=True)
class CommandLine:
    """How a stack is asked for what is known of it."""

    stack: str
    folder: Path = Path()
    """Where the program is."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its environment has besides."""

    def run(self, *words: str, failure: str, stdin: str | None = None) -> str:
        """Run ``pulumi`` on the stack and return its output.

        Raises:
            OperationError: It is not there, or failed; the message is ``failure`` with its error, and no state.
        """
        env = {**os.environ, **self.env}
        program = shutil.which("pulumi", path=env.get("PATH"))
        if program is None:
            raise OperationError("the Pulumi CLI is not on the PATH; in the lab 'make up' installs it")
        command = [program, *words, "--stack", self.stack, "--non-interactive"]
        done = subprocess.run(
            command, cwd=self.folder, env=env, input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise OperationError(f"{failure}: {done.stderr.strip()}")
        return done.stdout


def add_stack(parser: argparse.ArgumentParser, *, is_needed: bool = True) -> None:
    """Let a command be told the stack; by default it is the one that the environment names."""
    known = os.environ.get("PULUMI_STACK")
    is_required = is_needed and not known
    parser.add_argument("--stack", default=known, required=is_required, help="the stack; default: PULUMI_STACK")
