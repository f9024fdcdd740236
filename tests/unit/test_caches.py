"""Pull-through caches: what may be configured, what is declared and rendered, and what a preview says."""

import json
from typing import Any

import pytest
import yaml

from components.caches.config import cache_config, login_text
from components.proxy.config import login_scripts, nginx_text
from components.settings import InvalidSettings, Settings
from components.settings.caches import Cache
from components.settings.load import given
from review.impacts import impacts
from tests.unit.conftest import BASE, CONTAINER, LOCAL, NETWORK, Declare, Recorder
from tests.unit.events import COMPONENT, below, event, preview, urn

PASSWORD = "marker-upstream-password"
CACHES = {"docker.io": {"username": "us", "password": PASSWORD, "maximumSize": 50}, "ghcr.io": {}}
HUB, GITHUB = (f"private-registry-test-cache-{name}" for name in ("docker-io", "ghcr-io"))
BEFORE = {"upstream": "docker.io", "url": "https://a.test", "username": "us", "login": "1", "maximumSize": 20}
OF_ONE = below("PullThroughCache")


@pytest.mark.parametrize(
    ("caches", "mistake"),
    [
        ({"docker": {}}, "must be a DNS name with a dot"),
        ({"docker.io:443": {}}, "must be a DNS name with a dot"),
        ({"https://docker.io": {}}, "must be a DNS name with a dot"),
        ({"Docker.io": {}}, "must be a DNS name with a dot"),
        ({"10.0.0.1": {}}, "must be a DNS name with a dot"),
        ({"docker.io/library": {}}, "must be a DNS name with a dot"),
        ({"a-b.io": {}, "a.b-io": {}}, "differ only in"),
        ({f"{number}.test": {} for number in range(9)}, "at most 8 items"),
        ({"registry.test": {}}, "registry.test is this registry"),
        ({"docker.io": {"username": "us"}}, "must be set together"),
        ({"docker.io": {"password": "secret"}}, "must be set together"),
        ({"docker.io": {"url": "https://us:secret@hub.test"}}, "must be https://HOST[:PORT]"),
        ({"docker.io": {"url": "https://hub.test/path"}}, "must be https://HOST[:PORT]"),
        ({"docker.io": {"username": "us", "password": "secret\n"}}, "must not have control characters"),
        ({"docker.io": {"maximumSize": 0}}, "greater than or equal to 1"),
        ({"docker.io": {"size": 1}}, "is not known here; did you mean"),
    ],
)
def test_a_mistake_is_told_without_the_password(caches: dict[str, Any], mistake: str) -> None:
    with pytest.raises(InvalidSettings) as told:
        given({**BASE, "caches": caches}, "registry")
    assert mistake.partition(";")[0] in str(told.value)
    assert "secret" not in str(told.value)


def test_an_upstream_is_where_its_name_says_but_for_docker_hub() -> None:
    caches = Settings.model_validate({**BASE, "caches": {**CACHES, "a.test": {"url": "http://b.test:5000"}}}).caches
    assert {name: cache.url_of(name) for name, cache in caches.items()} == {
        "docker.io": "https://registry-1.docker.io",
        "ghcr.io": "https://ghcr.io",
        "a.test": "http://b.test:5000",
    }


def test_a_cache_keeps_what_it_has_and_starts_without_its_upstream() -> None:
    config = yaml.safe_load(cache_config("https://ghcr.io", 60))
    assert config["proxy"] == {
        "remoteurl": "https://ghcr.io",
        "ttl": "0s",
        "cachewritetimeout": "1h",
        "exec": {"command": "sh"},
    }
    assert "delete" not in config["storage"]


def test_a_login_is_as_a_credential_helper_prints_it() -> None:
    odd = {"username": 'robot$"ci', "password": "a\"b'c\\d$e"}
    assert json.loads(login_text(Cache.model_validate(odd))) == {
        "ServerURL": "",
        "Username": odd["username"],
        "Secret": odd["password"],
    }
    assert json.loads(login_text(Cache())) == {"ServerURL": "", "Username": "", "Secret": ""}


def test_without_caches_nothing_is_declared_or_rendered_for_them(declare: Declare) -> None:
    assert "cache_host" not in nginx_text("registry.test", "registry.test", "registry", 5000)
    assert "caches" not in login_scripts("registry.test", "login")["values.js"]
    assert [one.name for one in declare().resources if "cache" in one.name] == []


