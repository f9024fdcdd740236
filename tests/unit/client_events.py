"""What the two resources that all clients are say of themselves, and the events of a preview of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.unit.events import COMPONENT, Event, Inputs, event

HOST = "10.0.0.7"
CA = "/etc/docker/certs.d/r.test/ca.crt"
STORE = "the system's store, private-registry_r.test_12ab34cd_*.crt"
ROOT, NEXT = {"1a": "root, until 2030-01-01"}, {"2b": "next, until 2040-01-01"}
FILES = {"docker": (CA,), "system": (STORE,)}
STEPS = {"docker": ["TLS", "login"], "system": ["TLS", "401"]}


def client(*runtimes: str, **changes: Any) -> dict[str, Any]:
    """Return what is said of one client."""
    reach = {"user": "ops", "port": 22, "hostKey": "ssh-ed25519 AAAA", "login": "1"}
    return {**reach, "runtimes": list(runtimes or ("docker",)), **changes}


def trusting(
    digest: str = "d1",
    *,
    hosts: Mapping[str, Any] | None = None,
    names: Sequence[str] = ("r.test",),
    files: Mapping[str, Sequence[str]] = FILES,
    link: str = "",
    **changes: Any,
) -> dict[str, Any]:
    """Return what the trust of all clients says of itself."""
    said = {"mode": "0644", "digest": digest}
    more = {"link": link} if link else {}
    return {
        "registry": {"reference": names[0], "aliases": list(names[1:])},
        "hosts": hosts if hosts is not None else {HOST: client()},
        "logins": {"1": {"privateKey": "[secret]"}},
        "runtimes": {runtime: {"files": dict.fromkeys(paths, said), **more} for runtime, paths in files.items()},
        "trusted": ROOT,
        "share": 100,
        **changes,
    }


def proving(hosts: Mapping[str, Sequence[str]] | None = None, generation: str = "1") -> dict[str, Any]:
    """Return what the proof of all clients says of itself."""
    return {"hosts": {HOST: ["docker"]} if hosts is None else hosts, "verify": STEPS, "generation": generation}


def record(digest: str = "d1", reference: str = "r.test", **place: str) -> dict[str, Any]:
    """Return what an update has left of a bundle."""
    return {"place": {"directory": "any", "registry": reference, **place}, "authorities": digest}


def trust(op: str, old: Inputs, new: Inputs, diffs: Sequence[str] = (), outputs: Any = None) -> Event:
    """Return the step of the trust of all clients."""
    return event(op, f"{COMPONENT}ClientsTrust", "registry-trust", old, new, diffs, outputs=outputs or {})


def verification(op: str, old: Inputs, new: Inputs, outputs: Any = None) -> Event:
    """Return the step of the proof of all clients."""
    return event(op, f"{COMPONENT}ClientsVerification", "registry-verification", old, new, outputs=outputs or {})
