"""What a preview says of the users: who comes and goes, and what each may do."""

from typing import Any

import pytest

from review.impacts import belonging, impacts
from tests.unit.events import COMMAND, COMPONENT, below, event, preview

USERS = f"{COMPONENT}Users"


def user(access: str, *repositories: str) -> dict[str, Any]:
    return {"access": access, "repositories": list(repositories)}


def said(old: Any, new: Any, op: str = "update") -> list[tuple[str, str, bool]]:
    """Return change, effect and whether it is disruptive, of each row."""
    rows = impacts(preview(event(op, USERS, "registry-users", old, new)))
    return [(row.change, row.effect, row.disruptive) for row in rows]


def of_users(**users: Any) -> dict[str, Any]:
    return {"users": users, "anonymousPull": []}


def with_passwords(*digests: str) -> dict[str, Any]:
    return {**of_users(ci=user("push", "*")), "passwords": {"ci": list(digests)}}


@pytest.mark.parametrize(
    ("old", "new", "change", "effect", "disruptive"),
    [
        (user("push", "team"), user("admin", "team"), "push in team → admin in team", "can now delete in team", False),
        (
            user("admin", "team"),
            user("pull", "team"),
            "admin in team → pull in team",
            "can no longer push or delete in team",
            True,
        ),
        (
            user("push", "team"),
            user("push", "team", "web"),
            "push in team → push in team, web",
            "can now pull or push in web",
            False,
        ),
        (
            user("push", "*"),
            user("push", "team"),
            "push in all repositories → push in team",
            "can no longer pull or push elsewhere",
            True,
        ),
        (
            user("admin", "*"),
            user("push", "*"),
            "admin in all repositories → push in all repositories",
            "can no longer delete in all repositories",
            True,
        ),
        (
            user("pull", "team"),
            user("pull", "*"),
            "pull in team → pull in all repositories",
            "can now pull elsewhere",
            False,
        ),
        (
            user("pull", "team"),
            user("pull", "team", "team/app"),
            "pull in team → pull in team, team/app",
            "same access",
            False,
        ),
        (
            user("push", "team"),
            user("pull", "web"),
            "push in team → pull in web",
            "can now pull in web; can no longer pull or push in team",
            True,
        ),
        (
            user("pull", "team"),
            user("pull", "teams"),
            "pull in team → pull in teams",
            "can now pull in teams; can no longer pull in team",
            True,
        ),
    ],
)
def test_a_right_that_changes_is_named(old: Any, new: Any, change: str, effect: str, disruptive: bool) -> None:
    assert said(of_users(ci=old), of_users(ci=new)) == [(f"user ci: {change}", effect, disruptive)]


def test_who_comes_and_who_goes_is_named_and_losses_come_first() -> None:
    assert said(of_users(ci=user("push", "*")), of_users(dev=user("pull", "team", "web"))) == [
        ("user ci: removed", "can't log in from the next request on", True),
        ("user dev: added, pull in team, web", "can log in from the next request on", False),
    ]


def test_many_users_with_the_same_change_are_one_row() -> None:
    many = {f"user{number:04}": user("pull", "*") for number in range(2000)}
    assert said(of_users(), of_users(**many)) == [
        (
            "2000 users: user0000, user0001, user0002, …: added, pull in all repositories",
            "can log in from the next request on",
            False,
        )
    ]
    assert said(None, of_users(**many), "create") == [
        ("2000 users: user0000, user0001, user0002, …", "can log in", False)
    ]


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        (("a",), ("a",), []),
        (("a",), ("b",), [("user ci: a new password", "the previous one is refused from the next request on", True)]),
        (("a",), ("b", "a"), [("user ci: a new password", "the previous one is accepted too", False)]),
        (
            ("b", "a"),
            ("b",),
            [("user ci: the previous password is removed", "clients that still use it can't log in", True)],
        ),
        (("b",), ("b", "a"), [("user ci: a previous password", "accepted too", False)]),
    ],
)
def test_a_password_that_changes_is_told_by_its_digest(
    old: tuple[str, ...], new: tuple[str, ...], rows: list[tuple[str, str, bool]]
) -> None:
    assert said(with_passwords(*old), with_passwords(*new)) == rows


def test_what_only_the_update_will_know_of_passwords_is_not_guessed() -> None:
    unknown = {**with_passwords(), "passwords": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}
    assert said(with_passwords("a"), unknown) == []


def test_what_everybody_may_pull_is_told() -> None:
    assert said({"users": {}, "anonymousPull": []}, {"users": {}, "anonymousPull": ["public"]}) == [
        ("without a login: pull in no repository → pull in public", "can now pull in public", False)
    ]


def test_the_users_file_has_a_row_only_where_no_user_changes() -> None:
    old, new = ({"bundle": "users", "files": {"htpasswd": {"digest": digest}}} for digest in ("1", "12"))
    placed = event(
        "update", f"{COMPONENT}ReleasedFiles", "registry-proxy-releasedfiles", old, new, parent=below("Proxy")
    )
    command = event("update", COMMAND, "any", {}, {}, parent=below("Proxy", "ReleasedFiles"))
    changed = event("update", USERS, "registry-users", of_users(), of_users(ci=user("pull", "*")))
    told = preview(placed, command, changed)
    assert [row.change for row in impacts(told)] == ["user ci: added, pull in all repositories"]
    assert belonging(told) == 2
    assert [row.change for row in impacts(preview(placed, command))] == ["the users file: htpasswd"]
