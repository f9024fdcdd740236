"""What was found, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Remedy(StrEnum):
    """Who can put right what was found."""

    REPAIR = "repair"
    """A repair."""
    REFRESH = "refresh"
    """An update after a refresh: the engine makes again what is gone."""
    MANUAL = "manual"
    """Somebody who looks at it."""


@dataclass(frozen=True)
class Finding:
    """Something on a host that is not as the stack left it."""

    host: str
    what: str
    remedy: Remedy = Remedy.REPAIR


@dataclass(frozen=True)
class Report:
    """What a look at all hosts of a stack has found."""

    stack: str
    hosts: int
    found: Sequence[Finding]
    repaired: Sequence[Finding] = ()

    @property
    def needs_refresh(self) -> bool:
        """Tell whether an update has to refresh first."""
        return any(finding.remedy is Remedy.REFRESH for finding in self.found)

    def text(self, repair: str = "", remake: str = "pulumi up --refresh") -> str:
        """Return the report for people: what is where, and who puts it right.

        Args:
            repair: The command that repairs; by default that for a stack of one's own.
            remake: The command that makes again what is gone.
        """
        by_remedy = {remedy: [finding for finding in self.found if finding.remedy is remedy] for remedy in Remedy}
        repair = repair or f"make drift STACK={self.stack} REPAIR=1"
        parts = [
            *_part("Repaired:", self.repaired),
            *_part(f"'{repair}' repairs:", by_remedy[Remedy.REPAIR]),
            *_part(f"'{remake}' creates again:", by_remedy[Remedy.REFRESH]),
            *_part("To check by hand:", by_remedy[Remedy.MANUAL]),
        ]
        if not self.found:
            parts.append(f"Stack {self.stack} is unchanged since the last update; hosts checked: {self.hosts}.")
        return "\n".join(parts)

    def json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(
            {
                "stack": self.stack,
                "hosts": self.hosts,
                "repaired": [{"host": finding.host, "what": finding.what} for finding in self.repaired],
                "drift": [asdict(finding) for finding in self.found],
            },
            indent=2,
        )


def _part(heading: str, findings: Sequence[Finding]) -> list[str]:
    return [heading, *(f"  {finding.host:<15} {finding.what}" for finding in findings)] if findings else []
