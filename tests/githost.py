"""A server that keeps comments and issues as GitHub and GitLab do, as far as a workflow asks it."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

TOKEN = "token"
WORKFLOW, REVIEWER = "github-actions[bot]", "reviewer"


class GitHost(HTTPServer):
    """Answers on a port of its own, below the paths of servers that somebody runs."""

    def __init__(self, certificate: Path | None = None) -> None:
        """Serve, with TLS where a certificate is given; its file holds the key too."""
        super().__init__(("127.0.0.1", 0), _Requests)
        self.texts: dict[str, list[dict[str, Any]]] = {"comments": [], "issues": []}
        self.seen: list[tuple[str, str]] = []
        self.refuses = False
        self.stumbles = 0
        """How many of the next requests it answers with 502."""
        self._scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self._scheme = "https"

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server_address[1]}"

    def github(self) -> dict[str, str]:
        """Return the variables of a workflow's run for pull request 7."""
        names = {"GITHUB_REPOSITORY": "team/registry", "GITHUB_TOKEN": TOKEN, "PULL_REQUEST": "7"}
        return {"GITHUB_API_URL": f"{self.url}/api/v3", **names}

    def gitlab(self) -> dict[str, str]:
        """Return the variables of a job for merge request 7."""
        names = {"CI_MERGE_REQUEST_IID": "7", "CI_PROJECT_ID": "3", "REVIEW_TOKEN": TOKEN}
        return {"CI_API_V4_URL": f"{self.url}/git/api/v4", **names}

    def add(self, kind: str, author: str, body: str, title: str = "", is_request: bool = False) -> None:
        """Keep a text that somebody has written; a pull request is among GitHub's issues too."""
        one = {"id": len(self.texts[kind]), "author": author, "title": title, "body": body, "is_request": is_request}
        self.texts[kind].append({**one, "state": "open"})

    def bodies(self, kind: str) -> list[str]:
        """Return what stands there, of issues those that are open."""
        return [text["body"] for text in self.texts[kind] if text["state"] == "open"]


class _Requests(BaseHTTPRequestHandler):
    server: GitHost
    _next = ""
    """Where the next part of a list is."""

    def _answer(self) -> None:
        self.server.seen.append((self.command, self.path.partition("?")[0]))
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        given = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix("token ")
        if self.server.stumbles:
            self.server.stumbles -= 1
            self._send(502, {"message": "try again"})
        elif given.removeprefix("Bearer ") != TOKEN or self.server.refuses:
            self._send(403, {"message": "Forbidden"})
        else:
            self._send(201 if self.command == "POST" else 200, self._reply(body))

    def _send(self, status: int, reply: Any) -> None:
        content = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self._next:
            self.send_header("Link", f'<{self._next}>; rel="next"')
        self.end_headers()
        self.wfile.write(content)

    def _reply(self, body: dict[str, str]) -> Any:
        url = urlsplit(self.path)
        words = url.path.split("/")
        if words[-1] == "user":
            return {"id": 1, "username": REVIEWER}
        shown = self._as_github if "repos" in words else self._as_gitlab
        kind = "comments" if {"comments", "notes"} & set(words) else "issues"
        texts = self.server.texts[kind]
        if self.command == "POST":
            author = WORKFLOW if "repos" in words else REVIEWER
            self.server.add(kind, author, body.get("body") or body.get("description") or "", body.get("title", ""))
            return shown(texts[-1])
        if words[-1] in ("comments", "notes", "issues"):
            return [shown(one) for one in self._page([one for one in texts if one["state"] == "open"], url)]
        kept = texts[int(words[-1])]
        if body.get("state") == "closed" or body.get("state_event") == "close":
            kept["state"] = "closed"
        elif body:
            kept["body"] = body.get("body") or body.get("description")
        return shown(kept)

    def _page(self, found: list[dict[str, Any]], url: SplitResult) -> list[dict[str, Any]]:
        """Return the part that is asked for, and tell where the next one is, in no way that could be guessed."""
        query = parse_qs(url.query)
        size, start = int(query["per_page"][0]), int(query.get("after", ["0"])[0])
        if start + size < len(found):
            self._next = f"{self.server.url}{url.path}?per_page={size}&after={start + size}"
        return found[start : start + size]

    def _as_github(self, one: dict[str, Any]) -> dict[str, Any]:
        path = "comments/" if one in self.server.texts["comments"] else ""
        request = {"pull_request": {"url": "of a pull request"}} if one["is_request"] else {}
        return {
            "id": one["id"],
            "number": one["id"],
            "url": f"{self.server.url}/api/v3/repos/team/registry/issues/{path}{one['id']}",
            "user": {"login": one["author"]} if one["author"] else None,
            "title": one["title"],
            "body": one["body"] or None,
            **request,
        }

    @staticmethod
    def _as_gitlab(one: dict[str, Any]) -> dict[str, Any]:
        names = {"author": {"username": one["author"]}, "title": one["title"]}
        return {"id": one["id"], "iid": one["id"], **names, "body": one["body"], "description": one["body"]}

    do_GET = do_POST = do_PATCH = do_PUT = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def running(certificate: Path | None = None) -> Iterator[GitHost]:
    """Serve while the body runs, with TLS where a file with a certificate and its key is given."""
    host = GitHost(certificate)
    thread = threading.Thread(target=host.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield host
    finally:
        host.shutdown()
        thread.join()
        host.server_close()
