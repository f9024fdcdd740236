"""A server that keeps comments and issues as GitHub and GitLab do, as far as a workflow asks it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

TOKEN = "token"
WORKFLOW, REVIEWER = "github-actions[bot]", "reviewer"


class GitHost(HTTPServer):
    """Answers on a port of its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.texts: dict[str, list[dict[str, Any]]] = {"comments": [], "issues": []}
        self.seen: list[tuple[str, str]] = []
        self.refuses = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def github(self) -> dict[str, str]:
        """Return the variables of a workflow's run for pull request 7."""
        names = {"GITHUB_REPOSITORY": "team/registry", "GITHUB_TOKEN": TOKEN, "PULL_REQUEST": "7"}
        return {"GITHUB_API_URL": self.url, **names}

    def gitlab(self) -> dict[str, str]:
        """Return the variables of a job for merge request 7."""
        names = {"CI_MERGE_REQUEST_IID": "7", "CI_PROJECT_ID": "3", "REVIEW_TOKEN": TOKEN}
        return {"CI_API_V4_URL": self.url, **names}

    def add(self, kind: str, author: str, body: str, title: str = "") -> None:
        """Keep a text that somebody has written."""
        number = len(self.texts[kind])
        self.texts[kind].append({"id": number, "author": author, "title": title, "body": body, "state": "open"})

    def bodies(self, kind: str) -> list[str]:
        """Return what stands there, of issues those that are open."""
        return [text["body"] for text in self.texts[kind] if text["state"] == "open"]


class _Requests(BaseHTTPRequestHandler):
    server: GitHost

    def _answer(self) -> None:
        self.server.seen.append((self.command, self.path))
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        given = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        allowed = given == TOKEN and not self.server.refuses
        self.send_response(200 if allowed else 403)
        self.end_headers()
        self.wfile.write(json.dumps(self._reply(body) if allowed else {}).encode())

    def _reply(self, body: dict[str, str]) -> Any:
        path, _, query = self.path.partition("?")
        is_github = path.startswith("/repos/")
        if path == "/user":
            return {"username": REVIEWER}
        words = path.split("/")
        kind = "comments" if {"comments", "notes"} & set(words) else "issues"
        if self.command == "GET":
            page = int(query.rpartition("page=")[2])
            found = [one for one in self.server.texts[kind] if one["state"] == "open"][100 * (page - 1) : 100 * page]
            return [_as_github(one) if is_github else _as_gitlab(one) for one in found]
        text = body.get("body") or body.get("description") or ""
        if self.command == "POST":
            self.server.add(kind, WORKFLOW if is_github else REVIEWER, text, body.get("title", ""))
            return {}
        kept = self.server.texts[kind][int(words[-1])]
        if body.get("state") == "closed" or body.get("state_event") == "close":
            kept["state"] = "closed"
        else:
            kept["body"] = text
        return {}

    do_GET = do_POST = do_PATCH = do_PUT = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def _as_github(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": one["id"],
        "number": one["id"],
        "user": {"login": one["author"]},
        "title": one["title"],
        "body": one["body"],
    }


def _as_gitlab(one: dict[str, Any]) -> dict[str, Any]:
    names = {"author": {"username": one["author"]}, "title": one["title"]}
    return {"id": one["id"], "iid": one["id"], **names, "body": one["body"], "description": one["body"]}


@contextmanager
def running() -> Iterator[GitHost]:
    """Serve while the body runs."""
    host = GitHost()
    thread = threading.Thread(target=host.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield host
    finally:
        host.shutdown()
        thread.join()
        host.server_close()
