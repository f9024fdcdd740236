"""Comments and issues on GitHub and GitLab, as far as a workflow writes them, by the libraries for their APIs."""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import github
import gitlab
import requests
from gitlab.v4.objects import ProjectMergeRequestNoteManager
from typing_extensions import override

_PAGE = 100
_SECONDS = 30
_RETRIES = 5
_LONGEST_WAIT = 120
"""Seconds to wait for a host that says it is asked too often."""
_WORKFLOW = "github-actions[bot]"


class ForgeError(Exception):
    """The host could not be asked; the message says why and what to do."""


@dataclass(frozen=True)
class Comment:
    """A comment that is there."""

    edit: Callable[[str], object]
    """Puts another text into it."""


@dataclass(frozen=True)
class Issue(Comment):
    """An issue that is open."""

    close: Callable[[], object]


class Forge(ABC):
    """Where a run writes to; what it does may raise ``ForgeError`` within ``asking``."""

    author: str
    """Who writes: a mark in a text could be anybody's."""

    @abstractmethod
    def comment(self, mark: str) -> Comment | None:
        """Return the author's comment with a mark on the request that this run is for."""

    @abstractmethod
    def write_comment(self, body: str) -> None:
        """Write one."""

    @abstractmethod
    def issue(self, title: str) -> Issue | None:
        """Return the author's open issue of a title."""

    @abstractmethod
    def open_issue(self, title: str, body: str) -> None:
        """Open one."""


class GitHub(Forge):
    """GitHub, also a server of one's own, from the variables of a workflow's run.

    ``GITHUB_API_URL``, ``GITHUB_REPOSITORY``, ``GITHUB_TOKEN``; ``PULL_REQUEST``, its number, for comments; and
    ``COMMENT_AUTHOR`` where the token is not the workflow's own.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.author = env.get("COMMENT_AUTHOR", _WORKFLOW)
        api = github.Github(
            auth=github.Auth.Token(known(env, "GITHUB_TOKEN")),
            base_url=known(env, "GITHUB_API_URL"),
            verify=_authorities(env),
            timeout=_SECONDS,
            per_page=_PAGE,
            # What makes something new is not asked for twice: it may have come.
            retry=github.GithubRetry(
                total=_RETRIES,
                backoff_factor=0.5,
                allowed_methods={"GET", "PATCH"},
                max_rate_limit_wait=_LONGEST_WAIT,
            ),
            # A run writes one text.
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )
        self._repository = api.get_repo(known(env, "GITHUB_REPOSITORY"))

    @override
    def comment(self, mark: str) -> Comment | None:
        own = (one for one in self._request().get_comments() if self._is_own(one) and mark in (one.body or ""))
        found = next(own, None)
        return None if found is None else Comment(found.edit)

    @override
    def write_comment(self, body: str) -> None:
        self._request().create_comment(body)

    @override
    def issue(self, title: str) -> Issue | None:
        titled = (one for one in self._repository.get_issues(state="open") if one.title == title)
        # A pull request is an issue too; the library asks for one again that is not.
        found = next((one for one in titled if self._is_own(one) and not one.pull_request), None)
        return None if found is None else Issue(lambda body: found.edit(body=body), lambda: found.edit(state="closed"))

    @override
    def open_issue(self, title: str, body: str) -> None:
        self._repository.create_issue(title, body)

    def _request(self) -> github.Issue.Issue:
        return self._repository.get_issue(int(known(self._env, "PULL_REQUEST")))

    def _is_own(self, one: github.Issue.Issue | github.IssueComment.IssueComment) -> bool:
        # Who has no account any more is nobody.
        return bool(one.user) and one.user.login == self.author


class GitLab(Forge):
    """GitLab, also a server of one's own, from the variables of a job.

    ``CI_API_V4_URL``, ``CI_PROJECT_ID``; ``CI_MERGE_REQUEST_IID`` for comments; and ``REVIEW_TOKEN``, an access token
    of the project with the scope ``api``: the job's own may not comment.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        api = gitlab.Gitlab(
            known(env, "CI_API_V4_URL").removesuffix("/api/v4"),
            private_token=known(env, "REVIEW_TOKEN"),
            ssl_verify=_authorities(env),
            timeout=_SECONDS,
            per_page=_PAGE,
            retry_transient_errors=True,
            # Behind a proxy the server may call itself otherwise.
            keep_base_url=True,
        )
        self._project = api.projects.get(known(env, "CI_PROJECT_ID"), lazy=True)
        api.auth()
        self.author = str(api.user.username) if api.user else ""

    @override
    def comment(self, mark: str) -> Comment | None:
        notes = self._notes().list(iterator=True)
        found = next((one for one in notes if one.author["username"] == self.author and mark in one.body), None)
        return None if found is None else Comment(lambda body: self._notes().update(found.id, {"body": body}))

    @override
    def write_comment(self, body: str) -> None:
        # What makes something new is not asked for twice: it may have come.
        self._notes().create({"body": body}, retry_transient_errors=False)

    @override
    def issue(self, title: str) -> Issue | None:
        issues = self._project.issues
        opened = issues.list(iterator=True, state="opened")
        found = next((one for one in opened if one.title == title and one.author["username"] == self.author), None)
        return (
            None
            if found is None
            else Issue(
                lambda body: issues.update(found.iid, {"description": body}),
                lambda: issues.update(found.iid, {"state_event": "close"}),
            )
        )

    @override
    def open_issue(self, title: str, body: str) -> None:
        self._project.issues.create({"title": title, "description": body}, retry_transient_errors=False)

    def _notes(self) -> ProjectMergeRequestNoteManager:
        return self._project.mergerequests.get(known(self._env, "CI_MERGE_REQUEST_IID"), lazy=True).notes


def forge(env: Mapping[str, str]) -> Forge:
    """Return the host whose runner this is.

    Raises:
        ForgeError: A variable is missing, or the host does not know the token.
    """
    with asking():
        return GitLab(env) if "CI_API_V4_URL" in env else GitHub(env)


@contextmanager
def asking() -> Iterator[None]:
    """Say what a host refused, without the token.

    Raises:
        ForgeError: The host refuses something, or does not answer.
    """
    try:
        yield
    except github.GithubException as error:
        raise ForgeError(_refused("GitHub", error.status, error.message)) from None
    except gitlab.GitlabError as error:
        raise ForgeError(_refused("GitLab", error.response_code, error.error_message)) from None
    except requests.RequestException as error:
        raise ForgeError(f"the Git host does not answer: {error}") from None


def known(env: Mapping[str, str], name: str) -> str:
    """Return a variable.

    Raises:
        ForgeError: It is missing.
    """
    if not env.get(name):
        raise ForgeError(f"{name} is not set; docs/pull-requests.md lists what a job needs")
    return env[name]


def _refused(host: str, status: int | None, message: object) -> str:
    return f"{host} refuses: {status} {message}. Check that the token can write there."


def _authorities(env: Mapping[str, str]) -> str | bool:
    """Return what a host's certificate is checked with: what the machine trusts, not what comes with a package."""
    of_the_machine = ssl.get_default_verify_paths()
    named = env.get("CI_SERVER_TLS_CA_FILE") or env.get("REQUESTS_CA_BUNDLE")
    return named or of_the_machine.cafile or of_the_machine.capath or True
