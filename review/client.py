"""What resources say of each client: what it trusts by, and how it is reached."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from review.certificates import described
from review.events import State
from review.impact import Impact

VERIFICATION = ":ClientsVerification"
"""How the type of the resource ends that the proof of all clients is."""
IN_STATE_ALONE = Impact("the stack", "the clients' entry in the state", "nothing on them changes")
ENTRY = "hosts"
"""What the hosts entry is called among what is placed on a client."""
_OTHERS = ("runtimes", "hostsEntry", "required", "loginAs", "caches")
"""What is said of a client besides how it is reached."""
_PROOF = "login, push and pull"
"""What a client proves that does not say it."""
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Bundle:
    """What a runtime of a client has to trust by."""

    files: Mapping[str, Any] = field(default_factory=dict)
    """Path -> mode and digest."""
    link: str = ""
    has_names: bool = False
    """Whether its files say what the registry is known as, wherever they are."""

    @property
    def places(self) -> list[str]:
        """Where its files are, and its link."""
        return [*self.files, *([f"{self.link}, a link"] if self.link else [])]

    def listed(self, entry: str = "") -> str:
        """Return what is placed, with a hosts entry if there is one."""
        return ", ".join([*self.places, *([f"hosts entry {entry}"] if entry else [])]) or "its files"


@dataclass(frozen=True)
class Client:
    """A client before or after an update."""

    names: Sequence[str] = ()
    """What it knows the registry as: the reference, and that of each alias."""
    bundles: Mapping[str, Bundle] = field(default_factory=dict)
    """Runtime -> what is placed for it, where something is."""
    entry: str = ""
    """ADDRESS NAME ALIAS…, or nothing."""
    trusted: Mapping[str, str] | None = None
    """Digest -> name and end of each authority; None where only the update will know them."""
    reach: Mapping[str, Any] = field(default_factory=dict)
    login: str = ""
    """As whom it logs in to the registry, or nothing."""
    password: Any = ""
    """What tells the password from another one; None where only the update will know it."""
    caches: Sequence[str] = ()
    """The other registries whose images come through this one."""
    required: bool | None = None
    """Whether an update fails without it; None where the share of the clients decides."""


def wanted_of(state: State) -> dict[str, Client]:
    """Return client -> what is to be on it, by the inputs of the trust of all."""
    registry = mapping(state.inputs.get("registry"))
    names = [name for name in (registry.get("reference"), *(registry.get("aliases") or ())) if name]
    bundles = bundles_of(mapping(state.inputs.get("runtimes")))
    trusted, digests = state.inputs.get("trusted"), mapping(state.inputs.get("passwordDigests"))
    return {
        host: Client(
            names,
            {runtime: bundles[runtime] for runtime in said.get("runtimes") or () if runtime in bundles},
            str(said.get("hostsEntry") or "").replace("/", " ", 1),
            trusted if isinstance(trusted, dict) else None,
            {key: value for key, value in said.items() if key not in _OTHERS},
            str(said.get("loginAs") or ""),
            digests.get(said.get("loginAs")),
            tuple(state.inputs.get("caches") or ()) if said.get("caches") else (),
            said.get("required"),
        )
        for host, said in mapping(state.inputs.get("hosts")).items()
    }


def placed_of(state: State) -> dict[str, Client]:
    """Return client -> what is on it: an update that failed on a client has left there what its outputs say."""
    placed, texts = state.outputs.get("placed"), mapping(state.outputs.get("texts"))
    found = wanted_of(state)
    if not isinstance(placed, dict):
        return found
    return {host: _as_placed(client, mapping(placed.get(host)), texts) for host, client in found.items()}


def bundles_of(runtimes: Mapping[str, Any]) -> dict[str, Bundle]:
    """Return runtime -> what is placed for it, of those that have files."""
    return {
        name: Bundle(said["files"], said.get("link") or "")
        for name, said in runtimes.items()
        if isinstance(said.get("files"), dict) and said["files"]
    }


def steps_of(verify: Mapping[str, Sequence[str]], runtimes: Iterable[str]) -> str:
    """Return what runtimes prove."""
    return ", ".join(dict.fromkeys(step for runtime in runtimes for step in verify.get(runtime, ()))) or _PROOF


def mapping(value: object) -> Mapping[str, Any]:
    """Return a value that is a mapping; nothing where only the update will know it."""
    return value if isinstance(value, dict) else {}


def in_order(hosts: Iterable[str]) -> list[str]:
    """Return hosts by name, with numbers by their value: web-2 before web-10."""
    return sorted(hosts, key=lambda host: [int(part) if part.isdecimal() else part for part in _DIGITS.split(host)])


def _as_placed(client: Client, records: Mapping[str, Any], texts: Mapping[str, str]) -> Client:
    """Return a client as it is, of what the last update was to place, and of what it did."""
    there = {runtime: records[runtime] for runtime in client.bundles if runtime in records}
    entry = str(mapping(records.get(ENTRY)).get("place", {}).get("entry") or "").replace("/", " ", 1)
    behind = [record for runtime, record in there.items() if not _has(client.bundles[runtime], record)]
    return replace(
        client,
        names=next((names for record in there.values() if (names := _other_names(record, client))), client.names),
        bundles={runtime: _bundle(client.bundles[runtime], record) for runtime, record in there.items()},
        entry=entry,
        trusted=described(texts.get(behind[0]["authorities"], "")) if behind else client.trusted,
        caches=_caches_in(records),
        **_login_in(records),
    )


def _caches_in(records: Mapping[str, Any]) -> Sequence[str]:
    """Return the other registries whose images come through this one, by the first record that has some."""
    places = (mapping(mapping(record).get("place")) for record in records.values())
    return next((tuple(place["caches"]) for place in places if place.get("caches")), ())


def _login_in(records: Mapping[str, Any]) -> dict[str, Any]:
    """Return the login that is on a client: that of the first record that has one."""
    places = (mapping(mapping(record).get("place")) for record in records.values())
    place = next((place for place in places if place.get("passwordDigest")), {})
    return {"login": str(place.get("user") or ""), "password": place.get("passwordDigest") or ""}


def _has(bundle: Bundle, record: Mapping[str, Any]) -> bool:
    return any(mapping(said).get("digest") == record["authorities"] for said in bundle.files.values())


def _bundle(bundle: Bundle, record: Mapping[str, Any]) -> Bundle:
    found = replace(bundle, has_names="reference" in record["place"])
    if _has(bundle, record):
        return found
    return replace(
        found, files={path: {**said, "digest": record["authorities"]} for path, said in bundle.files.items()}
    )


def _other_names(record: Mapping[str, Any], client: Client) -> list[str]:
    """Return what the registry was known as, where the last update could not give it the name that it should have."""
    place = record["place"]
    known_as, aliases = place.get("registry") or place.get("reference"), place.get("aliases") or ()
    if not known_as or known_as in client.names[:1]:
        return []
    return [known_as, *(aliases.split(",") if isinstance(aliases, str) else aliases)]
