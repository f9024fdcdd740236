"""nonlocal.sh beside others who make and remove networks; tests/e2e/test_restarts.py has the rest of it."""

import os
from dataclasses import replace
from pathlib import Path

from tests.scripts.conftest import Shell

SCRIPT = Path("components/proxy/nonlocal.sh")
DOCKER = """#!/bin/sh
case $2 in
ls) printf 'here\\ngone\\n' ;;
inspect) printf '192.0.2.1\\n\\n'; echo 'Error response from daemon: network gone not found' >&2; exit 1 ;;
esac
"""
"""Docker's command line where a network goes between a list and a look."""


def test_a_network_that_goes_meanwhile_is_no_failure(shell: Shell, tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    file = tmp_path / "sysctl.d/60.conf"
    beside = replace(shell, path=f"{tmp_path}{os.pathsep}{shell.path}")
    done = beside.run(SCRIPT, "allow", f"path={file}", "address=192.0.2.1")
    assert done.returncode == 0, done.stderr
    assert not file.exists(), "the gateway of a network is there from the start"
