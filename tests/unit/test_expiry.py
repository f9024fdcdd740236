"""How long certificates last: the table at given moments, for each source, and what ends with which status."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.certificates import SOURCES
from components.settings import Settings
from lab import summary
from lab.places import PROJECT
from operations.command_line import OperationError
from operations.expiry import Report, Thresholds, look
from operations.expiry.__main__ import main
from operations.expiry.metrics import metrics, write
from operations.expiry.served import served
from tests.unit.authority import Pair, issue
from tests.unit.conftest import BASE
from tests.unit.test_certificates import EXAMPLES, IMAGES

URL = "https://registry.test"
ROOT = issue("root", authority=True, ends=3650)
BETWEEN = issue("intermediate", ROOT, authority=True, ends=1000)
ALL = (31, 8, 2, 0, -2)
"""Whole days that are left, with three hours besides; of -2 a day and 21 hours are over."""
OK, WARNING, ERROR = 0, 3, 2


def leaf(life: int, issuer: Pair = ROOT) -> Pair:
    return issue("server", issuer, ["registry.test"], ends=life - 1)


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the server serve a chain."""

    def serve(*chain: Pair) -> None:
        monkeypatch.setattr("operations.expiry.stack.served", lambda *_: [one.certificate for one in chain])

    return serve


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing answer."""

    def fail(url: str, *_: object) -> None:
        raise OperationError(f"{url} does not answer: refused")

    monkeypatch.setattr("operations.expiry.stack.served", fail)


def outputs(renewal: object = None, *authorities: Pair) -> dict[str, object]:
    return {"url": URL, "renewal": renewal, "ca_certificate": "".join(one.pem for one in authorities)}


def left(report: Report, days: int) -> Report:
    """Return a report as it is when the first certificate has so many days left, and three hours."""
    return replace(report, now=report.certificates[0].end - timedelta(days=days, hours=3))


def states(report: Report, days: Sequence[int] = ALL) -> list[str]:
    return [left(report, one).state(report.certificates[0]) for one in days]


def renewal_of(kind: str) -> dict[str, str | int]:
    settings = {**BASE, "certificate": EXAMPLES[kind].certificate, "images": IMAGES}
    return Settings.model_validate(settings).certificate.renewal.told


def by_update(days: int) -> dict[str, object]:
    return {"by": "update", "days": days}


BY_SERVER: dict[str, object] = {"by": "server"}


BY_AN_UPDATE = "Run an update. If you provide the certificate: configure a new chain and key before."
BY_ITSELF = "The server does not renew its certificate. To find the reason: see docs/acme.md."
OF_EACH_SOURCE: dict[str, tuple[int, dict[str, object], str, str]] = {
    "SelfSigned": (365, by_update(30), "an update in its last 30 days", BY_AN_UPDATE),
    "SigningAuthority": (365, by_update(30), "an update in its last 30 days", BY_AN_UPDATE),
    "Provided": (90, {"by": "you"}, "you, with a new chain and key", BY_AN_UPDATE),
    "Acme": (90, BY_SERVER, "the server, by itself", BY_ITSELF),
}
"""The life of a certificate in days, who renews it, in which words, and what to do if nobody does."""


@pytest.mark.parametrize("kind", [source.__name__ for source in SOURCES])
def test_the_table_of_each_source_at_given_moments(serving: Callable[..., None], kind: str) -> None:
    life, renewal, who, advice = OF_EACH_SOURCE[kind]
    assert renewal_of(kind) == renewal
    serving(leaf(life))
    report = look(outputs(renewal, ROOT))
    end = r"20\d\d-\d\d-\d\d \d\d:\d\d UTC"
    for days, status, words, state in (
        (31, OK, "31 days", "ok"),
        (8, WARNING, "8 days", "warning"),
        (2, ERROR, "2 days", "error"),
        (0, ERROR, "3 hours", "error"),
        (-1, ERROR, "ended 21 hours ago", "ended"),
        (-2, ERROR, "ended yesterday", "ended"),
    ):
        then = left(report, days)
        heading, first, second, *more = then.text().splitlines()
        assert heading.split() == ["LEFT", "UNTIL", "STATE", "WHAT", "RENEWED", "BY"]
        assert re.fullmatch(rf"{words} +{end}  {state} +what {URL} serves  {who}", first), first
        assert re.fullmatch(rf"3\d\d\d days +{end}  ok +authority root +you, in three updates", second), second
        assert more == ([] if status == OK else [advice])
        assert then.status == status
        of_server = json.loads(then.json())["certificates"][0]
        assert (of_server["days"], of_server["state"], of_server["renewal"]) == (days, state, renewal)
        assert f'kind="server",name="what {URL} serves",renewal="{renewal["by"]}",' in metrics(then)


@pytest.mark.parametrize(
    ("life", "renewal", "days", "expected"),
    [
        (6, BY_SERVER, (2, 0, -2), ["ok", "error", "ended"]),
        (45, BY_SERVER, ALL, ["ok", "warning", "error", "error", "ended"]),
        (45, BY_SERVER, (10, 9, 4), ["ok", "ok", "error"]),
        (365, by_update(10), ALL, ["ok", "ok", "error", "error", "ended"]),
        (365, by_update(60), (21, 20), ["ok", "warning"]),
        (365, None, (21, 20, 7, 6), ["ok", "warning", "warning", "error"]),
    ],
)
def test_what_lives_shorter_or_is_renewed_later_is_overdue_later(
    serving: Callable[..., None], life: int, renewal: object, days: Sequence[int], expected: list[str]
) -> None:
    serving(leaf(life))
    assert states(look(outputs(renewal)), days) == expected


@pytest.mark.parametrize("renewal", [None, "an update in its last 10 days", {"by": "somebody"}, {"by": "update"}])
def test_what_outputs_of_another_version_tell_is_unknown_and_no_sentence_is_read(
    serving: Callable[..., None], renewal: object
) -> None:
    serving(leaf(365))
    then = left(look(outputs(renewal, ROOT)), 8)
    first, second, advice = then.text().splitlines()[1:]
    assert first.endswith(f"warning  what {URL} serves  unknown"), "21 days count, and not 7 of the 10"
    assert second.endswith("you, in three updates")
    assert advice == BY_AN_UPDATE, "which brings the output"
    assert json.loads(then.json())["certificates"][0]["renewal"] is None
    assert f'name="what {URL} serves",renewal="",' in metrics(then)


def test_thresholds_that_are_given_count_for_all(serving: Callable[..., None]) -> None:
    serving(leaf(6))
    assert states(look(outputs(), Thresholds(warn=5, error=2)), (5, 4, 1)) == ["ok", "warning", "error"]
    assert states(look(outputs(), Thresholds(warn=5)), (4, 2)) == ["warning", "error"]


def test_an_authority_has_to_be_replaced_earlier(serving: Callable[..., None]) -> None:
    for days, status in ((90, OK), (89, WARNING), (20, ERROR), (-1, ERROR)):
        authority = issue("root", authority=True, starts=-1000, ends=days + 1)
        serving(leaf(365))
        report = look(outputs(by_update(30), authority))
        report = replace(report, now=report.now + timedelta(hours=20))
        assert report.status == status, days
        assert ("three updates." in report.text()) == (status != OK)


def test_what_is_sent_along_ends_too(serving: Callable[..., None]) -> None:
    short = issue("short", ROOT, authority=True, starts=-1000, ends=3)
    serving(leaf(365, short), short, ROOT)
    report = look(outputs({"by": "you"}, ROOT))
    assert [one.name for one in report.certificates] == [f"what {URL} serves", "sent along: short", "authority root"]
    assert report.status == ERROR


@pytest.mark.usefixtures("silent")
def test_authorities_are_told_of_where_nothing_answers() -> None:
    report = look(outputs(None, ROOT))
    assert report.status == 1
    assert report.text().count("\n") == 1
    gone = issue("root", authority=True, starts=-10, ends=-1)
    assert look(outputs(None, gone)).status == ERROR, "what is known to be over is no question"
    assert "private_registry_certificate_check_success{" in metrics(report)
    assert re.search(r"^private_registry_certificate_check_success{.*} 0$", metrics(report), re.M)


def test_programs_get_all_of_it(serving: Callable[..., None]) -> None:
    server = leaf(365)
    serving(server)
    said = json.loads(left(look(outputs(by_update(30), ROOT), stack="prod"), 8).json())
    assert (said["stack"], said["url"], said["failure"], said["status"]) == ("prod", URL, "", WARNING)
    first, second = said["certificates"]
    assert first == {
        "kind": "server",
        "name": f"what {URL} serves",
        "sha256": server.certificate.fingerprint(server.certificate.signature_hash_algorithm).hex(),  # type: ignore[arg-type]
        "from": f"{server.certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
        "until": f"{server.certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "days": 8,
        "state": "warning",
        "renewal": {"by": "update", "days": 30},
        "warnBelowDays": 21.0,
        "errorBelowDays": 7.0,
    }
    assert second["kind"] == "authority"


SAMPLE = re.compile(r'(private_registry_certificate_[a-z_]+){((?:[a-z0-9]+="(?:[^"\\\n]|\\[\\n"])*",?)+)} (\S+)')


def test_the_text_file_is_what_node_exporter_reads(serving: Callable[..., None], tmp_path: Path) -> None:
    serving(leaf(90))
    odd = [issue('the "old\\new\n" root', authority=True) for _ in range(2)]
    report = look(outputs(BY_SERVER, *odd), stack="prod")
    file = tmp_path / "registry.prom"
    file.write_text("old")
    with file.open() as read_meanwhile:
        write(report, file)
        assert read_meanwhile.read() == "old", "a reader never has half of it"
    assert r'authority the "old\new?" root' in report.text(), "a table has a line for each"
    text = file.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["registry.prom"]
    assert file.stat().st_mode & 0o777 == 0o644
    assert text.endswith("\n")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            _, word, name, *_ = line.split(" ")
            assert (word, name in found) in {("HELP", False), ("TYPE", True)}
            found.setdefault(name, [])
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            assert sample[1] == name, "each sample stands below its name"
            found[name].append(sample[2])
            float(sample[3])
    assert {name: len(labels) for name, labels in found.items()} == {
        f"private_registry_certificate_{name}": count
        for name, count in {
            "check_success": 1,
            "check_timestamp_seconds": 1,
            "not_before_timestamp_seconds": 3,
            "not_after_timestamp_seconds": 3,
            "warning_threshold_seconds": 3,
            "error_threshold_seconds": 3,
        }.items()
    }
    assert all(len(set(labels)) == len(labels) for labels in found.values()), "a collector takes none twice"
    end = int(report.certificates[0].end.timestamp())
    assert re.search(rf'not_after_timestamp_seconds{{stack="prod",url="{URL}",kind="server",.*}} {end}$', text, re.M)
    assert re.search(r'warning_threshold_seconds{.*kind="server".*} 1555200$', text, re.M), "a fifth of 90 days"


def test_a_text_file_that_cant_be_written_is_said(serving: Callable[..., None], tmp_path: Path) -> None:
    serving(leaf(90))
    with pytest.raises(OperationError, match=r"none/registry.prom can't be written: No such file or directory"):
        write(look(outputs()), tmp_path / "none/registry.prom")
    (tmp_path / "folder.prom").mkdir()
    with pytest.raises(OperationError, match="can't be written"):
        write(look(outputs()), tmp_path / "folder.prom")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.prom"], "nothing is left of it"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([], OK),
        (["--warn", "100"], WARNING),
        (["--days", "100"], WARNING),
        (["--error", "100"], ERROR),
        (["--json"], OK),
        (["--warn", "soon"], 1),
    ],
)
def test_the_command_ends_as_it_says(
    serving: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
) -> None:
    serving(leaf(90))
    monkeypatch.setattr(
        "operations.expiry.__main__.outputs_of", lambda stack: {**outputs(None, ROOT), "url": f"https://{stack.stack}"}
    )
    assert _ended(monkeypatch, "--stack", "prod", *words) == status
    if status != 1:
        assert "prod" in capsys.readouterr().out


def test_a_url_is_enough_and_without_it_a_stack_is_needed(
    serving: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    serving(leaf(90), BETWEEN)
    file = tmp_path / "registry.prom"
    assert _ended(monkeypatch, "--url", URL, "--prometheus", str(file)) == OK
    assert re.search(rf"^8\d days .* ok +what {URL} serves +unknown$", capsys.readouterr().out, re.M)
    assert 'stack="",url=' in file.read_text()
    assert _ended(monkeypatch) == 1
    assert "--stack is needed, or --url" in capsys.readouterr().err
    assert _ended(monkeypatch, "--stack", "prod") == 1
    assert "the Pulumi CLI is not on the PATH" in capsys.readouterr().err


def _ended(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["expiry", *words])
    try:
        return main()
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Serve a chain on a port of this machine, as nginx would."""
    listening: list[socket.socket] = []

    def serve(asked: list[str | None], *chain: Pair) -> int:
        (tmp_path / "chain.pem").write_text("".join(one.pem for one in chain))
        (tmp_path / "key.pem").write_text(chain[0].key_pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
        context.sni_callback = lambda _stream, name, _context: asked.append(name)
        listening.append(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=_accept, args=(listening[-1], context), daemon=True).start()
        return int(listening[-1].getsockname()[1])

    yield serve
    for one in listening:
        with closing(one):
            one.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        connection, _ = listening.accept()
        with context.wrap_socket(connection, server_side=True) as stream:
            stream.recv(1)


@pytest.mark.parametrize(("host", "name"), [("127.0.0.1", None), ("localhost", "localhost")])
def test_a_server_is_asked_what_it_serves_though_it_has_ended(
    server: Callable[..., int], host: str, name: str | None
) -> None:
    asked: list[str | None] = []
    ended = issue("server", BETWEEN, ["localhost"], starts=-10, ends=-1)
    found = served(f"https://{host}:{server(asked, ended, BETWEEN)}")
    assert list(found) == [ended.certificate, BETWEEN.certificate]
    assert asked == [name]


def test_each_of_several_servers_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ACME each has a certificate of its own, and one may fail to renew it."""
    one, another = issue("server", ROOT, ["registry.test"], ends=90), issue("server", ROOT, ["registry.test"], ends=5)
    answers = {"10.0.0.5": [one], "10.0.0.6": [one], "192.0.2.7": [another]}

    def ask(url: str, at: str, is_behind_balancer: bool) -> list[Any]:
        assert (url, is_behind_balancer) == ("https://registry.test", True)
        if at not in answers:
            raise OperationError(f"{url} does not answer: refused.")
        return [pair.certificate for pair in answers[at]]

    monkeypatch.setattr("operations.expiry.stack.served", ask)
    addresses = {"10.0.0.5": "10.0.0.5", "b": "10.0.0.6", "c": "192.0.2.7", "d": "10.0.0.8"}
    servers = {name: {"address": at, "proxyProtocol": True} for name, at in addresses.items()}
    report = look({"url": "https://registry.test", "renewal": BY_SERVER, "servers": servers})
    assert [found.name for found in report.certificates] == [
        "what server 10.0.0.5, server b serve",
        "what server c serves",
    ]
    assert report.failure == "server d: https://registry.test does not answer: refused."
    assert report.status == 1


def test_what_does_not_answer_as_a_registry_does_is_said(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        place = f"https://127.0.0.1:{listening.getsockname()[1]}"
        for answer, why in (
            (b"", "the connection was closed"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the TLS handshake failed: .*packet length.*"),
        ):
            threading.Thread(target=_answer, args=(listening, answer), daemon=True).start()
            with pytest.raises(OperationError, match=rf"^{place} does not answer: {why}\. Check that this machine"):
                served(place)
    with pytest.raises(OperationError, match="refused"):
        served(place)


def _answer(listening: socket.socket, text: bytes) -> None:
    connection, _ = listening.accept()
    with closing(connection):
        connection.recv(4096)
        connection.sendall(text)


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_the_nightly_job_has_an_issue_for_a_warning_too(tmp_path: Path, status: int) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(PROJECT / ".ci/watch", tmp_path / ".ci")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@"\ncase $* in *expiry*) exit {status} ;; esac\n')
    python.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([tmp_path / ".ci/watch", "prod"], env=env, check=True, capture_output=True)
    assert (tmp_path / "watch/drift.md").read_text() == ""
    said = "~~~text\n-m operations.expiry --stack prod\n~~~\n"
    assert (tmp_path / "watch/expiry.md").read_text() == (said if status else "")


def test_the_summary_of_the_lab_tells_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    now, days_of = datetime.now(UTC), {"server certificate": 364, "CN=authority": 1}
    ends = {name: f"{now + timedelta(days=days, hours=1):%Y-%m-%dT%H:%M:%SZ}" for name, days in days_of.items()}
    known = {"url": URL, "registry": "registry.test", "renewal": {"by": "you"}, "ends": ends, "clients": {}}
    monkeypatch.setattr("lab.stack.pulumi", lambda *_: json.dumps({**known, "verification": {}}))
    monkeypatch.setattr("lab.stack.users", lambda: [{"name": "ci", "passwordFile": "file", "access": "push"}])
    heading = "Certificates, days left, and who renews the server certificate: you, with a new chain and key"
    shown = [re.sub(r"20\d\d-\d\d-\d\d", "DAY", line) for line in summary.text().splitlines()]
    assert shown[shown.index(heading) :][1:4] == [
        "  364 days      until DAY    server certificate",
        "  1 day         until DAY    authority",
        "",
    ]
