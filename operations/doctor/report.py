"""What was found on all hosts, for people and for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from operations.doctor.finding import Finding, Level
from operations.doctor.judge import Verdict
from operations.doctor.trust import State, Trust
from operations.doctor.visit import Host, Seen

_WIDTH = 140
"""Of what is no terminal."""
_NAMED = 3
"""So many hosts are named for a finding that several have."""
_STYLES = {State.TRUSTED: "green", State.WRONG: "red", State.MISSING: "yellow", State.UNKNOWN: "dim"}


@dataclass(frozen=True)
class Examined:
    """A host, and what is to be said of it."""

    seen: Seen
    verdict: Verdict | None
    """None where it did not answer."""

    @property
    def host(self) -> Host:
        """Which."""
        return self.seen.host

    @property
    def name(self) -> str:
        """As people know it."""
        return f"{self.host.name} (server)" if self.host.wanted.is_server else self.host.name


@dataclass(frozen=True)
class Report:
    """What a look at the hosts of a stack has found."""

    stack: str
    registry: str
    is_deployed: bool
    is_answering: bool
    """Whether the registry answered this machine: without that, trust is only compared with the last update."""
    now: datetime
    hosts: Sequence[Examined]

    @property
    def status(self) -> int:
        """The exit status: 2 if something is wrong, or a host did not answer."""
        wrong = any(one.verdict is None or _wrong(one.verdict.findings) for one in self.hosts)
        return 2 if wrong or (self.is_deployed and not self.is_answering) else 0

    def show(self, console: Console | None = None) -> None:
        """Print the report for people: a table, what was found, and what fits."""
        console = console or _console()
        with console.capture() as captured:
            console.print(self._table())
        # A terminal gets the columns as they are; a file gets no blanks at the ends of lines.
        text = captured.get()
        console.file.write(text if console.is_terminal else "".join(f"{row.rstrip()}\n" for row in text.splitlines()))
        for line in self._lines():
            console.print(Text(_plain(line)), soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for heading in ("HOST", "ANSWERS", "CLOCK", "INSTALLED", "TRUST", "LEFT"):
            table.add_column(heading, overflow="fold")
        for one in self.hosts:
            table.add_row(*self._row(one))
        return table

    def _row(self, one: Examined) -> list[Text]:
        verdict = one.verdict
        if verdict is None:
            return [Text(_plain(one.name)), Text(f"no: {one.seen.reason}", "red"), *[Text("")] * 4]
        days = verdict.days(self.now)
        return [
            Text(_plain(one.name)),
            Text("yes"),
            Text(_clock(verdict.offset)),
            Text(
                _plain("\n".join(f"{name} {version}".strip() for name, version in verdict.runtimes)) or "none of them"
            ),
            Text("\n").join(
                Text(_plain(f"{trust.label}: {self._state(trust)}"), _STYLES[trust.state])
                for trust in verdict.trust
                if _is_shown(trust, one.host.wanted.runtimes)
            ),
            Text("" if days is None else f"{days} days"),
        ]

    def _state(self, trust: Trust) -> str:
        return "not yet" if trust.state is State.MISSING and not self.is_deployed else trust.state

    def _lines(self) -> Iterator[str]:
        yield ""
        if not self.is_deployed:
            yield f"Stack {self.stack} has not been updated yet: no host is expected to trust {self.registry}."
        elif not self.is_answering:
            yield (
                f"{self.registry} does not answer this machine: trust is compared with the last update, and not with "
                "what is served."
            )
        wrong, notes = self._found(Level.WRONG), self._found(Level.NOTE)
        yield from _section("To fix:", wrong)
        yield from _section("Good to know:", notes)
        yield from _section("Proposed runtimes, to paste into private-registry:clients:", self._proposals())
        if self.status == 0:
            yield f"All is well; hosts checked: {len(self.hosts)}."

    def _found(self, level: Level) -> list[tuple[str, str]]:
        """Return hosts and what they have in common, each finding once."""
        by_finding: dict[str, list[str]] = {}
        for one in self.hosts:
            for what in _said(one, level):
                by_finding.setdefault(what, []).append(one.host.name)
        return [(_names(hosts), what) for what, hosts in by_finding.items()]

    def _proposals(self) -> list[tuple[str, str]]:
        found: dict[str, list[str]] = {}
        for one in self.hosts:
            proposed = one.verdict.proposal if one.verdict else ()
            if proposed and set(proposed) != set(one.host.wanted.runtimes):
                found.setdefault(f"runtimes: [{', '.join(proposed)}]", []).append(one.host.name)
        return [(_names(hosts), what) for what, hosts in found.items()]

    def json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(
            {
                "stack": self.stack,
                "registry": self.registry,
                "deployed": self.is_deployed,
                "answering": self.is_answering,
                "status": self.status,
                "hosts": [self._facts(one) for one in self.hosts],
            },
            indent=2,
        )

    def _facts(self, one: Examined) -> dict[str, object]:
        said: dict[str, object] = {
            "host": one.host.name,
            "server": one.host.wanted.is_server,
            "answers": one.verdict is not None,
            "reason": one.seen.reason,
            "failure": one.seen.failure,
        }
        if one.verdict is None or one.seen.facts is None:
            return said
        return {
            **said,
            "os": one.seen.facts.os,
            "clockOffsetSeconds": one.verdict.offset,
            "installed": dict(one.verdict.runtimes),
            "trust": [_told(trust) for trust in one.verdict.trust],
            "daysLeft": one.verdict.days(self.now),
            "findings": [asdict(finding) for finding in one.verdict.findings],
            "runtimes": list(one.host.wanted.runtimes),
            "proposedRuntimes": list(one.verdict.proposal),
        }


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def _wrong(findings: Sequence[Finding]) -> bool:
    return any(finding.level is Level.WRONG for finding in findings)


def _said(one: Examined, level: Level) -> list[str]:
    if one.verdict is None:
        return [f"did not answer ({one.seen.reason}): {one.seen.failure}"] if level is Level.WRONG else []
    return [finding.what for finding in one.verdict.findings if finding.level is level]


def _section(heading: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max((len(host) for host, _ in rows), default=0)
    if rows:
        yield heading
        yield from (f"  {host:<{width}}  {what}" for host, what in rows)


def _names(hosts: Sequence[str]) -> str:
    shown = ", ".join(hosts[:_NAMED])
    return shown if len(hosts) <= _NAMED else f"{shown} and {len(hosts) - _NAMED} more"


def _is_shown(trust: Trust, wanted: Sequence[str]) -> bool:
    """Tell whether trust is worth a line: the machine's store is where it helps, or should."""
    return trust.runtime != "system" or "system" in wanted or trust.state is State.TRUSTED


def _clock(offset: int) -> str:
    return "right" if offset == 0 else f"{offset:+d} s"


def _told(trust: Trust) -> dict[str, object]:
    return {
        "runtime": trust.runtime,
        "state": trust.state,
        "by": trust.by,
        "why": trust.why,
        "until": f"{trust.ends:%Y-%m-%dT%H:%M:%SZ}" if trust.ends else None,
        "verifies": trust.is_verifying,
    }


def _plain(text: str) -> str:
    """Return what does nothing on a terminal: a host has written a part of it."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
