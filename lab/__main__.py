"""The lab's commands."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable

from lab import client_programs, docker, engine, hosts, images, servers, stack, summary
from lab.debian import install
from lab.places import STATE
from lab.run import LabError, run, say, step
from operations import doctor as reading
from operations import forget as forgetting
from operations import preview as previewing
from operations import prove as proving
from operations.command_line import OperationError
from operations.drift import Report, examine


def prepare() -> dict[str, str]:
    """Make everything ready that the stack and the tests need; return the images."""
    say("What the lab uses")
    engine.ensure()
    docker.ensure()
    return images.ensure()


def prepare_tests() -> int:
    """Make everything ready that the tests need."""
    prepare()
    for programs in (*servers.ALL, *client_programs.ALL):
        programs.ensure()
    images.lego()
    for generation in images.GENERATIONS:
        images.clients(generation)
    for shell, package in (("dash", "dash"), ("busybox", "busybox-static")):
        install(shell, package)
    return 0


def up() -> int:
    """Bring the dev stack up and say how to use it."""
    started = time.monotonic()
    _refuse_another_clones()
    found = prepare()
    _refuse_another_clones()
    hosts.ensure(hosts.DEV, found["client"], STATE)
    again = stack.exists()
    stack.ensure()
    options = _repair() if again else []
    with step("stack dev", live=False) as chosen:
        status = stack.show("up", "--yes", "--skip-preview", "--continue-on-error", "--suppress-outputs", *options)
        chosen.append("applied" if status == 0 else "failed")
    if status == 0:
        say(summary.text())
        say(f"\nTotal time: {time.monotonic() - started:.0f} s.")
    return status


def _refuse_another_clones() -> None:
    """Stop before anything of another clone's lab is touched; where no Docker runs yet, ask again when it does."""
    if docker.answers():
        hosts.refuse_another_clones(hosts.DEV, STATE)


def _repair() -> list[str]:
    """Repair what somebody changed by hand, which an update does not see; return the options that it needs now."""
    with step("drift") as chosen:
        report = examine(stack.command_line(), repair=True)
        chosen.append(f"{len(report.repaired)} repaired, {len(report.found)} left")
    if report.repaired or report.found:
        say(_told(report))
    return ["--refresh"] if report.needs_refresh else []


def preview() -> int:
    """Show what an update would change, and what follows from it: FORMAT=markdown as Markdown."""
    line = stack.command_line()
    stack.ensure()
    return previewing.preview(line, as_markdown=os.environ.get("FORMAT") == "markdown", in_full=True)


def drift() -> int:
    """Show what somebody changed by hand on the hosts of the dev stack; REPAIR=1: repair it."""
    report = examine(stack.command_line(), repair=bool(os.environ.get("REPAIR")))
    say(_told(report))
    return 2 if report.found else 0


def _told(report: Report) -> str:
    return report.text("make up", "make up")


def doctor() -> int:
    """Show what is in the way of pulls on the hosts of the dev stack, or on HOSTS; JSON=1: as JSON."""
    line = stack.command_line()
    stack.ensure()
    report = reading.examine(line, os.environ.get("HOSTS", "").split())
    if os.environ.get("JSON"):
        say(report.json())
    else:
        report.show()
    return report.status


def prove() -> int:
    """Let the clients of the dev stack prove that they trust it, or HOSTS; JSON=1: as JSON."""
    line = stack.command_line()
    stack.ensure()
    return proving.report(line, os.environ.get("HOSTS", "").split(), as_json=bool(os.environ.get("JSON")))


def forget() -> int:
    """Remove the host CLIENT or SERVER, which no longer exists, from the state of the dev stack."""
    client, server = os.environ.get("CLIENT"), os.environ.get("SERVER")
    if server:
        say(forgetting.forget_server(server, stack.command_line()))
        return 0
    if not client:
        raise LabError("the client is missing: 'make forget CLIENT=10.0.0.7' (for another stack than dev: STACK=prod)")
    say(forgetting.forget(client, stack.command_line()))
    return 0


def down() -> int:
    """Remove all that the lab made, but the images pushed unless PURGE=1."""
    purge = os.environ.get("PURGE") == "1"
    _refuse_another_clones()
    status = 0
    if stack.exists():
        stack.ensure()
        status = stack.show("destroy", "--yes", "--skip-preview", "--continue-on-error")
    if status != 0:
        return status
    if not hosts.remove(hosts.DEV):
        say(f"The network {hosts.DEV.name} is still in use. To see by what: 'docker network inspect {hosts.DEV.name}'.")
    if purge:
        run(["docker", "volume", "rm", "--force", "private-registry-dev-data"])
    shutil.rmtree(STATE, ignore_errors=True)
    if docker.stop():
        say("Stopped the Docker Engine that the lab had started.")
    say(
        "Removed everything."
        if purge
        else "Removed everything except the pushed images. To remove these too: 'make down PURGE=1'."
    )
    return 0


def main() -> int:
    """Run one command and return its exit status."""
    commands: dict[str, Callable[[], int]] = {
        "up": up,
        "preview": preview,
        "drift": drift,
        "doctor": doctor,
        "prove": prove,
        "forget": forget,
        "down": down,
        "prepare-tests": prepare_tests,
    }
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("command", choices=commands)
    try:
        return commands[parser.parse_args().command]()
    except (LabError, OperationError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
