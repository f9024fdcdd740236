"""The comment on a pull request: what it says, that it fits, and that there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from review import post
from review.comment import LIMIT, MARK, Stack, comment, read
from review.host import HostError, host
from tests.githost import GitHost, running

REVIEWS = Path(__file__).parent / "review"
NEXT = "https://git.example.com/team/registry/actions"


def stack(name: str, kind: str, diff: str = "  ~ command:remote:Command: (update)") -> Stack:
    return Stack(name, (REVIEWS / f"{kind}.md").read_text(), diff)


def test_each_stack_has_its_table_and_the_rest_folded() -> None:
    text = comment([stack("staging", "user-added"), stack("prod", "nothing")], NEXT)
    assert text.startswith(MARK)
    staging, prod = text.index("## Preview of `staging`"), text.index("## Preview of `prod`")
    assert staging < text.index("| this machine | the users: htpasswd |") < text.index("<details>") < prod
    assert text.count("<details>") == text.count("</details>") == 2
    assert text.endswith(f"After the merge, `staging`, then `prod`: each waits for an approval, [here]({NEXT}).\n")


@pytest.mark.parametrize("kinds", [("many-clients", "many-clients"), ("first", "invalid", "domain")])
@pytest.mark.parametrize(
    "line", ["    ~ resource: (update)", "`" * 70_000, "```", "</details>"], ids=["step", "ticks", "fence", "end"]
)
def test_it_fits_however_much_the_engine_says(kinds: tuple[str, ...], line: str) -> None:
    diff = f"{line}\n" * (300_000 // len(line))
    text = comment([stack(f"stack-{number}", kind, diff) for number, kind in enumerate(kinds)], NEXT)
    assert len(text) <= LIMIT
    assert all((REVIEWS / f"{kind}.md").read_text().strip() in text for kind in kinds), "no review is cut for it"
    assert text.count("cut here") == len(kinds)
    assert sum(shown.startswith("```") for shown in text.split("\n")) % 2 == 0, "every fence is closed"


def test_a_review_that_is_too_long_is_cut_at_a_line() -> None:
    long = Stack("prod", "a row\n" * 20_000, "all of it")
    text = comment([long], NEXT)
    assert LIMIT // 3 < len(text) <= LIMIT
    assert "\na row\n\n… cut here" in text
    assert "all of it" in text


def test_nothing_of_the_engines_ends_the_fold() -> None:
    text = comment([stack("prod", "nothing", "before\n```\n</details>\n# after\x1b[31m")], NEXT)
    fold = text.partition("```diff\n")[2].partition("\n```")[0]
    assert fold == "before\n'''\n</details>\n# after[31m"


def test_what_a_preview_left_is_read_with_staging_first(tmp_path: Path) -> None:
    for name in ("prod", "staging", "lost"):
        (tmp_path / name).mkdir()
        if name != "lost":
            (tmp_path / name / "review.md").write_text(f"review of {name}")
            (tmp_path / name / "diff.txt").write_text("diff")
    found = read(tmp_path)
    assert [one.name for one in found] == ["staging", "prod", "lost"]
    assert "left no review" in found[2].review


@pytest.fixture
def git_host() -> Iterator[GitHost]:
    with running() as started:
        yield started


def variables(git_host: GitHost, kind: str) -> dict[str, str]:
    return git_host.github() if kind == "github" else git_host.gitlab()


@pytest.mark.parametrize(
    ("kind", "path"),
    [("github", "/repos/team/registry/issues/7/comments"), ("gitlab", "/projects/3/merge_requests/7/notes")],
)
def test_the_comment_is_written_once_and_then_edited(git_host: GitHost, kind: str, path: str) -> None:
    for number in range(120):
        git_host.add("comments", "somebody", f"word {number}")
    git_host.add("comments", "somebody", f"{MARK} not ours")
    where = host(variables(git_host, kind))
    assert post.comment(where, f"{MARK}\none") == "written"
    assert post.comment(where, f"{MARK}\ntwo") == "edited"
    assert git_host.bodies("comments")[120:] == [f"{MARK} not ours", f"{MARK}\ntwo"], "a mark could be anybody's"
    assert ("POST", path) in git_host.seen


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_an_issue_is_open_as_long_as_there_is_something_to_say(git_host: GitHost, kind: str) -> None:
    git_host.add("issues", "somebody", "not ours", "drift in prod")
    where = host(variables(git_host, kind))
    done = [post.issue(where, "drift in prod", text) for text in ("", "one", "two", "\n", "", "three")]
    assert done == ["nothing to say", "opened", "edited", "closed", "nothing to say", "opened"]
    assert git_host.bodies("issues") == ["not ours", "three"]


def test_a_refusal_says_so_without_the_token(git_host: GitHost) -> None:
    where = host({**git_host.github(), "GITHUB_TOKEN": "Marker-Token-11"})
    with pytest.raises(HostError, match="403 Forbidden; may the token write there") as refused:
        post.comment(where, MARK)
    assert "Marker-Token" not in str(refused.value)


@pytest.mark.parametrize("missing", ["GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN", "PULL_REQUEST"])
def test_a_variable_that_is_missing_is_named(git_host: GitHost, missing: str) -> None:
    env = git_host.github()
    del env[missing]
    with pytest.raises(HostError, match=f"{missing} is not set"):
        post.comment(host(env), MARK)


def test_a_text_that_is_too_long_is_not_sent(git_host: GitHost) -> None:
    with pytest.raises(HostError, match="at most 65536"):
        post.comment(host(git_host.github()), MARK + "x" * LIMIT)
