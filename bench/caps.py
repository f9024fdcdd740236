"""Shares of the processor: containers of one group have no more than its share, all together."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.docker import PREFIX
from lab.run import LabError, run

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000


@dataclass(frozen=True)
class Group:
    """A control group with a share of the processor."""

    name: str
    """What Docker's ``--cgroup-parent`` is given."""
    cpus: float

    @property
    def used(self) -> float:
        """The seconds of the processors that it had so far."""
        if _unified():
            lines = (_ROOT / self.name / "cpu.stat").read_text().split()
            return int(lines[lines.index("usage_usec") + 1]) / 1e6
        return int((_ROOT / "cpuacct" / self.name / "cpuacct.usage").read_text()) / 1e9


@contextmanager
def groups(count: int, cpus: float) -> Iterator[list[Group]]:
    """Make groups that have so much of the processor each, and remove them once their containers are gone.

    Raises:
        LabError: Docker leaves its groups to systemd, which would undo what is written here.
    """
    if (driver := run(["docker", "info", "--format", "{{.CgroupDriver}}"]).strip()) != "cgroupfs":
        raise LabError(f"Docker's control groups are those of {driver}: SERVERS needs the driver cgroupfs")
    made = [Group(f"{PREFIX}-server-{number}", cpus) for number in range(count)]
    folders = [folder / group.name for group in made for folder in _controllers()]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    for group in made:
        _cap(group)
    try:
        yield made
    finally:
        for folder in folders:
            _remove(folder)


def idle() -> float:
    """Return for how many seconds processors of this machine had nothing to do so far."""
    return float(Path("/proc/uptime").read_text().split()[1])


def _unified() -> bool:
    return (_ROOT / "cgroup.controllers").exists()


def _controllers() -> list[Path]:
    # What counts the time and what caps it are one folder on most machines.
    return [_ROOT] if _unified() else sorted({(_ROOT / name).resolve() for name in ("cpu", "cpuacct")})


def _cap(group: Group) -> None:
    quota = int(group.cpus * _PERIOD_US)
    if _unified():
        (_ROOT / group.name / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
        return
    folder = _ROOT / "cpu" / group.name
    (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
    (folder / "cpu.cfs_quota_us").write_text(str(quota))


def _remove(folder: Path) -> None:
    """Remove a group. Docker removes those of its containers a moment after the containers."""
    for _ in range(50):
        try:
            folder.rmdir()
        except OSError:
            time.sleep(0.1)
        else:
            return
