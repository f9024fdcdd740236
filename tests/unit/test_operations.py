"""The commands for a stack of one's own: what they ask Pulumi, what they print, and that they leave nothing."""

import importlib
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import lab.__main__ as lab
from lab.places import PROJECT
from operations.command_line import CommandLine, OperationError, Parser, advised
from operations.command_line import run as run_command

REVIEWS = PROJECT / "tests/unit/review"
PULUMI = """#!/bin/sh
# Stands for the command line: writes down what it was asked, and writes the events of a preview.
echo "$*" >> asked
[ -z "$ERROR" ] || { echo "error: $ERROR" >&2; exit 255; }
while [ $# -gt 0 ]; do
	[ "$1" != --event-log ] || cat "$EVENTS" > "$2"
	shift
done
echo "all that Pulumi prints"
exit "$STATUS"
"""
PREVIEW = "preview --diff --event-log EVENTS --stack prod"
UPDATE = "up --yes --skip-preview --continue-on-error --stack prod"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a command in a folder with a Pulumi that is none."""
    program = tmp_path / "bin/pulumi"
    program.parent.mkdir()
    program.write_text(PULUMI)
    program.chmod(0o755)

    def run(
        command: str, *options: str, review: str = "user-added", status: int = 0, error: str = "", answer: str = ""
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "TMPDIR": str(tmp_path),
            "EVENTS": str(REVIEWS / f"{review}.jsonl"),
            "STATUS": str(status),
            "ERROR": error,
        }
        parent, child = pty.openpty()
        os.write(parent, f"{answer}\n".encode())
        try:
            return subprocess.run(
                [sys.executable, "-m", f"operations.{command}", "--stack", "prod", *options],
                cwd=tmp_path,
                env=environment,
                stdin=child if answer else subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            os.close(child)
            os.close(parent)

    return run


def asked(folder: Path) -> list[str]:
    """Return what Pulumi was asked, without where the events went."""
    words = [line.split() for line in (folder / "asked").read_text().splitlines()]
    return [
        " ".join("EVENTS" if before == "--event-log" else word for before, word in zip(["", *line], line, strict=False))
        for line in words
    ]


def test_a_preview_says_what_follows_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    done = run("preview")
    assert done.returncode == 0, done.stderr
    assert "EFFECT" in done.stdout
    assert "all that Pulumi prints" not in done.stdout
    assert asked(tmp_path) == [f"{PREVIEW} --non-interactive"]
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "asked"}, "nothing else is there"


def test_a_preview_for_a_pull_request_is_what_review_prints(run: Run) -> None:
    assert run("preview", "--markdown").stdout.strip() == (REVIEWS / "user-added.md").read_text().strip()


def test_a_preview_that_fails_says_why(run: Run) -> None:
    done = run("preview", review="invalid", status=255)
    assert done.returncode == 255
    assert "Nothing was changed" in done.stdout


def test_a_preview_that_cannot_begin_says_what_to_do(run: Run) -> None:
    done = run("preview", error="no stack named 'prod' found")
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: no stack named 'prod' found\nThe backend has no stack of this name." in done.stderr


def test_the_lab_previews_by_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "pulumi"
    program.write_text(PULUMI)
    program.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "EVENTS": str(REVIEWS / "user-added.jsonl"),
        "STATUS": "0",
        "ERROR": "",
    }
    dev = CommandLine("dev", tmp_path, environment, "dev.yaml")
    monkeypatch.setattr("lab.stack.command_line", lambda: dev)
    monkeypatch.setattr("lab.stack.ensure", lambda: None)
    monkeypatch.setenv("FORMAT", "markdown")
    assert lab.preview() == 0
    assert asked(tmp_path) == ["preview --diff --event-log EVENTS --config-file dev.yaml --stack dev"]
    review = (REVIEWS / "user-added.md").read_text().strip()
    assert capfd.readouterr().out.strip() == f"all that Pulumi prints\n\n{review}"
    monkeypatch.setitem(environment, "ERROR", "no such stack")
    with pytest.raises(OperationError, match="the output above says why"):
        lab.preview()


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_an_update_asks_after_the_preview(run: Run, tmp_path: Path, answer: str) -> None:
    done = run("update", "--diff", answer=answer)
    said, _, after = done.stdout.partition("Apply this to stack prod?")
    assert "all that Pulumi prints" in said
    assert "EFFECT" in said
    assert asked(tmp_path) == [PREVIEW, *([UPDATE] if answer == "yes" else [])]
    assert ("Nothing was changed." in after) == (answer == "no")
    assert done.returncode == (0 if answer == "yes" else 1)


def test_an_update_that_may_not_ask_is_not_applied(run: Run, tmp_path: Path) -> None:
    done = run("update")
    assert done.returncode == 1
    assert "YES=1" in done.stderr
    assert not (tmp_path / "asked").exists()


def test_an_update_is_not_applied_after_a_preview_that_failed(run: Run, tmp_path: Path) -> None:
    assert run("update", "--yes", review="invalid", status=255).returncode == 255
    assert asked(tmp_path) == [f"{PREVIEW} --non-interactive"]


MAKE = {
    "preview": "operations.preview --stack prod",
    "preview DIFF=1 FORMAT=markdown": "operations.preview --stack prod --diff --markdown",
    "up": "operations.update --stack prod",
    "up YES=1": "operations.update --stack prod --yes",
    "drift REPAIR=1": "operations.drift --stack prod --repair",
    "doctor": "operations.doctor --stack prod",
    "doctor JSON=1 HOSTS=10.0.0.7": "operations.doctor --stack prod --json 10.0.0.7",
    "forget CLIENT=10.0.0.7": "operations.forget --stack prod 10.0.0.7",
    "forget SERVER=b": "operations.forget --stack prod --server b",
}


@pytest.mark.parametrize("command", MAKE)
def test_a_command_for_ones_own_stack_needs_nothing_of_the_lab(tmp_path: Path, command: str) -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).touch()
    make = ["make", "--dry-run", "-f", str(PROJECT / "Makefile"), *command.split(), "STACK=prod"]
    said = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.split()[-len(MAKE[command].split()) :] == MAKE[command].split()
    assert "-r requirements.lock" in said
    assert "requirements-dev" not in said
    assert "-m lab " not in said


def test_a_command_of_the_lab_alone_refuses_ones_own_stack() -> None:
    done = subprocess.run(["make", "down", "STACK=prod"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "docs/decommission.md" in done.stderr


def test_yes_means_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").touch()
    make = ["make", "--dry-run", "-f", str(PROJECT / "Makefile"), "up", "STACK=prod", "YES=0"]
    assert "--yes" not in subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=True).stdout


def test_an_interrupted_pulumi_ends_what_it_has_begun(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    trap = "trap 'sleep 0.5; touch ended; exit 1' INT"
    program.write_text(f"#!/bin/sh\n{trap}\ntouch begun\nwhile :; do sleep 0.1; done\n")
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "operations.update", "--stack", "prod", "--yes"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        while not (tmp_path / "begun").exists():
            assert running.poll() is None
            time.sleep(0.05)
        # As a terminal does: all of its processes get it.
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(20) != 0
    assert (tmp_path / "ended").exists()


COMMANDS = ("preview", "update", "forget", "prove", "drift.__main__", "doctor.__main__", "expiry.__main__")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_mistake_in_the_options_is_no_finding(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [name, "--stack", "prod", "--no", "10.0.0.7"])
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"operations.{name}").main()
    assert end.value.code == 1
    assert "--no" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_can_not_begin_says_so_by_its_status(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = {"forget": ["10.0.0.7"], "update": ["--yes"]}
    monkeypatch.setattr("sys.argv", [name, "--stack", "prod", *words.get(name, [])])
    assert importlib.import_module(f"operations.{name}").main() == 1
    assert "the Pulumi CLI is not on the PATH" in capsys.readouterr().err


def test_what_ctrl_c_has_ended_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["command"])
    assert run_command(Parser(), interrupted) == 130


def test_an_error_that_nobody_knows_is_printed_as_it_is() -> None:
    assert advised("error: something else\n") == "error: something else"


def test_settings_that_are_too_long_belong_into_a_file() -> None:
    where = "problem executing program (could not run language executor): fork/exec /usr/bin/python3"
    assert "private-registry:clientsFile: clients.yaml" in advised(f"error: {where}: argument list too long\n")


def test_what_a_backend_says_is_no_problem_of_a_client() -> None:
    assert advised("error: dial tcp: connect: connection refused") == "error: dial tcp: connect: connection refused"