def networks(recorder: Recorder, container: str) -> set[str]:
    [found] = [one for one in recorder.of(CONTAINER) if container in (one.name, one.inputs.get("name"))]
    return {network["name"] for network in found.inputs["networksAdvanced"]}


def test_a_cache_reaches_its_upstream_and_nginx_alone(declare: Declare) -> None:
    recorder = declare(caches=CACHES)
    out = "private-registry-test-upstreams"
    assert networks(recorder, HUB) == {HUB, out}
    assert networks(recorder, GITHUB) == {GITHUB, out}
    assert {HUB, GITHUB} < networks(recorder, "private-registry-test-proxy")
    assert networks(recorder, "private-registry-test-registry") == {"private-registry-test-backend"}
    internal = {one.inputs["name"]: one.inputs.get("internal") for one in recorder.of(NETWORK)}
    assert (internal[HUB], internal[GITHUB], internal[out]) == (True, True, None)
    [way_out] = [one for one in recorder.of(NETWORK) if one.inputs["name"] == out]
    assert way_out.inputs["options"] == {"com.docker.network.bridge.enable_icc": "false"}


def test_the_password_is_in_one_secret_input_alone(declare: Declare) -> None:
    found = {
        (one.name, key)
        for one in declare(caches=CACHES).resources
        for key, value in one.inputs.items()
        if PASSWORD in json.dumps(value)
    }
    assert found == {("registry-caches-docker-io-config", "stdin")}
    assert declare(caches=CACHES).named(LOCAL, "registry-caches-docker-io-config").is_secret("stdin")


@pytest.mark.parametrize("op", ["create", "delete"])
def test_a_review_has_a_row_for_all_that_is_declared(declare: Declare, op: str) -> None:
    recorder = declare(caches=CACHES)
    steps = []
    for one in recorder.resources:
        options = recorder.options[one.type, one.name]
        old, new = (one.inputs if op == side else None for side in ("delete", "create"))
        steps.append(event(op, one.type, one.name, old, new, parent=options.parent_urn))
    found = impacts(preview(*steps))
    assert [row.change for row in found if row.change.startswith("resource ")] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"url": "https://b.test"},
            ("address of the upstream https://a.test → https://b.test", "it keeps what it has"),
        ),
        ({"username": "them", "login": "2"}, ("user at the upstream us → them", "it keeps what it has")),
        ({"maximumSize": 30}, ("maximum size 20 → 30", "it keeps what it has")),
        ({"login": "2"}, ("another password", "used from its start on")),
        ({"memory": 300}, None),
    ],
)
def test_a_review_says_what_changes_of_a_cache(change: dict[str, Any], said: tuple[str, str] | None) -> None:
    step = event("update", f"{COMPONENT}PullThroughCache", "one", BEFORE, {**BEFORE, **change})
    rows = [(row.change, row.effect) for row in impacts(preview(step))]
    assert rows == ([(f"cache of docker.io: {said[0]}", said[1])] if said else [])


def test_a_cache_that_goes_is_told_first(declare: Declare) -> None:
    component = event("delete", f"{COMPONENT}PullThroughCache", OF_ONE.rpartition("::")[2], BEFORE)
    goes = event("delete", CONTAINER, "container", {"name": HUB}, parent=OF_ONE)
    [first, *_] = impacts(preview(component, goes))
    assert (first.change, first.disruptive) == ("cache of docker.io: container", True)


def test_a_review_says_whose_configuration_changes() -> None:
    kind, files = f"{COMPONENT}ReleasedFiles", {digest: {"login.json": {"digest": digest}} for digest in "12"}
    component = event("same", f"{COMPONENT}PullThroughCache", OF_ONE.rpartition("::")[2], BEFORE, BEFORE)
    old, new = ({"bundle": "cache", "files": files[digest]} for digest in "12")
    bundle = event("update", kind, "files", old, new, parent=OF_ONE)
    command = event("update", LOCAL, "command", {}, {}, parent=urn(kind, "files", OF_ONE))
    [row] = impacts(preview(component, bundle, command))
    assert row.change == "the configuration of the cache of docker.io: login.json"
