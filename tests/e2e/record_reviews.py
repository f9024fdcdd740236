"""Records what the engine says of each kind of change, for tests/unit/test_review.py.

Run by hand where the components have changed; it takes two to five minutes::

    python -m tests.e2e.record_reviews

It updates a stack in front of two of the lab's hosts, writes the events of each kind of preview, cut down to what a
review reads of them, to tests/unit/review/KIND.jsonl with the review of them beside it, and removes stack and hosts.
Read what ``git diff`` shows of the reviews: each has to be true, and clear to somebody who does not know the engine.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lab import docker, engine, hosts, images
from lab.places import PROJECT
from lab.run import LabError, say, succeeds
from review.events import parse
from review.render import markdown, text
from tests.e2e.conftest import NETWORK, settings
from tests.e2e.hosts import PREFIX, Hosts
from tests.e2e.stack import Stack
from tests.unit.authority import issue

RECORDED = PROJECT / "tests/unit/review"
NAME = "review"
FAILING = ("invalid", "protected", "rule-broken")
OTHER = f"@sha256:{'b' * 64}"
"""Of images that nobody pulls: a preview does not look at them."""

CERTIFICATE = ("source", "names", "signer", "anchors", "authorities", "served", "rotation", "keyType")

READ: Mapping[str, tuple[str, ...]] = {
    "Container": ("image", "memory", "ports"),
    "RemoteImage": ("name",),
    "Volume": ("name",),
    "Users": ("users", "passwords", "anonymousPull"),
    **dict.fromkeys(("SelfSignedCertificate", "SigningAuthorityCertificate"), CERTIFICATE),
    "AcmeCertificate": (*CERTIFICATE, "directory", "challenge", "dnsProvider", "profile", "keyType", "renewal"),
    "ClientsTrust": ("registry", "hosts", "logins", "runtimes", "trusted", "share", "placed", "missing", "dropped"),
    "ClientsVerification": ("hosts", "verify", "generation", "proven", "removed"),
    "ReleasedFiles": ("host", "bundle", "place", "files"),
    "Proxy": ("nginxConf", "laterAddresses", "proxyProtocol"),
    "Registry": ("storage",),
    "S3Storage": ("keys",),
    "LayerCache": ("gib",),
    "Network": ("name",),
    "CertRequest": ("dnsNames", "ipAddresses"),
    "SelfSignedCert": ("subject", "validityPeriodHours", "certPem"),
    "LocallySignedCert": ("caCertPem", "earlyRenewalHours", "validityPeriodHours", "validityEndTime"),
}
"""Type -> what a review reads of a resource."""

MADE = ("certPem", "validityEndTime", "authorities", "placed", "missing", "dropped", "proven", "removed")
"""What of it are outputs."""

READ_IF_CHANGED = ("ports", "caCertPem", "nginxConf")
"""What of it is read only where it differs."""

READ_IF_THE_SAME = {"Volume", "Container", "LocallySignedCert"}
"""Types of what a review reads also where it does not change, besides all components."""


def main() -> None:
    """Record all kinds."""
    with tempfile.TemporaryDirectory() as folder, _client_hosts(Path(folder)) as (found, client_hosts):
        (Path(folder) / "stack").mkdir()
        stack = Stack(Path(folder) / "stack", NAME, settings(found, client_hosts, "one", "two"))
        stack.configure(certificate=_signed_by("2026"))
        try:
            _record_life(stack, client_hosts)
        finally:
            stack.configure(deleteData=True, protect=None)
            stack.up()
            stack.destroy()


@contextmanager
def _client_hosts(state: Path) -> Iterator[tuple[dict[str, str], Hosts]]:
    engine.ensure()
    docker.ensure()
    os.environ.update(engine.environment())
    found = images.ensure()
    hosts.remove(NETWORK)
    try:
        yield found, Hosts(NETWORK, found["client"], state)
    finally:
        hosts.remove(NETWORK)


def _record_life(stack: Stack, client_hosts: Hosts) -> None:
    """Record from the first update to the last."""
    record(stack, "first")
    stack.up()
    _record_server(stack)
    _record_clients(stack, client_hosts)
    _record_certificates(stack)
    record(stack, "destroy", command=("destroy", "--preview-only"))
    record(stack, "delete-data", deleteData=True)
    stack.configure(deleteData=True, certificate=_signed_by("2026", "2027"))
    stack.up()
    record(stack, "authority-moved-first", certificate=_signed_by("2027", "2026"))
    record(stack, "authority-dropped", certificate=_signed_by("2026"))
    record(stack, "authority-first-dropped", certificate=_signed_by("2027"))
    _record_signing_authority(stack)
    _record_acme(stack)
    record(stack, "destroy-data", command=("destroy", "--preview-only"))
    stack.configure(deleteData=None, protect=True)
    stack.up()
    record(stack, "protected", certificate=_signed_by("2028"))


def _record_server(stack: Stack) -> None:
    record(stack, "nothing")
    record(stack, "invalid", domain="registry test")
    record(stack, "user-added", users=[*stack.settings["users"], {"name": "new", "password": "another good one"}])
    [ci] = stack.settings["users"]
    rights = {"access": "admin", "repositories": ["team", "web"]}
    record(stack, "user-changed", users=[{**ci, "password": "another good one", **rights}])
    record(stack, "user-removed", users=[{"name": "new", "password": "another good one", "access": "pull"}])
    record(stack, "nginx-memory", limits={"nginxMemory": 300})
    record(stack, "registry-memory", limits={"registryMemory": 768})
    record(stack, "nginx-image", images={**stack.settings["images"], "nginx": f"nginx:1.30-alpine{OTHER}"})
    record(stack, "registry-image", images={**stack.settings["images"], "registry": f"registry:3.0.0{OTHER}"})
    with stack.altered("nginx_timeout"):
        record(stack, "nginx-setting")
    with stack.altered("open_to_all"):
        record(stack, "rule-broken", command=("preview", "--policy-pack", str(PROJECT / "policies/run")))
    record(stack, "domain", domain="hub.test")
    record(stack, "port", httpsPort=8443)
    record(stack, "server-directory", serverDirectory="/srv/other")
    # A preview asks no bucket.
    keys = {"accessKeyId": "id", "secretAccessKey": "secret"}
    record(stack, "bucket", storage={"type": "s3", "bucket": "our-images", "region": "eu-central-1", **keys})


def _record_clients(stack: Stack, client_hosts: Hosts) -> None:
    one, two = stack.settings["clients"]
    record(stack, "client-added", clients=[one, two, dict(client_hosts.clients["three"])])
    many = [{**one, "host": f"10.9.{number // 100}.{number % 100}"} for number in range(200)]
    record(stack, "many-clients", clients=[one, two, *many])
    record(stack, "client-removed", clients=[one])
    record(stack, "client-user", clients=[one, {**two, "user": "root"}])
    record(stack, "hosts-entry", clients=[{**one, "hostsEntry": f"{PREFIX}.9"}, two])
    record(stack, "client-runtimes", clients=[{**one, "runtimes": ["docker", "system"]}, two])
    record(stack, "no-verification", verification=False)


def _record_certificates(stack: Stack) -> None:
    record(stack, "certificate-rotation", certificate={**_signed_by("2026"), "rotation": "2026-11"})
    record(stack, "validity", certificate={**_signed_by("2026"), "validityDays": 200})
    record(stack, "authority-added", certificate=_signed_by("2026", "2027"))
    stack.edit_state(lambda resource: _age(resource, 340))
    record(stack, "renewal")
    stack.edit_state(lambda resource: _age(resource, -340))


def _record_signing_authority(stack: Stack) -> None:
    """Record the three steps to an authority of the team's own, and the second one without the first."""
    root = issue("team root", authority=True, ends=3000)
    between = issue("team intermediate", root, authority=True, ends=3000)
    signing = {"source": "signing-authority", "chain": between.pem, "key": between.key_pem()}
    own = stack.outputs()["ca_certificate"]
    own_ones = stack.settings["certificate"]
    record(stack, "signing-authority-trusted", certificate={**own_ones, "authority": root.pem})
    record(stack, "signing-authority-signs", certificate={**signing, "authority": own + root.pem})
    record(stack, "signing-authority-unprepared", certificate={**signing, "authority": root.pem})


