"""A text file for the textfile collector of Prometheus' node exporter."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from operations.command_line import OperationError
from operations.expiry.certificates import Certificate
from operations.expiry.report import Report

_MODE = 0o644
"""The exporter is another user."""
Labels = Mapping[str, str]


def metrics(report: Report) -> str:
    """Return a report in Prometheus' text format."""
    limits, found = report.thresholds, report.certificates
    stack = {"stack": report.stack, "url": report.url}
    labels = [{**stack, **_labels(one)} for one in found]

    def each(values: Iterator[float]) -> list[tuple[Labels, float]]:
        return list(zip(labels, values, strict=True))

    families: Sequence[tuple[str, str, list[tuple[Labels, float]]]] = (
        ("check_success", "Whether the server showed its certificate.", [(stack, float(not report.failure))]),
        ("check_timestamp_seconds", "When it was checked.", [(stack, report.now.timestamp())]),
        ("not_before_timestamp_seconds", "When the certificate begins.", each(one.begin.timestamp() for one in found)),
        ("not_after_timestamp_seconds", "When the certificate ends.", each(one.end.timestamp() for one in found)),
        (
            "warning_threshold_seconds",
            "If less time is left: a warning.",
            each(limits.warning(one).total_seconds() for one in found),
        ),
        (
            "error_threshold_seconds",
            "If less time is left: an error.",
            each(limits.failure(one).total_seconds() for one in found),
        ),
    )
    return "".join(line for family in families for line in _lines(*family))


def _labels(one: Certificate) -> Labels:
    # Two authorities may share a name, and the same labels twice would make the exporter refuse the file.
    return {"kind": one.kind, "name": one.name, "renewal": one.renewal.by if one.renewal else "", "sha256": one.sha256}


def _lines(name: str, meaning: str, values: Sequence[tuple[Labels, float]]) -> Iterator[str]:
    name = f"private_registry_certificate_{name}"
    yield f"# HELP {name} {meaning}\n# TYPE {name} gauge\n"
    for labels, value in values:
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{told}}} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def write(report: Report, file: Path) -> None:
    """Put a report into a file, by a rename: the exporter never reads half of it.

    Raises:
        OperationError: It can't be written.
    """
    # The exporter reads no file with another ending than .prom.
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_text(metrics(report))
        new.chmod(_MODE)
        new.replace(file)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise OperationError(f"{file} can't be written: {error.strerror}") from None
