"""Hashes are computed once: the next run finds them in the state, and trusts only what this stack put there."""

from collections.abc import Mapping, Sequence
from typing import Any

import bcrypt
import pytest

import components.proxy.login.users as module
from components.proxy.login.htpasswd import bcrypt_hash
from components.scripts.script import read_payload
from components.seed import Seed
from components.settings import User
from tests.unit.conftest import KEY, LOCAL, Declare, Recorder, declared, mocked

SOME = [{"name": f"user-{number}", "password": f"marker-{number}"} for number in range(6)]
TYPE = "private-registry:index:"
URN = "urn:pulumi:test::private-registry::"
WITHIN, ALONE = f"{URN}{TYPE}PrivateRegistry${TYPE}Users", f"{URN}pulumi:pulumi:Stack${TYPE}Users"
"""Of the component in a registry, and of one by itself as mocks have it."""


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The outputs of the users of the last run, which the engine hands to the next one."""
    found: dict[str, Any] = {}
    register = module.Users.register_outputs

    def keep(self: module.Users, values: dict[str, Any]) -> None:
        values["hashes"].apply(lambda hashes: found.update(hashes=hashes))
        register(self, values)

    def call(self: Recorder, args: Any) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        assert args.token == "pulumi:pulumi:readStackResourceOutputs"
        return {"outputs": {f"{urn}::registry-users": {"outputs": dict(found)} for urn in (WITHIN, ALONE)}}, []

    monkeypatch.setattr(module.Users, "register_outputs", keep)
    monkeypatch.setattr(Recorder, "call", call)
    return found


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that are hashed, faster than they should be."""
    found: list[str] = []

    def count(password: str, salt: bytes, cost: int) -> str:
        found.append(password)
        return bcrypt_hash(password, salt, 4)

    monkeypatch.setattr(module, "bcrypt_hash", count)
    return found


def alone(users: Sequence[Mapping[str, Any]]) -> tuple[Recorder, str]:
    """Declare users without a registry; return what was declared, and the file of them."""
    files: list[str] = []

    def program() -> None:
        known = [User.model_validate(user) for user in users]
        module.Users("registry-users", known, [], ("own", "own"), Seed("registry-seed")).file.apply(files.append)

    recorder = mocked(program)
    return recorder, files[0]


def users_file(users: Sequence[Mapping[str, Any]] = SOME) -> str:
    return alone(users)[1]


def test_a_second_run_of_a_registry_computes_nothing(outputs: dict[str, Any], computed: list[str]) -> None:
    def placed() -> str:
        return read_payload(declared(users=SOME).named(LOCAL, "registry-proxy-users").plain("stdin"))["htpasswd"]

    first = placed()
    assert len(computed) == len(SOME) + 1, "and the user of the stack itself"
    computed.clear()
    assert placed() == first
    assert computed == []


def test_a_changed_password_is_computed_alone(outputs: dict[str, Any], computed: list[str]) -> None:
    users_file()
    computed.clear()
    file = users_file([*SOME[:-1], {"name": "user-5", "password": "another"}])
    assert computed == ["another"]
    [line] = [line for line in file.splitlines() if line.startswith("user-5:")]
    assert bcrypt.checkpw(b"another", line.split(":")[1].encode())
    computed.clear()
    users_file()
    assert computed == ["marker-5"], "what is not used is not kept"


def test_another_users_hash_is_not_taken_for_the_same_password(outputs: dict[str, Any], computed: list[str]) -> None:
    users_file()
    computed.clear()
    file = users_file([*SOME, {"name": "twin", "password": "marker-0"}])
    assert computed == ["marker-0"]
    hashes = [line.split(":")[1] for line in file.splitlines()]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("kept", ["", "rubbish", None, 5, {"a": "b"}, "c29tZXRoaW5nIGVsc2U="], ids=str)
def test_what_is_not_ours_does_not_count(outputs: dict[str, Any], computed: list[str], kept: Any) -> None:
    first = users_file()
    outputs["hashes"] = kept
    computed.clear()
    assert users_file() == first
    assert len(computed) == len(SOME) + 1


def test_what_another_stack_kept_does_not_count(
    outputs: dict[str, Any], computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    users_file()
    theirs = outputs["hashes"]
    new_resource = Recorder.new_resource

    def another_seed(self: Recorder, args: Any) -> tuple[str, dict[str, Any]]:
        identity, state = new_resource(self, args)
        return identity, {**state, "privateKeyPem": "another\n"} if args.typ == KEY else state

    monkeypatch.setattr(Recorder, "new_resource", another_seed)
    first = users_file()
    outputs["hashes"] = theirs
    computed.clear()
    assert users_file() == first
    assert len(computed) == len(SOME) + 1


def test_what_is_kept_shows_nothing(outputs: dict[str, Any], computed: list[str]) -> None:
    users_file()
    for text in ("marker", "user-", "$2"):
        assert text not in outputs["hashes"]


def test_few_are_computed_without_a_look_at_the_state(monkeypatch: pytest.MonkeyPatch, computed: list[str]) -> None:
    def call(self: Recorder, args: Any) -> Any:
        raise AssertionError(args.token)

    monkeypatch.setattr(Recorder, "call", call)
    users_file(SOME[:3])
    assert len(computed) == 4


def test_the_component_says_who_may_do_what_and_no_password(declare: Declare) -> None:
    users = [
        {"name": "ci", "password": "marker-same", "previousPassword": "marker-before"},
        {"name": "dev", "password": "marker-same", "access": "pull", "repositories": ["team"]},
        {"name": "made"},
    ]
    component = declare(users=users, anonymousPull=["public"]).named(f"{TYPE}Users", "registry-users")
    assert component.inputs["users"] == {
        "ci": {"access": "push", "repositories": ["*"]},
        "dev": {"access": "pull", "repositories": ["team"]},
        "made": {"access": "push", "repositories": ["*"]},
    }
    assert component.inputs["anonymousPull"] == ["public"]
    digests = component.inputs["passwords"]
    assert {name: len(found) for name, found in digests.items()} == {"ci": 2, "dev": 1, "made": 1}
    assert digests["ci"][0] != digests["dev"][0], "nobody sees that two share a password"
    assert "marker" not in str(component.inputs)


def test_the_digest_of_a_password_stays_until_the_password_changes() -> None:
    def digests(*passwords: str) -> list[str]:
        given = dict(zip(("password", "previousPassword"), passwords, strict=False))
        component = alone([{"name": "ci", **given}])[0].named(f"{TYPE}Users", "registry-users")
        return list(component.inputs["passwords"]["ci"])

    [first] = digests("one")
    assert digests("one") == [first]
    assert digests("two", "one")[1] == first != digests("two")[0]
