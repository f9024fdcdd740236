"""What an update of several servers says that has stopped at one of them."""

from collections.abc import Sequence
from typing import cast

import pulumi
import pytest

from components import last_update
from components.ordering import Step
from components.rolling import keep_those_that_leave, stopped_at, tell_where_it_stopped
from components.troubleshooting import problem_of
from tests.unit.conftest import mocked


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([0, 0, 0], None),
        ([1, 1, 1], "a (1 of 3); done: none; left as they were: b, c"),
        ([0, 2, 1], "b (2 of 3); done: a; left as they were: c"),
        ([0, 0, 1], "c (3 of 3); done: a, b; left as they were: none"),
    ],
)
def test_it_says_how_far_it_came(counts: Sequence[int], said: str | None) -> None:
    assert stopped_at(["a", "b", "c"], counts) == (said and f"the update stopped at server {said}")


def test_a_server_alone_has_no_other_to_tell_of() -> None:
    assert stopped_at(["a"], [1]) is None


def test_it_is_said_once_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", said.append)
    step = cast(Step, object())

    def program() -> None:
        failed = [pulumi.Output.from_input(one) for one in ([], [step], [step])]
        tell_where_it_stopped(["a", "b", "c"], failed)

    mocked(program)
    [message] = said
    problem = problem_of(message)
    assert problem is not None
    assert problem.key == "servers-stopped"
    assert message.startswith("the update stopped at server b (2 of 3); done: a; left as they were: c\n")
    assert "make forget SERVER=NAME" in message


def urn(kind: str, name: str) -> str:
    """Return the URN of a component of a registry."""
    own = "private-registry:index"
    return f"urn:pulumi:prod::private-registry::{own}:PrivateRegistry${own}:{kind}::{name}"


STATE = [urn("Registry", "registry-registry"), urn("Registry", "registry-b-registry"), urn("Proxy", "registry-b-proxy")]
OF_ANOTHER = urn("Registry", "mirror-registry")


@pytest.mark.parametrize(
    ("declared", "counts", "is_kept"),
    [
        (["registry-b-registry"], [1], True),
        (["registry-b-registry", "registry-c-registry"], [0, 1], True),
        (["registry-b-registry"], [0], False),
        (["registry-registry", "registry-b-registry"], [1, 1], False),
    ],
)
def test_a_server_that_leaves_stays_where_another_one_failed(
    declared: Sequence[str], counts: Sequence[int], is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def known() -> dict[str, dict[str, object]]:
        return {one: {} for one in [*STATE, OF_ANOTHER]}

    monkeypatch.setattr(last_update, "outputs", known)
    step = cast(Step, object())

    def program() -> None:
        keep_those_that_leave("registry", declared, [pulumi.Output.from_input([step] * count) for count in counts])

    if is_kept:
        with pytest.raises(pulumi.RunError, match="not listed any more: registry-registry"):
            mocked(program)
    else:
        mocked(program)
