"""The program as a whole, and its refusal of a bad configuration before anything is declared."""

import json
import runpy
from typing import Any

import pulumi
import pytest

from lab.places import PROJECT
from tests.unit.conftest import BASE, Monitor, Recorder, program_loop


def run(config: dict[str, Any], recorder: Recorder) -> None:
    texts = {
        f"private-registry:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }

    @pulumi.runtime.test
    def program() -> None:
        runpy.run_path(str(PROJECT / "__main__.py"))

    with program_loop():
        pulumi.runtime.set_mocks(recorder, project="private-registry", stack="test", monitor=Monitor(recorder))
        pulumi.runtime.set_all_config(texts)
        program()


def test_the_program_declares_a_registry() -> None:
    recorder = Recorder()
    run(dict(BASE), recorder)
    assert "private-registry:index:PrivateRegistry" in {resource.type for resource in recorder.resources}


def test_a_bad_configuration_declares_nothing() -> None:
    recorder = Recorder()
    with pytest.raises(pulumi.RunError, match="httpsPort"):
        run({**BASE, "httpsPort": 0}, recorder)
    assert recorder.resources == []
