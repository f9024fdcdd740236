"""Who may log in, and what each user may do, as the component of the users says it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from review.events import Preview, State, Step
from review.impact import Impact, named

_STACK = "the stack"
_TYPE = ":Users"
_VERBS = {"pull": ("pull",), "push": ("pull", "push"), "admin": ("pull", "push", "delete")}
"""Access -> what it allows."""
_ALL = "*"
_NEXT = "from the next request on"


class _Change(NamedTuple):
    """What becomes of a user."""

    what: str
    effect: str
    disruptive: bool = False


def users(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which user comes, goes, gets another right or another password: those with the same in one row."""
    if step.op == "create":
        names = sorted(_users(step.new))
        if names:
            yield Impact(_STACK, _who(names), "can log in")
    elif step.op == "update":
        groups: dict[_Change, list[str]] = {}
        for name in sorted({*_users(step.old), *_users(step.new)}):
            for change in _changes(name, step):
                groups.setdefault(change, []).append(name)
        for change, names in groups.items():
            yield Impact(_STACK, f"{_who(names)}: {change.what}", change.effect, change.disruptive)
        yield from _anonymous(step)


def users_changed(preview: Preview) -> bool:
    """Tell whether a change of the users has rows of its own."""
    step = preview.find(_TYPE)
    return step is not None and step.op == "update" and any(users(step, preview))


def _who(names: Sequence[str]) -> str:
    return f"user {names[0]}" if len(names) == 1 else named(names, "users")


def _changes(name: str, step: Step) -> Iterator[_Change]:
    old, new = _users(step.old).get(name), _users(step.new).get(name)
    if old is None and new is not None:
        yield _Change(f"added, {_rights(new)}", f"can log in {_NEXT}")
    elif new is None:
        yield _Change("removed", f"can't log in {_NEXT}", disruptive=True)
    elif old is not None:
        if old != new:
            yield _changed_rights(old, new)
        yield from _changed_passwords(_passwords(step.old, name), _passwords(step.new, name))


def _changed_rights(old: Mapping[str, Any], new: Mapping[str, Any]) -> _Change:
    gained, lost = _missing(new, old), _missing(old, new)
    effects = [*([f"can now {gained}"] if gained else []), *([f"can no longer {lost}"] if lost else [])]
    return _Change(f"{_rights(old)} → {_rights(new)}", "; ".join(effects) or "same access", disruptive=bool(lost))


def _changed_passwords(old: Sequence[str], new: Sequence[str]) -> Iterator[_Change]:
    """Compare keyed digests of the password and of the one that is accepted besides."""
    if not old or not new or old == new:
        return
    if old[0] == new[0]:
        lost = any(digest not in new for digest in old)
        effect = "clients that still use it can't log in" if lost else "accepted too"
        yield _Change("the previous password is removed" if lost else "a previous password", effect, disruptive=lost)
    elif old[0] in new:
        yield _Change("a new password", "the previous one is accepted too")
    else:
        yield _Change("a new password", f"the previous one is refused {_NEXT}", disruptive=True)


def _anonymous(step: Step) -> Iterator[Impact]:
    old, new = ({"access": "pull", "repositories": state.texts("anonymousPull")} for state in (step.old, step.new))
    if old != new:
        what, effect, disruptive = _changed_rights(old, new)
        yield Impact(_STACK, f"without a login: {what}", effect, disruptive)


def _missing(of: Mapping[str, Any], beside: Mapping[str, Any]) -> str:
    """Return what one set of rights allows and another one does not: ``push in team; delete in team and app``."""
    found: dict[tuple[str, ...], list[str]] = {}
    for repository in of["repositories"]:
        allowed = _allowed(beside, repository)
        if verbs := tuple(verb for verb in _VERBS[of["access"]] if verb not in allowed):
            found.setdefault(verbs, []).append(repository)
    return "; ".join(f"{' or '.join(verbs)} {_place(verbs, where, beside)}" for verbs, where in found.items())


def _place(verbs: Sequence[str], repositories: Sequence[str], beside: Mapping[str, Any]) -> str:
    if _ALL not in repositories:
        return f"in {_where(repositories)}"
    is_somewhere = beside["repositories"] and set(verbs) <= set(_VERBS[beside["access"]])
    return "elsewhere" if is_somewhere else f"in {_where(repositories)}"


def _allowed(rights: Mapping[str, Any], repository: str) -> Sequence[str]:
    """Return what rights allow in all of a repository: they reach to all below theirs."""
    covers = (one in (_ALL, repository) or repository.startswith(f"{one}/") for one in rights["repositories"])
    return _VERBS[rights["access"]] if any(covers) else ()


def _rights(rights: Mapping[str, Any]) -> str:
    return f"{rights['access']} in {_where(rights['repositories'])}"


def _where(repositories: Sequence[str]) -> str:
    if _ALL in repositories:
        return "all repositories"
    return ", ".join(repositories) or "no repository"


def _users(state: State) -> Mapping[str, Mapping[str, Any]]:
    users = state.inputs.get("users")
    return users if isinstance(users, dict) else {}


def _passwords(state: State, name: str) -> list[str]:
    """Return the digests of a user's passwords; none where only the update will know them."""
    passwords = state.inputs.get("passwords")
    return list(passwords.get(name, ())) if isinstance(passwords, dict) else []
