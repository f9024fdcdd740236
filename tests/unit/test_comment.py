"""The comment on a pull request: what it says, that it fits, and that there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from review import publish
from review.comment import LIMIT, MARK, Stack, comment, read
from review.forge import ForgeError, asking, forge
from tests.githost import WORKFLOW, GitHost, running
from tests.unit.authority import issue

REVIEWS = Path(__file__).parent / "review"
NEXT = "https://git.example.com/team/registry/actions"


def stack(name: str, kind: str, diff: str = "  ~ command:remote:Command: (update)") -> Stack:
    return Stack(name, (REVIEWS / f"{kind}.md").read_text(), diff)


def test_each_stack_has_its_table_and_the_rest_folded() -> None:
    text = comment([stack("staging", "user-added"), stack("prod", "nothing")], NEXT)
    assert text.startswith(MARK)
    staging, prod = text.index("## Preview of `staging`"), text.index("## Preview of `prod`")
    assert (
        staging
        < text.index("| the stack | user new: added, push in all repositories |")
        < text.index("<details>")
        < prod
    )
    assert text.count("<details>") == text.count("</details>") == 2
    assert text.endswith(
        f"After the merge, the update runs for `staging`, then `prod`. Each waits for an approval [here]({NEXT}).\n"
    )


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
    [
        ("github", "/api/v3/repos/team/registry/issues/7/comments"),
        ("gitlab", "/git/api/v4/projects/3/merge_requests/7/notes"),
    ],
)
def test_the_comment_is_written_once_and_then_edited(git_host: GitHost, kind: str, path: str) -> None:
    for number in range(120):
        git_host.add("comments", "somebody", f"word {number}")
    git_host.add("comments", "", f"{MARK} of an account that is gone")
    git_host.add("comments", "somebody", f"{MARK} not ours")
    where = forge(variables(git_host, kind))
    assert publish.comment(where, f"{MARK}\none") == "written"
    assert publish.comment(where, f"{MARK}\ntwo") == "edited"
    assert git_host.bodies("comments")[121:] == [f"{MARK} not ours", f"{MARK}\ntwo"], "a mark could be anybody's"
    assert ("POST", path) in git_host.seen


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_an_issue_is_open_as_long_as_there_is_something_to_say(git_host: GitHost, kind: str) -> None:
    git_host.add("issues", "somebody", "not ours", "drift in prod")
    git_host.add("issues", WORKFLOW, "a request", "drift in prod", is_request=True)
    where = forge(variables(git_host, kind))
    done = [publish.issue(where, "drift in prod", text) for text in ("", "one", "two", "\n", "", "three")]
    assert done == ["nothing to say", "opened", "edited", "closed", "nothing to say", "opened"]
    assert git_host.bodies("issues") == ["not ours", "a request", "three"]


@pytest.mark.parametrize(("kind", "token"), [("github", "GITHUB_TOKEN"), ("gitlab", "REVIEW_TOKEN")])
def test_a_refusal_says_so_without_the_token(
    git_host: GitHost, kind: str, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(ForgeError, match=r"403 Forbidden\. Check that the token can write there") as refused:
        publish.comment(forge({**variables(git_host, kind), token: "Marker-Token-11"}), MARK)
    assert "Marker-Token" not in f"{refused.value}{caplog.text}"
    assert len(git_host.seen) == 1, "nor is it asked again"


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_host_that_stumbles_is_asked_again_but_for_something_new(git_host: GitHost, kind: str) -> None:
    where = forge(variables(git_host, kind))
    assert publish.comment(where, MARK) == "written"
    found = where.comment(MARK)
    assert found
    git_host.stumbles = 1
    assert where.comment(MARK)
    git_host.stumbles = 1
    found.edit(f"{MARK} again")
    assert git_host.stumbles == 0
    assert git_host.bodies("comments") == [f"{MARK} again"]
    git_host.stumbles = 1
    with pytest.raises(ForgeError, match="502"), asking():
        where.write_comment("another")
    assert git_host.bodies("comments") == [f"{MARK} again"], "it may have come, and would stand there twice"


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_host_is_known_by_what_the_machine_trusts(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = issue("authority", authority=True)
    server = issue("server", authority, ["127.0.0.1"])
    (tmp_path / "server.pem").write_text(server.pem + server.key_pem())
    (tmp_path / "ca.pem").write_text(authority.pem)
    with running(tmp_path / "server.pem") as own:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert publish.comment(forge(variables(own, kind)), MARK) == "written"


@pytest.mark.parametrize("missing", ["GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN", "PULL_REQUEST"])
def test_a_variable_that_is_missing_is_named(git_host: GitHost, missing: str) -> None:
    env = git_host.github()
    del env[missing]
    with pytest.raises(ForgeError, match=f"{missing} is not set"):
        publish.comment(forge(env), MARK)


def test_a_text_that_is_too_long_is_not_sent(git_host: GitHost) -> None:
    with pytest.raises(ForgeError, match="at most 65536"):
        publish.comment(forge(git_host.github()), MARK + "x" * LIMIT)
