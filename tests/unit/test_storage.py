"""Where the registry keeps the images: what is refused, where each part goes, and what a preview says of a change."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pulumi_docker as docker
import pytest
import yaml

from components import PrivateRegistry
from components import storage as storages
from components.proxy.config import CACHE
from components.registry.config import DATA
from components.scripts.script import read_payload
from components.settings import Settings
from components.settings.storage import S3, Storage, Volume
from components.storage import STORAGES, Attached, StorageArgs
from review.impacts import impacts
from tests.unit.authority import issue
from tests.unit.conftest import BASE, LOCAL, NETWORK, VOLUME, Declare, Recorder, Resource, declared, mocked
from tests.unit.events import below, event, preview
from tests.unit.storages import BUCKET, KEY, SECRET
from tests.unit.test_inputs import later
from tests.unit.test_private_registry import proxy, registry
from tests.unit.test_settings import message, read

AUTHORITY = issue("a storage's authority", authority=True)
COMPONENT, REGISTRY_TYPE = "private-registry:index:S3Storage", "private-registry:index:Registry"
TYPES = ", ".join(repr(kind.model_fields["type"].default) for kind in STORAGES)
"""Of all storages."""


def bucket(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**BUCKET, **changes}.items() if value is not None}


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "another type": ({"storage": {"type": "ftp"}}, "storage", f"type must be one of {TYPES}"),
    "no bucket": ({"storage": bucket(bucket=None)}, "storage.bucket", "is missing"),
    "an address for a bucket": ({"storage": bucket(bucket="s3://images")}, "storage.bucket", "a bucket's name"),
    "no region": ({"storage": bucket(region=None)}, "storage.region", "is missing"),
    "an endpoint with a path": ({"storage": bucket(endpoint="https://a.test/b")}, "storage.endpoint", "without a path"),
    "an endpoint with a key": ({"storage": bucket(endpoint="https://a:b@c.test")}, "storage.endpoint", "https://HOST"),
    "an endpoint that is none": ({"storage": bucket(endpoint="s3.example.com")}, "storage.endpoint", "https://HOST"),
    "a prefix that is absolute": ({"storage": bucket(prefix="/team")}, "storage.prefix", "pattern"),
    "no key": ({"storage": bucket(accessKeyId=None)}, "storage", "needs either accessKeyId or accessKeyIdFile"),
    "no secret": (
        {"storage": bucket(secretAccessKey=None)},
        "storage",
        "either secretAccessKey or secretAccessKeyFile",
    ),
    "an empty key": ({"storage": bucket(accessKeyId="")}, "storage.accessKeyId", "must not be empty"),
    "an authority of Amazon's": (
        {"storage": bucket(endpoint=None, authority=AUTHORITY.pem)},
        "storage",
        "authority cannot be used without endpoint",
    ),
    "a key of another type": (
        {"storage": {"type": "volume", "bucket": "our-images"}},
        "storage.bucket",
        "cannot be used with type: volume, only with s3",
    ),
    "no room for a layer": ({"storage": bucket(cacheSize=0)}, "storage.cacheSize", "greater than or equal to 1"),
    "deleting a bucket": (
        {"storage": bucket(), "deleteData": True},
        "",
        "deleteData cannot be used with storage.type: s3",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_refused_by_name(name: str) -> None:
    changes, key, reason = BAD[name]
    said = message(**changes)
    assert f"private-registry{f':{key}' if key else ''}\n" in said.replace(" = ", "\n")
    assert reason in said
    assert KEY not in said
    assert SECRET not in said


def test_a_volume_is_what_there_is_without_a_word() -> None:
    assert read(dict(BASE)).storage == read({**BASE, "storage": {}}).storage == Volume()


def test_a_key_may_come_from_a_file(tmp_path: Any) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "secret").chmod(0o600)
    given = bucket(secretAccessKey=None, secretAccessKeyFile="secret")
    storage = read({**BASE, "storage": given}, tmp_path).storage
    assert isinstance(storage, S3)
    assert storage.secret_key.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (None, {}),
        ("https://s3.test", {"regionendpoint": "https://s3.test", "forcepathstyle": True, "secure": True}),
        (
            "http://[fd00::1]:9000/",
            {"regionendpoint": "http://[fd00::1]:9000", "forcepathstyle": True, "secure": False},
        ),
    ],
)
def test_the_registry_is_told_of_the_bucket(declare: Declare, endpoint: str | None, expected: dict[str, Any]) -> None:
    config = yaml.safe_load(files(declare(storage=bucket(endpoint=endpoint)))["config.yml"])
    assert config["storage"]["s3"] == {
        "accesskey": KEY,
        "secretkey": SECRET,
        "region": "eu-central-1",
        "bucket": "our-images",
        "rootdirectory": "/team/registry",
        **expected,
    }
    assert config["storage"]["redirect"] == {"disable": True}, "no client is sent to the bucket"
    assert config["storage"]["delete"] == {"enabled": True}
    assert "filesystem" not in config["storage"]


def bundle(recorder: Recorder) -> Resource:
    return recorder.named(LOCAL, "registry-registry-config")


def files(recorder: Recorder) -> dict[str, str]:
    return read_payload(bundle(recorder).plain("stdin"))


def test_a_bucket_says_which_one_it_is(declare: Declare) -> None:
    [said] = declare(storage=bucket()).of(COMPONENT)
    shown = {key: said.inputs[key] for key in ("type", "bucket", "region", "endpoint", "prefix")}
    assert shown == {key: BUCKET[key] for key in shown}
    [other] = declare(storage=bucket(secretAccessKey="another")).of(COMPONENT)
    assert said.inputs["keys"] != other.inputs["keys"], "a preview can name other keys"


def test_the_registry_gets_out_and_nobody_else(declare: Declare) -> None:
    recorder = declare(storage=bucket())
    internal = {one.inputs["name"]: one.inputs.get("internal") for one in recorder.of(NETWORK)}
    assert internal["private-registry-test-storage"] is None
    assert internal["private-registry-test-backend"] is True
    on_it = [
        one.name
        for one in recorder.resources
        for network in one.inputs.get("networksAdvanced") or ()
        if network["name"] == "private-registry-test-storage"
    ]
    assert on_it == ["private-registry-test-registry"]
    assert [mount["target"] for mount in mounts(recorder) if mount["type"] == "volume"] == [CACHE]


def mounts(recorder: Recorder) -> Iterator[dict[str, Any]]:
    for one in recorder.resources:
        yield from one.inputs.get("mounts") or ()


def test_nginx_asks_the_registry_for_layers_of_a_bucket(declare: Declare) -> None:
    for on_disk, recorder in {True: declare(), False: declare(storage=bucket())}.items():
        assert ("location = /blob" in nginx_conf(recorder)) is on_disk
        assert ("$blob_link" in nginx_conf(recorder)) is on_disk


def nginx_conf(recorder: Recorder) -> str:
    return read_payload(recorder.named(LOCAL, "registry-proxy-site").plain("stdin"))["nginx.conf"]


def key_of(recorder: Recorder) -> str:
    """Return what the names of cached layers start with."""
    [line] = (line for line in nginx_conf(recorder).splitlines() if "proxy_cache_key" in line and "$slice" in line)
    return line.split('"')[1].split()[0]


def test_nginx_keeps_layers_of_a_bucket_in_a_volume_of_its_own(declare: Declare) -> None:
    recorder = declare(storage=bucket(cacheSize=7))
    [volume] = recorder.of(VOLUME)
    [said] = recorder.of("private-registry:index:LayerCache")
    assert said.inputs["gib"] == 7
    assert "max_size=7g" in nginx_conf(recorder)
    assert volume.inputs["name"] == "private-registry-test-cache"
    assert not recorder.options[VOLUME, volume.name].protect, "it goes with the stack"
    with_it = [
        (one.name, mount["source"])
        for one in recorder.resources
        for mount in one.inputs.get("mounts") or ()
        if mount["target"] == CACHE
    ]
    assert with_it == [("registry-proxy-container", volume.inputs["name"])]


def test_no_volume_has_a_cache_beside_it(declare: Declare) -> None:
    for recorder in (declare(), declare(storage=bucket(keepVolume=True))):
        assert "proxy_cache" not in nginx_conf(recorder)
        assert not any(mount["target"] == CACHE for mount in mounts(recorder))


@pytest.mark.parametrize("key", ["bucket", "region", "endpoint", "prefix"])
def test_what_a_bucket_has_answered_is_no_answer_of_another(declare: Declare, key: str) -> None:
    other = {"endpoint": "https://other.example.com"}.get(key, "another")
    before, after = declare(storage=bucket()), declare(storage=bucket(**{key: other}))
    assert key_of(before) != key_of(after)
    assert key_of(before) == key_of(declare(storage=bucket(secretAccessKey="another", cacheSize=9)))


def test_nginx_has_the_images_as_the_storage_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def folder(settings: Volume, args: StorageArgs) -> Attached:
        mount = docker.ContainerMountArgs(type="bind", source="/mnt/images", target=DATA, read_only=True)
        return replace(STORAGES[S3](S3.model_validate(BUCKET), args), data=mount, cache=None)

    table: dict[type[Storage], Callable[..., Attached]] = {Volume: folder}
    monkeypatch.setattr(storages, "STORAGES", table)
    [mount] = [mount for mount in proxy(declared()).inputs["mounts"] if mount["target"] == DATA]
    assert mount == {"type": "bind", "source": "/mnt/images", "target": DATA, "readOnly": True}


def test_a_volume_stays_where_it_is_while_images_move(declare: Declare) -> None:
    recorder, before = declare(storage=bucket(keepVolume=True)), declare()
    assert recorder.of(VOLUME) == before.of(VOLUME)
    assert {(one.name, *recorder.options[VOLUME, one.name].above) for one in recorder.of(VOLUME)} == {
        ("registry-registry-data", "private-registry:index:Registry", "registry-registry")
    }
    [now, then] = [
        one.named("docker:index/container:Container", "registry-proxy-container") for one in (recorder, before)
    ]
    assert now == then, "nginx need not start again"
    assert not any(mount["type"] == "volume" for mount in registry(recorder).inputs["mounts"])


def test_the_authority_of_an_endpoint_lies_beside_the_configuration(declare: Declare) -> None:
    assert "ca.crt" not in files(declare(storage=bucket()))
    recorder = declare(storage=bucket(authority=AUTHORITY.pem))
    assert files(recorder)["ca.crt"] == AUTHORITY.pem
    assert "SSL_CERT_DIR=/etc/private-registry/current" in registry(recorder).inputs["envs"]


def test_what_another_resource_gives_makes_the_same_storage(declare: Declare) -> None:
    names = ("bucket", "region", "endpoint", "accessKeyId", "secretAccessKey")

    def program() -> None:
        given = {key: later(str(BUCKET[key])) for key in names}
        PrivateRegistry("registry", Settings.model_validate({**BASE, "storage": bucket(**given)}))

    plain, from_others = declare(storage=bucket()), mocked(program)
    assert files(plain) == files(from_others)
    assert [one.inputs for one in plain.of(COMPONENT)] == [one.inputs for one in from_others.of(COMPONENT)]


def said(place: str | None, kept: bool = True) -> dict[str, Any]:
    """Return what a registry says of a storage outside of the stack, or inside of it."""
    return {} if place is None else {"storage": {"type": "any", "place": place, "canBeDeleted": not kept}}


def told(op: str, old: Any = None, new: Any = None, *others: dict[str, Any]) -> list[tuple[str, str, bool]]:
    found = impacts(preview(event(op, REGISTRY_TYPE, "registry-registry", old, new), *others))
    return [(row.change, row.effect, row.disruptive) for row in found]


def data(op: str) -> dict[str, Any]:
    old, new = (None if op == missing else {"name": "data"} for missing in ("create", "delete"))
    return event(op, VOLUME, "any", old, new, parent=below("Registry"), retainOnDelete=True)


def test_a_bucket_has_the_place_in_which_its_objects_lie() -> None:
    assert S3.model_validate(BUCKET).place == (
        "bucket our-images/team/registry in eu-central-1 at https://s3.example.com:9000"
    )
    for key in ("bucket", "region", "endpoint", "prefix"):
        other = {"endpoint": "https://other.example.com"}.get(key, "another")
        assert S3.model_validate(bucket(**{key: other})).place != S3.model_validate(BUCKET).place
    assert S3.model_validate(bucket(endpoint=None, prefix=None)).place == "bucket our-images in eu-central-1"


def test_a_place_that_another_resource_gives_is_said_too() -> None:
    def program() -> None:
        given = bucket(bucket=later("our-images"))
        PrivateRegistry("registry", Settings.model_validate({**BASE, "storage": given}))

    [said] = mocked(program).of(REGISTRY_TYPE)
    assert said.inputs["storage"] == {"type": "s3", "place": S3.model_validate(BUCKET).place, "canBeDeleted": False}


def test_a_review_does_not_alarm_where_no_image_is_left_behind() -> None:
    assert told("create", None, said("bucket a")) == [
        ("images: in the bucket a", "images that are there already can be pulled too", False)
    ]
    assert told("update", {**said("bucket a"), "memory": 1}, {**said("bucket a"), "memory": 2}) == []
    gone = ("images: in the bucket a", "not changed, with all pushed images", False)
    assert told("delete", said("bucket a")) == [gone]


def test_what_the_stack_holds_itself_has_the_row_of_its_resource() -> None:
    for op, old, new in (("create", None, said("volume", kept=False)), ("delete", said("volume", kept=False), None)):
        [row] = told(op, old, new, data(op))
        assert row[0].startswith("volume data")


def test_a_registry_that_says_nothing_yet_has_its_images_in_the_volume() -> None:
    to_bucket = ("images: from the volume to the bucket a", True)
    rows = told("update", said(None), said("bucket a"), data("delete"))
    assert to_bucket in [(change, disruptive) for change, _, disruptive in rows]
    assert told("update", said(None), said("volume", kept=False), data("same")) == []


def test_a_place_that_is_not_known_yet_may_be_another_one() -> None:
    unknown = {"storage": {**said("a")["storage"], "place": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}
    [row] = told("update", said("bucket a"), unknown)
    assert (row[0], row[2]) == ("images: from the bucket a to the any (not known yet)", True)


def test_a_review_tells_of_other_keys_for_the_same_place() -> None:
    def told(place: str) -> list[tuple[str, str]]:
        old, new = said("bucket a"), said(place)
        other_keys = event("update", COMPONENT, "any", {"keys": "1"}, {"keys": "2"}, parent=below("Registry"))
        both = preview(event("update", REGISTRY_TYPE, "registry-registry", old, new), other_keys)
        return [(row.change, row.effect) for row in impacts(both)]

    assert told("bucket a") == [("images: new access keys for the bucket a", "tested before the registry uses them")]
    assert [change for change, _ in told("bucket b")] == ["images: from the bucket a to the bucket b"]


def test_a_review_tells_how_much_of_the_disk_layers_take() -> None:
    def told(op: str, old: Any = None, new: Any = None) -> list[tuple[str, str, bool]]:
        step = event(op, "private-registry:index:LayerCache", "any", old, new, parent=below("Registry"))
        return [(row.change, row.effect, row.disruptive) for row in impacts(preview(step))]

    layers = "layers that nginx keeps on the server's disk"
    assert told("create", None, {"gib": 10}) == [
        (f"{layers}: at most 10 GiB", "the first pull of a layer is read from the bucket", False)
    ]
    assert told("update", {"gib": 10}, {"gib": 20}) == [
        (f"{layers}: at most 10 GiB → at most 20 GiB", "the least recently pulled are removed first", False)
    ]
    assert told("delete", {"gib": 10}) == [(f"{layers}: deleted", "only copies: no image is lost", False)]


@pytest.mark.parametrize("op", ["create", "delete"])
def test_a_review_takes_no_cache_for_the_images(op: str) -> None:
    step = event(op, VOLUME, "any", {"name": "cache"}, {"name": "cache"}, parent=below("Registry", "LayerCache"))
    assert list(impacts(preview(step))) == []
