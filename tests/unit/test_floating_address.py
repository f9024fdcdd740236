"""keepalived of each server: what it reads, as what it runs, and whom it asks."""

import re
from dataclasses import replace
from typing import Any

import pytest

from components.floating_address.config import keepalived_config, question
from policies.rules import RULES, Stack
from tests.unit.conftest import CONTAINER, DIGEST, HOST_KEY, LOCAL, REMOTE, Declare, Recorder
from tests.unit.storages import BUCKET
from tests.unit.test_policies import judgeable

ACCESS = {"agent": True, "hostKey": HOST_KEY}
GIVEN: dict[str, Any] = {
    "floatingAddress": "192.0.2.10",
    "storage": BUCKET,
    "images": {"registry": f"sha256:{DIGEST}", "nginx": f"sha256:{DIGEST}", "keepalived": f"sha256:{'c' * 64}"},
    "servers": [
        {"address": "192.0.2.5"},
        {"name": "b", "dockerHost": "ssh://ops@192.0.2.6", "dockerHostAccess": ACCESS},
    ],
}
FIRST, SECOND = "registry-floating-address", "registry-b-floating-address"


def keepalived(recorder: Recorder, name: str) -> Any:
    return recorder.named(CONTAINER, f"{name}-container").inputs


def test_each_server_speaks_only_with_the_others() -> None:
    text = keepalived_config("192.0.2.10", ["192.0.2.5", "192.0.2.6", "192.0.2.7"], 1, "ens3")
    assert "    unicast_src_ip 192.0.2.6\n" in text
    assert "    unicast_peer {\n        192.0.2.5 min_ttl 255\n        192.0.2.7 min_ttl 255\n    }\n" in text
    assert "    check_unicast_src\n" in text
    assert "    interface ens3\n" in text
    assert "    virtual_ipaddress {\n        192.0.2.10\n    }\n" in text
    assert "    state BACKUP\n    nopreempt\n" in text
    assert "auth" not in text


def test_the_order_of_the_list_is_that_of_the_priorities() -> None:
    servers = [f"2001:db8::{number}" for number in range(1, 4)]
    texts = [keepalived_config("2001:db8::a", servers, place, "eth0") for place in range(3)]
    assert [re.findall(r"priority (\d+)", text) for text in texts] == [["254"], ["253"], ["252"]]
    assert len({*re.findall(r"virtual_router_id (\d+)", "".join(texts))}) == 1


@pytest.mark.parametrize("address", ["0.0.0.1", "192.0.2.10", "255.255.255.254", "2001:db8::ffff"])
def test_the_number_of_the_router_is_one_that_vrrp_has(address: str) -> None:
    servers = ["2001:db8::1", "2001:db8::2"] if ":" in address else ["10.0.0.1", "10.0.0.2"]
    [number] = re.findall(r"virtual_router_id (\d+)", keepalived_config(address, servers, 0, "eth0"))
    assert 1 <= int(number) <= 255


@pytest.mark.parametrize(
    ("listens_on", "asked"),
    [
        ([], "127.0.0.1"),
        (["0.0.0.0"], "127.0.0.1"),  # noqa: S104 - a setting
        (["192.0.2.10", "192.0.2.5"], "192.0.2.5"),
        (["192.0.2.10", "::1"], "[::1]"),
    ],
)
def test_nginx_is_asked_where_no_other_server_answers(listens_on: list[str], asked: str) -> None:
    assert question("192.0.2.10", listens_on, 5000, False) == [f"https://{asked}:5000/healthz"]


def test_nginx_gets_the_header_that_it_wants() -> None:
    assert question("2001:db8::a", [], 443, True) == ["https://[::1]:443/healthz", "--haproxy-protocol"]


def test_nothing_of_it_is_there_without_the_setting(declare: Declare) -> None:
    recorder = declare(**{key: value for key, value in GIVEN.items() if key != "floatingAddress"})
    assert [one.name for one in recorder.resources if "floating" in one.name] == []


def test_each_server_has_its_keepalived(declare: Declare) -> None:
    printed = {f"{name}-interface": f"{device}\n" for name, device in ((FIRST, "eth0"), (SECOND, "ens3"))}
    recorder = declare(printed, **GIVEN)
    for type_, name, device, place in ((LOCAL, FIRST, "eth0", 0), (REMOTE, SECOND, "ens3", 1)):
        found = [one for one in recorder.resources if one.name == f"{name}-config" and one.type == type_]
        assert keepalived_config("192.0.2.10", ["192.0.2.5", "192.0.2.6"], place, device) in found[0].plain("stdin")
        assert f"address=192.0.2.{5 + place}" in recorder.named(type_, f"{name}-interface").plain("create")


def test_keepalived_gives_up_root_and_all_it_does_not_need(declare: Declare) -> None:
    recorder = declare({f"{name}-interface": "eth0\n" for name in (FIRST, SECOND)}, **GIVEN)
    for name in (FIRST, SECOND):
        container = keepalived(recorder, name)
        assert container["networkMode"] == "host"
        assert container["readOnly"] is True
        assert container["securityOpts"] == ["no-new-privileges:true"]
        assert container["capabilities"]["drops"] == ["ALL"]
        assert container["entrypoints"] == ["setpriv"]
        kept = "-all,+net_admin,+net_raw"
        for word in ("--clear-groups", *(f"--{one}={kept}" for one in ("inh-caps", "ambient-caps", "bounding-set"))):
            assert word in container["command"]
        assert re.search(r"--reuid=[1-9]", " ".join(container["command"]))
        assert "ports" not in container


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("capabilities", {"drops": ["ALL"], "adds": ["CAP_SYS_ADMIN"]}, "keeps capabilities"),
        ("entrypoints", ["sh"], "runs as root"),
        ("command", ["--reuid=0"], "runs as root"),
        ("readOnly", False, "can write"),
    ],
)
def test_the_policies_allow_keepalived_that_and_no_more(declare: Declare, key: str, value: Any, what: str) -> None:
    found = judgeable(declare({f"{name}-interface": "eth0\n" for name in (FIRST, SECOND)}, **GIVEN))
    container = found[f"{CONTAINER} {FIRST}-container"]
    assert [said for rule in RULES for said in rule.judge(container, Stack("test"))] == []
    broken = replace(container, inputs={**container.inputs, key: value})
    [said] = [said for rule in RULES for said in rule.judge(broken, Stack("test"))]
    assert what in said


def test_an_address_that_the_server_has_at_times_is_not_tried(declare: Declare) -> None:
    bound = [{**one, "bindAddress": ["192.0.2.10", one.get("address", "192.0.2.6")]} for one in GIVEN["servers"]]
    recorder = declare({f"{name}-interface": "eth0\n" for name in (FIRST, SECOND)}, **{**GIVEN, "servers": bound})
    assert "address=192.0.2.5 " in recorder.named(LOCAL, "registry-proxy-address").plain("create")
    ports = recorder.named(CONTAINER, "registry-proxy-container").inputs["ports"]
    assert [port["ip"] for port in ports] == ["192.0.2.10", "192.0.2.5"]
