"""How rendered files differ, where they hold no secret."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from review.clients import authority_changes
from review.events import Preview
from review.impact import named, of_registry

_PROXY, _CONFIG = ":Proxy", "nginxConf"
_CONTEXT = 2


@dataclass(frozen=True)
class FileDifference:
    """The lines that a file gains and loses."""

    file: str
    lines: tuple[str, ...]


def file_differences(preview: Preview) -> list[FileDifference]:
    """Return the differences of nginx.conf and of the lists of authorities."""
    return [
        replace(one, file=of_registry(name, one.file))
        for name, part in preview.registries.items()
        for one in (*_configurations(part), *_authorities(part))
    ]


def _configurations(preview: Preview) -> Iterator[FileDifference]:
    for component in preview.changes:
        before, after = (state.text(_CONFIG) for state in (component.old, component.new))
        if component.type.endswith(_PROXY) and before and after and before != after:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), "now", "then", n=_CONTEXT, lineterm=""
            )
            yield FileDifference("nginx.conf", tuple(lines))


def _authorities(preview: Preview) -> Iterator[FileDifference]:
    hosts: dict[tuple[str, ...], list[str]] = {}
    for host, (gained, lost) in authority_changes(preview):
        hosts.setdefault((*(f"-{one}" for one in lost), *(f"+{one}" for one in gained)), []).append(host)
    for lines, found in hosts.items():
        if lines:
            yield FileDifference(f"ca.crt, its CA certificates ({named(found)})", lines)
