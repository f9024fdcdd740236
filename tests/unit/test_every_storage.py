"""What holds for each storage that the table has: the seam tells by these tests what a new one lacks."""

import json
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import permutations
from typing import Any

import pytest
from pydantic import SecretStr

from components.containers.orphans import OWNER
from components.proxy.config import CACHE
from components.registry.config import DATA
from components.scripts.packed import unpacked
from components.scripts.script import read_payload
from components.settings import Settings
from components.settings.load import kinds_of
from components.settings.storage import Storage
from components.storage import STORAGES
from lab.places import PROJECT
from policies.rules import Stack
from review.impact import Impact
from review.impacts import impacts
from tests.unit.conftest import BASE, LOCAL, VOLUME, Declare, Recorder
from tests.unit.events import Event, event, preview
from tests.unit.storages import EXAMPLES
from tests.unit.test_policies import judgeable, judged
from tests.unit.test_private_registry import proxy, registry

REGISTRY = "private-registry:index:Registry"
Kind = type[Storage]


def named(kind: Kind) -> str:
    return str(kind.model_fields["type"].default)


each_storage = pytest.mark.parametrize("kind", STORAGES, ids=named)


def with_storage(declare: Declare, kind: Kind, **changes: Any) -> Recorder:
    return declare(storage=EXAMPLES[kind], **changes)


def steps(recorder: Recorder, op: str) -> Iterator[Event]:
    """Yield the events of an update that makes, or takes away, all that was declared."""
    for one in recorder.resources:
        options = recorder.options[one.type, one.name]
        old, new = (one.inputs if op == side else None for side in ("delete", "create"))
        yield event(op, one.type, one.name, old, new, parent=options.parent_urn, retainOnDelete=options.retained)


def test_the_settings_list_what_the_table_has() -> None:
    listed = kinds_of(Settings.model_fields["storage"])
    assert list(listed.values()) == list(STORAGES), "AnyStorage, and STORAGES"
    assert EXAMPLES.keys() == STORAGES.keys(), "each storage has its example in tests/unit/storages.py"


@each_storage
def test_the_page_of_storages_has_it(kind: Kind) -> None:
    rows = [line for line in (PROJECT / "docs/storage.md").read_text().splitlines() if line.startswith("| ")]
    assert any(f"`type: {named(kind)}`" in row for row in rows), "docs/storage.md has a row for each storage"


@each_storage
def test_it_knows_no_other_storage(kind: Kind) -> None:
    tool = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]
    contracts = [one["modules"] for one in tool["importlinter"]["contracts"] if one["type"] == "independence"]
    for module in (kind.__module__, STORAGES[kind].__module__):
        held = [known for known in contracts if any(fnmatch(module, one) for one in known)]
        assert held, f"pyproject.toml lists {module} in no contract of independence"


@each_storage
@pytest.mark.parametrize("op", ["create", "delete"])
def test_a_review_has_a_row_for_all_that_it_declares(declare: Declare, kind: Kind, op: str) -> None:
    found = impacts(preview(*steps(with_storage(declare, kind), op)))
    unknown = [row.change for row in found if row.change.startswith("resource ")]
    assert unknown == [], "each needs a rule in review/impacts.py"


@each_storage
def test_its_secrets_stand_in_one_secret_input_alone(declare: Declare, kind: Kind) -> None:
    settings = Settings.model_validate({**BASE, "storage": EXAMPLES[kind]}).storage
    secrets = {value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)}
    recorder = with_storage(declare, kind)
    with_one = {
        (one.name, key)
        for one in recorder.resources
        for key, value in one.inputs.items()
        if any(secret in json.dumps(value) for secret in secrets)
    }
    config = recorder.named(LOCAL, "registry-registry-config")
    assert with_one == ({(config.name, "stdin")} if secrets else set())
    assert config.is_secret("stdin")


def moved(before: Recorder, after: Recorder) -> list[Impact]:
    """Return what a review says of two storages of one registry."""
    [old], [new] = before.of(REGISTRY), after.of(REGISTRY)
    above = before.options[REGISTRY, old.name].parent_urn
    return impacts(preview(event("update", REGISTRY, old.name, old.inputs, new.inputs, parent=above)))


@pytest.mark.parametrize(("old", "new"), permutations(STORAGES, 2))
def test_a_review_alarms_where_images_stay_behind(declare: Declare, old: Kind, new: Kind) -> None:
    [row] = moved(with_storage(declare, old), with_storage(declare, new))
    places = [Settings.model_validate({**BASE, "storage": EXAMPLES[kind]}).storage.place for kind in (old, new)]
    assert row.change == f"images: from the {places[0]} to the {places[1]}"
    assert row.effect.startswith(f"images that are only in the {places[0]} can't be pulled any more")
    assert row.disruptive


def deleting(declare: Declare, kind: Kind, **changes: Any) -> list[Impact]:
    return impacts(preview(*steps(with_storage(declare, kind, **changes), "delete")))


@each_storage
def test_a_review_tells_what_becomes_of_the_images_when_the_stack_goes(declare: Declare, kind: Kind) -> None:
    effects = [row.effect for row in deleting(declare, kind)]
    assert "ALL PUSHED IMAGES ARE DELETED" not in effects
    kept = [effect for effect in effects if "all pushed images" in effect]
    assert len(kept) == 1
    if kind.can_be_deleted:
        losses = [row.effect for row in deleting(declare, kind, deleteData=True) if row.disruptive]
        assert "ALL PUSHED IMAGES ARE DELETED" in losses


@each_storage
def test_what_holds_images_that_the_stack_may_delete_can_be_protected(declare: Declare, kind: Kind) -> None:
    plain, protected = (judgeable(with_storage(declare, kind, protect=on)) for on in (False, True))
    assert not kind.can_be_deleted or judged(plain, Stack("prod")).keys() == {"protected-data"}
    assert judged(protected, Stack("prod")) == {}


@each_storage
def test_a_volume_is_labelled_as_what_stays_or_as_a_cache(declare: Declare, kind: Kind) -> None:
    """By that a policy knows what has to be protected, and a new state of the stack what is free to go."""
    recorder = with_storage(declare, kind)
    own = {
        volume.inputs["name"]
        for volume in recorder.of(VOLUME)
        if any(label["label"] == OWNER for label in volume.inputs["labels"])
    }
    for container in (proxy(recorder), registry(recorder)):
        for mount in container.inputs["mounts"]:
            assert mount["target"] not in (CACHE, DATA) or (mount["source"] in own) is (mount["target"] == CACHE)


@each_storage
def test_nginx_only_reads_the_images_that_the_registry_writes(declare: Declare, kind: Kind) -> None:
    recorder = with_storage(declare, kind)
    read, written = (
        [mount for mount in container.inputs["mounts"] if mount["target"] == DATA]
        for container in (proxy(recorder), registry(recorder))
    )
    assert all(mount["readOnly"] for mount in read)
    assert all("readOnly" not in mount for mount in written)
    conf = read_payload(recorder.named(LOCAL, "registry-proxy-site").plain("stdin"))["nginx.conf"]
    if "location = /blob" in conf:
        assert [{**mount, "readOnly": True} for mount in written] == read != []


@each_storage
def test_the_script_of_its_trial_is_packed(declare: Declare, kind: Kind) -> None:
    sent = with_storage(declare, kind).named(LOCAL, "registry-registry-config").plain("stdin")
    assert unpacked(sent) != sent, "run: .venv/bin/python -m components.scripts.packing"
