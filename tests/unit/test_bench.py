"""What the bench compares is the same, and what it prints says so."""

from pathlib import Path

import pytest

from bench import caps, clients, docker, hosts, playbook, pyinfra, servers
from bench.report import Aim, report
from bench.stack import DOMAIN
from components.clients.docker import Docker
from components.clients.runtime import ANY
from lab import cache
from lab.run import LabError


def test_ansible_places_what_the_program_places() -> None:
    assert ANY.reference == DOMAIN
    placed = {task["copy"]["src"]: task["copy"]["dest"] for task in playbook.PLACE if "copy" in task}
    assert placed == Docker().placement(ANY).paths
    [entry] = [task["lineinfile"]["line"] for task in playbook.PLACE if "lineinfile" in task]
    assert entry.split() == [hosts.GATEWAY, DOMAIN]


def test_pyinfra_places_what_ansible_places() -> None:
    for task in playbook.PLACE:
        [said] = task.values()
        assert repr(said.get("line", playbook.DIRECTORY)) in pyinfra.PLACE
        assert said.get("dest", playbook.DIRECTORY) in pyinfra.PLACE


def test_what_is_aimed_at_holds_for_a_hundred_clients() -> None:
    said = {f"{aim.measure} / {aim.other or 'itself'}": aim.aim for aim in clients.aims([10, 100, 1000])}
    assert said["100 clients: first update, s / ansible"] == 0.25
    assert said["100 clients: first update, s / pyinfra"] == 2.5
    assert said["100 clients: empty preview, s / ours, no client"] == 1.25
    assert said["100 clients: 8 hosts silent, s more / itself"] == 25
    assert said["1000 clients: first update, s / ours"] == 12
    assert said["10 clients: first update, s / ansible"] is None


def test_a_ratio_is_printed_where_both_were_measured(capsys: pytest.CaptureFixture[str]) -> None:
    aims = [Aim("more s", "ours", aim=25, at_most=True), Aim("less s", "ours", "more s", "ours")]
    report({("more s", "ours"): [2.5]}, aims)
    assert capsys.readouterr().out.splitlines()[-1].split() == ["more", "s,", "ours", "2.50", "at", "most", "25"]


def test_figures_are_printed_with_their_median_and_ratios_of_medians(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {("time s", "ours"): [1.0, 9.0, 2.0], ("time s", "theirs"): [4.0]}
    report(figures, [Aim("time s", "ours", "time s", "theirs", 1, at_most=True)])
    median, ratio = (line for line in capsys.readouterr().out.splitlines() if " ours" in line)
    assert median.split() == ["time", "s", "ours", "2.0", "1.0", "9.0", "2.0"]
    assert ratio.split()[-4:] == ["0.50", "at", "most", "1"]


@pytest.mark.parametrize("count", [0, hosts.MOST + 1])
def test_more_hosts_than_have_addresses_are_refused(count: int, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="1 to 1001"), hosts.started(count, 0, tmp_path / "key"):
        pass


def test_two_do_not_measure_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    with docker.alone(), pytest.raises(LabError, match="another 'make bench' runs"), docker.alone():
        pass
    with docker.alone():
        pass


def test_what_is_aimed_at_holds_for_several_servers() -> None:
    aims = {(aim.measure, aim.name): aim.aim for aim in servers.AIMS}
    for measure in ("warm pull MB/s", "cold pull MB/s", "push MB/s"):
        assert [aims[measure, name] for name in ("2 servers", "3 servers")] == [1.8, 2.6]
        assert {aims[f"{measure}: % of the caps", name] for name in ("1 server", "2 servers", "3 servers")} == {90}


@pytest.mark.parametrize("unified", [True, False], ids=["v2", "v1"])
def test_a_group_is_capped_and_says_what_it_used(
    unified: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caps, "_ROOT", tmp_path)
    monkeypatch.setattr(caps, "run", lambda _: "cgroupfs\n")
    if unified:
        (tmp_path / "cgroup.controllers").touch()
    for name in ("cpu", "cpuacct"):
        (tmp_path / name).mkdir()
    with caps.groups(1, 0.25) as [group]:
        folder = tmp_path / ("" if unified else "cpu") / group.name
        used = tmp_path / ("" if unified else "cpuacct") / group.name
        (used / ("cpu.stat" if unified else "cpuacct.usage")).write_text(
            "usage_usec 1500000\nuser_usec 1\n" if unified else "1500000000\n"
        )
        assert group.used == 1.5
        if unified:
            assert (folder / "cpu.max").read_text() == "25000 100000"
        else:
            assert (folder / "cpu.cfs_quota_us").read_text() == "25000"
        # The kernel's files do not keep a folder from being removed; these do.
        for file in (*folder.iterdir(), *used.iterdir()):
            file.unlink(missing_ok=True)
    assert not folder.exists()


def test_groups_that_systemd_owns_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caps, "run", lambda _: "systemd\n")
    with pytest.raises(LabError, match="cgroupfs"), caps.groups(1, 0.25):
        pass
