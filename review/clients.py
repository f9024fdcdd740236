"""What happens on the clients, as the one resource says it that the trust of all of them is.

Each client is compared by itself; those to which the same happens have one row (``review/render.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from review import former_clients
from review.certificates import has_gap, trust_changes
from review.client import IN_STATE_ALONE, VERIFICATION, Bundle, Client, in_order, mapping, placed_of, wanted_of
from review.events import Preview, Step
from review.impact import Impact
from review.waiting import TRUST

_STACK = "the stack"
_ALL = 100
"""Percent."""
_RESOLVES = "the registry's name resolves to it"
_REQUIRED = {
    True: ("an update needs it", "an update fails if this client can't be made to trust"),
    False: ("an update can do without it", "such an update continues, and the next one tries this client again"),
    None: ("clientsShare decides whether an update needs it", "nothing on it changes"),
}


@dataclass(frozen=True)
class _Both:
    """A client before and after."""

    host: str
    old: Client
    new: Client
    preview: Preview
    is_new: bool
    is_gone: bool
    is_written_again: bool
    """Whether all of it is, since a version before 0.3 placed what is there."""
    refused: bool
    """Whether clients refuse to lose what they know the server by."""

    @property
    def moves(self) -> bool:
        """Whether the registry has another reference."""
        return bool(self.old.names and self.new.names and self.old.names[0] != self.new.names[0])

    @property
    def is_unknown(self) -> bool:
        """Whether the state of a version before does not say what is there."""
        return self.is_written_again and not self.old.names

    @property
    def entry_along(self) -> str:
        """The hosts entry that is told beside the first files, where it comes and goes with them."""
        old, new = self.old, self.new
        if not (old.bundles or new.bundles):
            return ""
        if self.is_written_again and not self.moves:
            return new.entry if self.is_unknown or old.entry == new.entry else ""
        if old.entry == new.entry:
            return ""
        if not old.bundles or self.moves:
            return new.entry
        return old.entry if not new.bundles and not new.entry else ""

    @property
    def authorities(self) -> tuple[list[str], list[str]]:
        """Those that the client gains and loses."""
        before, after = self.old.trusted, self.new.trusted
        if before is None or after is None:
            # One that the update makes is not known yet: what becomes of the stack's own ones has to do.
            return trust_changes(self.preview)
        gained = sorted(after[digest] for digest in after.keys() - before.keys())
        return gained, sorted(before[digest] for digest in before.keys() - after.keys())


def trust(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which clients gain, keep or lose trust, and what changes on them."""
    found = [*_of_clients(step, preview), *_of_share(step)]
    proofs = preview.find(VERIFICATION)
    # Where their proof changes too, that has the row.
    is_alone = step.op == "update" and (proofs is None or proofs.op == "same")
    yield from found or ([IN_STATE_ALONE] if is_alone else [])


def authority_changes(preview: Preview) -> Iterator[tuple[str, tuple[list[str], list[str]]]]:
    """Yield each client that trusts before and after, with the authorities that it gains and loses."""
    step = preview.find(TRUST)
    if step is not None and step.op in ("create", "update"):
        for both in _compared(step, preview):
            if both.old.bundles and both.new.bundles:
                yield both.host, both.authorities


def _of_clients(step: Step, preview: Preview) -> Iterator[Impact]:
    missing, logins = mapping(step.old.outputs.get("missing")), _with_another_login(step)
    for both in _compared(step, preview):
        again = (
            "; tried again, since the last update did without it" if both.host in missing and not both.is_gone else ""
        )
        for row in _placed(both) or _unplaced(both, logins.get(both.host, "")):
            yield replace(row, effect=f"{row.effect}{again}")
        if not both.is_gone and both.old.required != both.new.required:
            yield Impact(both.host, *_REQUIRED[both.new.required])


def _unplaced(both: _Both, other_login: str) -> list[Impact]:
    """Say what changes in a client on which nothing does."""
    change, effect = "", "trust kept"
    if both.is_gone:
        change, effect = "off the list", "nothing was placed there"
    elif both.is_written_again:
        change, effect = "its entry in the state", "nothing on it changes"
    elif both.is_new:
        change, effect = "on the list", "nothing is placed there"
    elif both.old.reach != both.new.reach:
        change = "only how it is reached"
    else:
        change = other_login
    return [Impact(both.host, change, effect)] if change else []


def _compared(step: Step, preview: Preview) -> Iterator[_Both]:
    """Yield each client before and after."""
    old = placed_of(step.old) if step.op != "create" else {}
    new = wanted_of(step.new) if step.op != "delete" else {}
    former, refused = former_clients.trusting(preview, step), has_gap(preview)
    for host in in_order({*old, *new}):
        again = host not in old and host in former
        before = former.get(host) if again else old.get(host)
        is_new, is_gone = host not in old, host not in new
        yield _Both(host, before or Client(), new.get(host) or Client(), preview, is_new, is_gone, again, refused)


def _placed(both: _Both) -> list[Impact]:
    """Say what is placed on a client and removed from it."""
    return [*_files(both), *_entry(both), *_login(both), *_caches(both)]


def _caches(both: _Both) -> Iterator[Impact]:
    """Say which other registries' images come through this one from now on, and which do not any more."""
    old, new = both.old.caches, both.new.caches
    come, go = ([one for one in a if one not in b] for a, b in ((new, old), (old, new)))
    if come:
        yield Impact(both.host, f"caches: {', '.join(come)}", f"{_comes(come)} through this registry")
    if go:
        change = f"caches removed: {', '.join(go)}"
        yield Impact(both.host, change, f"{_comes(go)} from there again", disruptive=True)