def _record_acme(stack: Stack) -> None:
    """Record the move to an authority that gives certificates by ACME, with the old one besides."""
    of_lego = {**stack.settings["images"], "lego": f"goacme/lego:v4.35.2{OTHER}"}
    asked = {"source": "acme", "email": "ops@example.com", "profile": "shortlived"}
    own = stack.outputs()["ca_certificate"]
    record(stack, "acme", images=of_lego, certificate={**asked, "public": True, "authority": own})


def _signed_by(*authorities: str) -> dict[str, Any]:
    return {"authorities": list(authorities)}


def _age(resource: dict[str, Any], days: int) -> None:
    """Make the server certificate so much older, as if the clock were later."""
    outputs = resource.get("outputs", {})
    if resource["type"].endswith(":LocallySignedCert"):
        end = datetime.fromisoformat(outputs["validityEndTime"]) - timedelta(days=days)
        outputs["validityEndTime"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")


def record(stack: Stack, kind: str, command: Sequence[str] = ("preview",), **changes: Any) -> None:
    """Write the events and the review of a preview with other settings; the stack keeps those it has.

    Raises:
        LabError: The preview fails, or does not although the settings are invalid.
    """
    before = dict(stack.settings)
    stack.configure(**changes)
    stack.write()
    stack.settings = before
    # The events hold the settings, so they lie where nobody else may read.
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "events.jsonl")
        place = ["--stack", NAME, "--cwd", str(stack.folder), "--non-interactive", "--event-log", str(written)]
        # Without the variable the command line knows no --event-log.
        env = {**stack.env, "PULUMI_DEBUG_COMMANDS": "true"}
        if succeeds([engine.pulumi(), *command, *place], timeout=300, env=env) == (kind in FAILING):
            raise LabError(f"the preview of {kind} ended otherwise than it should")
        lines = written.read_text().splitlines()
    events = RECORDED / f"{kind}.jsonl"
    events.write_text("".join(f"{json.dumps(event, sort_keys=True)}\n" for event in trimmed(lines)))
    write_review(events)
    say(f"  {kind}: {events.stat().st_size} bytes")


