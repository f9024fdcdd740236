"""The provider as the engine starts it: it tells its port, and ends with the engine, also where that is killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from lab.places import PROJECT

PLUGIN = PROJECT / "components/provider/plugin/pulumi-resource-private-registry"
ENGINE = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"


def is_running(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]
    except FileNotFoundError:
        return False


def test_it_ends_with_an_engine_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", ENGINE, PLUGIN], stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout
        assert int(engine.stdout.readline()) > 0, "the port on which it answers"
        [provider] = map(int, Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text().split())
        engine.kill()
    end = time.monotonic() + 20
    while is_running(provider) and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_running(provider)


def test_it_ends_at_once_when_the_engine_has_nothing_more_to_ask() -> None:
    # The engine waits for its end, up to five seconds in each preview and update.
    with subprocess.Popen([PLUGIN], stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout
        assert int(provider.stdout.readline()) > 0
        provider.send_signal(signal.SIGINT)
        assert provider.wait(4) == 0
