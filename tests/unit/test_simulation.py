"""The simulation of deploys equals arithmetic where that is simple, and its page shows what it prints."""

import re
from dataclasses import replace

import pytest

from bench import simulation
from bench.simulation import Deploy, by_peers, last_host, of_link
from lab.places import PROJECT

MEASURED = {
    "ours, bucket warm": simulation.WARM_MB,
    "ours, bucket cold": simulation.COLD_MB,
    "registry, bucket": simulation.BUCKET_MB,
}
FREE = Deploy(
    hosts=1, layers=[60], servers=1, server_mb=1000, host_mb=100, fetch_mb=1e12, source_mb=1e12, requests=1e12
)
"""One host, a server that answers each request and has each layer at no cost."""


def test_one_host_waits_for_its_own_network() -> None:
    assert last_host(FREE) == pytest.approx(60 / 100)
    assert last_host(replace(FREE, layers=[60] * 5)) == pytest.approx(300 / 100)


@pytest.mark.parametrize("hosts", [100, 120, 1000, 100_000])
def test_many_hosts_wait_for_all_that_the_server_sends(hosts: int) -> None:
    assert last_host(replace(FREE, hosts=hosts)) == pytest.approx(hosts * 60 / 1000)
    assert last_host(replace(FREE, hosts=hosts, layers=[60] * 5)) == pytest.approx(hosts * 300 / 1000)


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_servers_share_the_hosts(servers: int) -> None:
    assert last_host(replace(FREE, hosts=600, servers=servers)) == pytest.approx(600 * 60 / 1000 / servers)


def test_each_server_gets_a_layer_once_before_it_sends_it() -> None:
    cold = replace(FREE, hosts=600, fetch_mb=20, source_mb=40)
    assert last_host(cold) == pytest.approx(60 / 20 + 600 * 60 / 1000)
    # Three of them share what the bucket gives.
    assert last_host(replace(cold, servers=3)) == pytest.approx(60 / (40 / 3) + 200 * 60 / 1000)


def test_requests_take_the_time_of_a_server() -> None:
    asked = replace(FREE, hosts=1000, layers=[1e-6], host_mb=1e9, requests=100)
    assert last_host(asked) == pytest.approx(1000 * 4 / 100)


def test_hosts_that_lack_nothing_do_not_wait() -> None:
    assert last_host(replace(FREE, layers=[])) == 0


def test_hosts_that_share_double_each_time() -> None:
    assert [by_peers(hosts, 60, 100) for hosts in (1, 3, 7, 8)] == pytest.approx([0.6, 1.2, 1.8, 2.4])
    assert of_link(1) == pytest.approx(117.5)


def test_what_is_assumed_was_measured() -> None:
    raw = (PROJECT / "bench/README.md").read_text()
    medians = {name: re.search(rf"^pull MB/s +{name} +([0-9.]+) ", raw, re.MULTILINE) for name in MEASURED}
    assert {name: float(found[1]) for name, found in medians.items() if found} == MEASURED
    assert re.search(rf"^GET /v2/ per second +ours +{simulation.REQUESTS} ", raw, re.MULTILINE)


def test_the_page_shows_what_is_printed() -> None:
    page = (PROJECT / "docs/scale.md").read_text()
    assert [table for table in simulation.tables() if table not in page] == [], "run: python -m bench.simulation"