def write_review(events: Path) -> None:
    """Write the review beside the events; as a terminal shows it too, where that is there already."""
    preview = parse(events.read_text().splitlines())
    events.with_suffix(".md").write_text(f"{markdown(preview)}\n")
    table = events.with_suffix(".txt")
    if table.exists():
        table.write_text(f"{text(preview, width=100)}\n")


def trimmed(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Return the events that a review reads, with what it reads of them."""
    for event in map(json.loads, lines):
        if "resourcePreEvent" in event:
            metadata = event["resourcePreEvent"]["metadata"]
            kept = {"metadata": _metadata(metadata)} if _is_read(metadata) else None
        elif "summaryEvent" in event:
            kept = _only(event["summaryEvent"], "resourceChanges", "result")
        elif "policyEvent" in event:
            kept = _only(event["policyEvent"], "enforcementLevel", "message", "policyName")
        elif event.get("diagnosticEvent", {}).get("severity") == "error":
            kept = _only(event["diagnosticEvent"], "message", "severity")
        else:
            kept = None
        if kept:
            [key] = event.keys() - {"sequence", "timestamp"}
            yield {key: kept, "timestamp": event["timestamp"]}


def _is_read(metadata: Mapping[str, Any]) -> bool:
    is_component = metadata["type"].startswith("private-registry:")
    return metadata["op"] != "same" or is_component or _type(metadata) in READ_IF_THE_SAME


def _type(metadata: Mapping[str, Any]) -> str:
    return str(metadata["type"]).rpartition(":")[2]


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    # The three steps of a replacement say the same.
    is_told = metadata["op"] in ("create-replacement", "delete-replaced")
    old, new = (None if is_told else _state(metadata, side) for side in ("old", "new"))
    return {**_only(metadata, "diffs", "op", "type", "urn"), "old": old, "new": new}


def _state(metadata: Mapping[str, Any], side: str) -> dict[str, Any] | None:
    state = metadata.get(side)
    if not state:
        return None
    read = READ.get(_type(metadata), ())
    inputs = _only(state["inputs"], *(key for key in read if key not in READ_IF_CHANGED or _differs(metadata, key)))
    outputs = _only(state.get("outputs") or {}, *(key for key in read if key in MADE))
    return {"inputs": inputs, "outputs": outputs, **_only(state, "retainOnDelete", "parent")}


def _differs(metadata: Mapping[str, Any], key: str) -> bool:
    old, new = ((metadata.get(side) or {}).get("inputs", {}).get(key) for side in ("old", "new"))
    return bool(old != new)


def _only(mapping: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: mapping[key] for key in keys if mapping.get(key)}


if __name__ == "__main__":
    main()
