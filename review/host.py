"""Comments and issues on GitHub and GitLab, as far as a workflow writes them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from typing_extensions import override

_PAGE = 100
_MAX_PAGES = 100
_SECONDS = 30
_WORKFLOW = "github-actions[bot]"


class HostError(Exception):
    """The host could not be asked; the message says why and what to do."""


@dataclass(frozen=True)
class Text:
    """A comment or an issue."""

    id: str
    title: str
    """Empty for a comment."""
    body: str
    author: str


class Host(Protocol):
    """Where a run writes to; each method raises ``HostError`` if that is refused."""

    author: str
    """Who writes: a mark in a text could be anybody's."""

    def comments(self) -> Iterator[Text]:
        """Return those of the request that this run is for."""

    def comment(self, body: str, id_: str | None = None) -> None:
        """Write one, or put another text into one."""

    def issues(self) -> Iterator[Text]:
        """Return those that are open."""

    def issue(self, title: str, body: str, id_: str | None = None) -> None:
        """Open one, or put another text into one."""

    def close(self, id_: str) -> None:
        """Close an issue."""


class GitHub(Host):
    """https://docs.github.com/en/rest/issues, from the variables of a workflow's run.

    ``GITHUB_API_URL``, ``GITHUB_REPOSITORY``, ``GITHUB_TOKEN``; ``PULL_REQUEST``, its number, for comments; and
    ``COMMENT_AUTHOR`` where the token is not the workflow's own.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._repository = f"{known(env, 'GITHUB_API_URL')}/repos/{known(env, 'GITHUB_REPOSITORY')}"
        token = known(env, "GITHUB_TOKEN")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        self.author = env.get("COMMENT_AUTHOR", _WORKFLOW)

    @override
    def comments(self) -> Iterator[Text]:
        return map(self._text, _pages(self._comments(), self._headers))

    @override
    def comment(self, body: str, id_: str | None = None) -> None:
        url = f"{self._repository}/issues/comments/{id_}" if id_ else self._comments()
        _ask("PATCH" if id_ else "POST", url, self._headers, {"body": body})

    @override
    def issues(self) -> Iterator[Text]:
        found = _pages(f"{self._repository}/issues?state=open", self._headers)
        return (self._text({**one, "id": one["number"]}) for one in found if "pull_request" not in one)

    @override
    def issue(self, title: str, body: str, id_: str | None = None) -> None:
        url = f"{self._repository}/issues" + (f"/{id_}" if id_ else "")
        _ask("PATCH" if id_ else "POST", url, self._headers, {"title": title, "body": body})

    @override
    def close(self, id_: str) -> None:
        _ask("PATCH", f"{self._repository}/issues/{id_}", self._headers, {"state": "closed"})

    def _comments(self) -> str:
        return f"{self._repository}/issues/{known(self._env, 'PULL_REQUEST')}/comments"

    @staticmethod
    def _text(one: Mapping[str, Any]) -> Text:
        return Text(str(one["id"]), one.get("title", ""), one.get("body") or "", one["user"]["login"])


class GitLab(Host):
    """https://docs.gitlab.com/api/notes and issues, from the variables of a job.

    ``CI_API_V4_URL``, ``CI_PROJECT_ID``; ``CI_MERGE_REQUEST_IID`` for comments; and ``REVIEW_TOKEN``, an access token
    of the project with the scope ``api``: the job's own may not comment.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        api = known(env, "CI_API_V4_URL")
        self._project = f"{api}/projects/{known(env, 'CI_PROJECT_ID')}"
        self._headers = {"PRIVATE-TOKEN": known(env, "REVIEW_TOKEN")}
        self.author = str(_ask("GET", f"{api}/user", self._headers)["username"])

    @override
    def comments(self) -> Iterator[Text]:
        return map(self._text, _pages(self._comments(), self._headers))

    @override
    def comment(self, body: str, id_: str | None = None) -> None:
        url = self._comments() + (f"/{id_}" if id_ else "")
        _ask("PUT" if id_ else "POST", url, self._headers, {"body": body})

    @override
    def issues(self) -> Iterator[Text]:
        found = _pages(f"{self._project}/issues?state=opened", self._headers)
        return (self._text({**one, "id": one["iid"], "body": one.get("description")}) for one in found)

    @override
    def issue(self, title: str, body: str, id_: str | None = None) -> None:
        url = f"{self._project}/issues" + (f"/{id_}" if id_ else "")
        _ask("PUT" if id_ else "POST", url, self._headers, {"title": title, "description": body})

    @override
    def close(self, id_: str) -> None:
        _ask("PUT", f"{self._project}/issues/{id_}", self._headers, {"state_event": "close"})

    def _comments(self) -> str:
        return f"{self._project}/merge_requests/{known(self._env, 'CI_MERGE_REQUEST_IID')}/notes"

    @staticmethod
    def _text(one: Mapping[str, Any]) -> Text:
        return Text(str(one["id"]), one.get("title", ""), one.get("body") or "", one["author"]["username"])


def host(env: Mapping[str, str]) -> Host:
    """Return the host whose runner this is.

    Raises:
        HostError: A variable is missing.
    """
    return GitLab(env) if "CI_API_V4_URL" in env else GitHub(env)


def known(env: Mapping[str, str], name: str) -> str:
    """Return a variable.

    Raises:
        HostError: It is missing.
    """
    if not env.get(name):
        raise HostError(f"{name} is not set; docs/pull-requests.md says what a job needs")
    return env[name]


def _pages(url: str, headers: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for page in range(1, _MAX_PAGES + 1):
        found = _ask("GET", f"{url}{'&' if '?' in url else '?'}per_page={_PAGE}&page={page}", headers)
        yield from found
        if len(found) < _PAGE:
            return


def _ask(method: str, url: str, headers: Mapping[str, str], body: Mapping[str, str] | None = None) -> Any:
    content = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, content, {**headers, "Content-Type": "application/json"}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - the runner names the host
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        raise HostError(f"{method} {url}: {error.code} {error.reason}; may the token write there?") from None
    except (urllib.error.URLError, TimeoutError) as error:
        raise HostError(f"{method} {url}: {error}") from None