def _comes(upstreams: Sequence[str]) -> str:
    return f"{', '.join(upstreams)} {'comes' if len(upstreams) == 1 else 'come'}"


def _login(both: _Both) -> Iterator[Impact]:
    old, new = both.old, both.new
    if new.login and not old.login:
        yield Impact(both.host, f"login: {new.login}", f"logs in as {new.login} from now on")
    elif new.login != old.login and new.login:
        yield Impact(both.host, f"login: {old.login} → {new.login}", f"logs in as {new.login} from now on")
    elif old.login and not new.login:
        yield Impact(both.host, f"login removed: {old.login}", "does not log in any more", disruptive=True)
    elif new.login and new.password and new.password != old.password:
        yield Impact(both.host, f"login: another password of {new.login}", "logs in with it from now on")


def _files(both: _Both) -> Iterator[Impact]:
    old, new, host = both.old, both.new, both.host
    entry = both.entry_along
    by = len({*old.bundles, *new.bundles}) > 1
    for runtime in dict.fromkeys([*new.bundles, *old.bundles]):
        before, after = old.bundles.get(runtime), new.bundles.get(runtime)
        named = f" by {runtime}" if by else ""
        if after is None and before is not None:
            yield Impact(host, f"removed: {before.listed(entry)}", f"trust{named} lost", disruptive=True)
        elif before is None and after is not None and both.is_unknown:
            effect = "the state does not contain what it trusted before this update"
            yield Impact(host, f"written again: {after.listed(entry)}", effect)
        elif before is None and after is not None:
            yield Impact(host, f"placed: {after.listed(entry)}", f"trust{named} gained")
        elif before is not None and after is not None:
            yield from _kept(both, before, after, entry)
        entry = ""


def _entry(both: _Both) -> Iterator[Impact]:
    old, new = both.old.entry, both.new.entry
    if old != new and not both.entry_along:
        effect = _RESOLVES if new else "the registry's name resolves as without it"
        yield Impact(both.host, f"hosts entry: {old or 'none'} → {new or 'none'}", effect)


def _kept(both: _Both, old: Bundle, new: Bundle, entry: str) -> Iterator[Impact]:
    """Say what changes of what a runtime goes on to trust by."""
    come, go = ([one for one in a.places if one not in b.places] for a, b in ((new, old), (old, new)))
    changed = [path for path in new.files if path in old.files and old.files[path] != new.files[path]]
    if both.moves:
        # What is new is there before the old goes.
        yield _other_names(both, new.listed(entry), go)
    elif both.is_written_again:
        yield _other_authorities(both, f"written again: {new.listed(entry)}", "trust kept")
    else:
        if new.files.keys() != old.files.keys():
            yield _other_names(both, ", ".join(come), go)
        elif come:
            yield Impact(both.host, f"placed: {', '.join(come)}", "trust gained for this name too")
        elif old.has_names and set(both.old.names) != set(both.new.names):
            yield _by_other_names(both, ", ".join(new.files))
        if changed:
            yield _other_authorities(both, ", ".join(changed), "trust in the same CAs")


def _other_authorities(both: _Both, change: str, otherwise: str) -> Impact:
    """Say in which authorities a client gains and loses trust."""
    gained, lost = both.authorities
    losing = "refused: this client would lose trust in" if both.refused else "trust lost in"
    parts = [f"trust gained in {', '.join(gained)}"] if gained else []
    parts += [f"{losing} {', '.join(lost)}"] if lost else []
    return Impact(both.host, change, "; ".join(parts) or otherwise, disruptive=bool(lost))


def _other_names(both: _Both, placed: str, gone: Sequence[str]) -> Impact:
    """Say what is placed for names that come, and removed with names that go."""
    removed = f"removed: {', '.join(gone)}" if gone else ""
    return _by_other_names(both, "; then ".join(filter(None, [f"placed: {placed}" if placed else "", removed])))


def _by_other_names(both: _Both, change: str) -> Impact:
    """Say by which names a client knows the registry from now on, and by which no more."""
    old, new = both.old.names, both.new.names
    come, go = (", ".join(name for name in a if name not in b) for a, b in ((new, old), (old, new)))
    effects = [f"trust gained as {come}"] if come else []
    effects += [f"trust lost as {go}"] if go else []
    return Impact(both.host, change, "; ".join(effects) or "trust kept", disruptive=bool(go))


def _with_another_login(step: Step) -> Mapping[str, str]:
    """Return clients that are reached by another key or password, with what is said of them.

    The engine shows no secret: where clients have several logins, nobody knows of which it is another one.
    """
    old, new = (mapping(state.inputs.get("logins")).keys() for state in (step.old, step.new))
    if "logins" not in step.diffs or old != new:
        return {}
    known, wanted = (mapping(state.inputs.get("hosts")) for state in (step.old, step.new))
    reached = [host for host, said in wanted.items() if host in known and "login" in said]
    if any(known[host].get("login") != wanted[host]["login"] for host in reached):
        return {}
    is_sure = len(new) == 1 or len(reached) == 1
    return dict.fromkeys(reached, "only how it is reached" if is_sure else "only how some of these are reached")


def _of_share(step: Step) -> Iterator[Impact]:
    if step.op == "delete":
        return
    old, new = (state.number("share") or _ALL for state in (step.old, step.new))
    if old != new and new == _ALL:
        yield Impact(_STACK, "an update needs all clients", "it fails if one can't be made to trust")
    elif old != new:
        effect = "with so many an update continues, and the next one tries the others again"
        yield Impact(_STACK, f"an update needs {new} % of the clients instead of {old} %", effect)
