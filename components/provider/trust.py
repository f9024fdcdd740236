"""The trust of all clients as one resource."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..clients.placing import Record, Records, Texts, digest, is_placed, named, place, superseded, target, wanted
from .fleet import Fleets, caches_of, known_of, login_of, reach_before, reach_of
from .kind import Failures, Kind, Last, Result, Tell, Values, differing
from .removal import Entry, entries, remove
from .values import Secret

_ALL = 100
TIMES = 5
"""So many updates may fail before what was to be taken away is forgotten."""


class Trust(Kind):
    """Places what clients trust by, before anything is served that they could not know otherwise.

    It takes nothing away before its own end: what is wanted no more is ``dropped``, for who comes after the proxy. A
    client that fails does not stop the others. The outputs say what is there:

    - ``placed``: client -> bundle -> record, as it is once what was dropped is away;
    - ``texts``: digest -> authorities, of all that a record names;
    - ``passwords``: keyed digest -> password, of all that a record names, as one secret; nothing without logins;
    - ``dropped``: what is there and not wanted, an entry each; how its client is reached is secret;
    - ``missing``: client -> why it does not trust yet, of those that the update did without;
    - ``tried``: how the clients are reached, of an update that failed (secret).
    """

    name = "ClientsTrust"
    still_works = (
        "the registry. nginx keeps the current certificate until this client has the new CA. All other changes of this "
        "update continue."
    )

    def __init__(self, fleets: Fleets) -> None:
        self._fleets = fleets

    def changed(self, last: Last, inputs: Values) -> list[str]:
        """Return what differs, ``missing`` where a client lacks something, and ``placed`` where it has more."""
        want = _wanted(inputs)
        self._know(inputs, _dropped(last, _placed(last), want, {}), _kept(last), _placed(last))
        is_lacking = any(_lacks(_placed(last).get(host, {}), want[host]) for host in want)
        has_more = any(any(superseded(records, want.get(host, {}))) for host, records in _placed(last).items())
        more = {"missing": is_lacking, "placed": has_more}
        return differing(last, inputs) or [name for name, is_so in more.items() if is_so]

    async def update(self, last: Last, inputs: Values, tell: Tell) -> Result:
        """Place what is wanted on every client that lacks some of it."""
        fleet, want = self._fleets.of(inputs), _wanted(inputs)
        placed = {host: dict(records) for host, records in _placed(last).items()}
        passwords = {**_passwords_of(last), **_passwords(inputs)}
        texts = {**_kept(last), **passwords, digest(_authorities(inputs)): _authorities(inputs)}
        said: list[str] = []
        leaving = _leaving(last)

        async def work(host: str) -> None:
            reach, have = reach_of(inputs, host), placed.setdefault(host, {})
            run, left = await fleet.run(reach), leaving.setdefault(host, {})
            said.extend(f"{host}: {line}" for line in await place(run, reach["sudo"], have, want[host], texts, left))

        hosts = [host for host in want if _lacks(placed.get(host, {}), want[host])]
        fleet.failed = await fleet.each("trust", hosts, work, tell)
        still = _still_there(last, leaving)
        dropped = _dropped(last, placed, want, still, repeated=True)
        for host, records in still.items():
            dropped += entries(host, records.items(), reach_of(inputs, host))
        for host, records in placed.items():
            for bundle in records.keys() - want.get(host, {}).keys():
                del records[bundle]
        self._know(inputs, dropped, _named(texts, placed, dropped), placed)
        fleet.is_updated = True
        secret = {name: text for name, text in fleet.texts.items() if name in passwords}
        excused = _excused(inputs, fleet.failed)
        outputs: dict[str, Any] = {
            "placed": {host: records for host, records in placed.items() if records},
            "texts": {name: text for name, text in fleet.texts.items() if name not in passwords},
            **({"passwords": Secret(secret)} if secret else {}),
            "dropped": [{**entry, "reach": Secret(entry["reach"])} for entry in dropped],
            "missing": excused,
        }
        failures = {host: why for host, why in fleet.failed.items() if host not in excused}
        if failures:
            outputs["tried"] = Secret({"hosts": inputs["hosts"], "logins": inputs.get("logins") or {}})
        warnings = [f"{host} does not trust the registry yet: {why}" for host, why in excused.items()]
        return Result(outputs, failures, warnings, said)

    async def delete(self, last: Last, tell: Tell) -> Failures:
        """Take everything away from every client."""
        fleet = self._fleets.of(last.inputs)
        left = [one for one in last.outputs.get("dropped") or [] if one["name"] not in fleet.removed]
        everything: list[Entry] = []
        for host, records in _placed(last).items():
            everything += entries(host, records.items(), reach_before(last.inputs, last.outputs, host))
        return await remove(fleet, [*everything, *left], _kept(last), tell, {})

    def _know(self, inputs: Values, dropped: Sequence[Entry], texts: Texts, placed: Mapping[str, Records]) -> None:
        fleet = self._fleets.of(inputs)
        fleet.inputs, fleet.dropped, fleet.texts, fleet.placed = inputs, dropped, texts, placed


def _authorities(inputs: Values) -> str:
    # Nobody knows one that the update makes before it is there.
    return inputs.get("authorities") or ""


def _wanted(inputs: Values) -> dict[str, Records]:
    known, text = known_of(inputs), _authorities(inputs)
    return {
        host: wanted(
            known, said["runtimes"], said.get("hostsEntry") or "", text, login_of(inputs, host), caches_of(inputs, host)
        )
        for host, said in inputs["hosts"].items()
    }


def _passwords(inputs: Values) -> dict[str, str]:
    """Return keyed digest -> password."""
    digests = inputs.get("passwordDigests") or {}
    return {digests[user]: password for user, password in (inputs.get("passwords") or {}).items()}


def _passwords_of(last: Last) -> Mapping[str, str]:
    return last.outputs.get("passwords") or {}


def _kept(last: Last) -> Texts:
    """Return what the records of the last update name."""
    return {**(last.outputs.get("texts") or {}), **_passwords_of(last)}


def _placed(last: Last) -> Mapping[str, Records]:
    return last.outputs.get("placed") or {}


def _lacks(have: Mapping[str, Record], want: Mapping[str, Record]) -> bool:
    return not all(is_placed(have.get(bundle), record) for bundle, record in want.items())


def _leaving(last: Last) -> dict[str, Records]:
    """Return client -> bundle -> what the updates before have handed on of it."""
    found: dict[str, Records] = {}
    for entry in last.outputs.get("dropped") or []:
        found.setdefault(entry["host"], {})[entry["bundle"]] = entry["record"]
    return found


def _still_there(last: Last, leaving: Mapping[str, Records]) -> dict[str, Records]:
    """Return what this update has left beside what is wanted, until the proxy does without."""
    before, found = _leaving(last), dict[str, Records]()
    for host, records in leaving.items():
        for bundle, record in records.items():
            if record is not before.get(host, {}).get(bundle):
                found.setdefault(host, {})[bundle] = record
    return found


def _dropped(
    last: Last,
    placed: Mapping[str, Records],
    want: Mapping[str, Records],
    still: Mapping[str, Records],
    repeated: bool = False,
) -> list[Entry]:
    """Return what is there and not wanted: of this update, and of the one before, which may not have come so far.

    What that one has handed on is handed on a few times more, and then forgotten: who takes it away remembers what is
    away.
    """
    found: list[Entry] = [one for one in last.outputs.get("dropped") or [] if not _is_wanted(one, want)]
    kept: list[Entry] = found
    if repeated:
        kept = [{**one, "again": int(one["again"]) + 1} for one in found if int(one["again"]) < TIMES]
    for host, records in _placed(last).items():
        gone = [
            (bundle, record)
            for bundle, record in superseded(records, want.get(host, {}))
            # Where the new one could not be placed, the old one is still in use.
            if bundle not in want.get(host, {}) or placed.get(host, {}).get(bundle) != record
            if not _is_at(still.get(host, {}).get(bundle), record)
        ]
        if gone:
            kept += entries(host, gone, reach_before(last.inputs, last.outputs, host))
    return kept


def _is_at(still: Record | None, record: Record) -> bool:
    """Tell whether what is still there is what a record says, or has come into its place."""
    return still is not None and target(still) == target(record)


def _is_wanted(entry: Entry, want: Mapping[str, Records]) -> bool:
    bundle = entry["bundle"]
    return not any(superseded({bundle: entry["record"]}, want.get(entry["host"], {})))


def _named(texts: Texts, placed: Mapping[str, Records], dropped: Sequence[Entry]) -> dict[str, str]:
    """Return the texts that a record names."""
    records = [record for of_client in placed.values() for record in of_client.values()]
    names = set[str]().union(*(named(record) for record in [*records, *(entry["record"] for entry in dropped)]))
    return {name: texts[name] for name in sorted(names) if name in texts}


def _excused(inputs: Values, failed: Failures) -> dict[str, str]:
    """Return those of the clients that failed which the update may do without."""
    hosts = inputs["hosts"]
    enough = (len(hosts) - len(failed)) * _ALL >= inputs.get("share", _ALL) * len(hosts)
    return {host: "; ".join(why) for host, why in failed.items() if not hosts[host].get("required", not enough)}
