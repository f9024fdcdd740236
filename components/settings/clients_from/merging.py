"""Clients of all sources: each with what it does not say itself, and each mistake with its file and line."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pydantic import TypeAdapter, ValidationError, ValidationInfo, ValidatorFunctionWrapHandler
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from ..fields import named_text
from ..section import alias_of
from ..ssh import Client, ClientDefaults
from .entry import WHERE, Entry, Jump, Mistake, refused, with_lines

_KEYS = {"privateKey", "privateKeyFile"}
_PASSPHRASES = {"privateKeyPassword", "privateKeyPasswordFile"}
_LOGINS = _KEYS | {"password", "passwordFile", "agent"}
_HOST_KEYS = {"hostKey", "knownHostsFile"}
_SSH_ONLY = _LOGINS | _PASSPHRASES | _HOST_KEYS | {"user", "port", "bastion"}
_OF_ONE_HOST = {"host", "port", "hostKey"}
_CLIENTS = TypeAdapter(tuple[Client, ...])


def with_defaults(client: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keys of a client, with those that hold where it says nothing."""
    said = {alias_of(Client, key) for key in client}
    left = {key: value for key, value in defaults.items() if key not in said | _replaced(client, said, defaults)}
    merged = {**left, **client}
    bastion = merged.get("bastion")
    if isinstance(bastion, Mapping):
        merged["bastion"] = _bastion(bastion, merged, defaults)
    return merged


def _replaced(client: Mapping[str, Any], said: set[str], defaults: Mapping[str, Any]) -> set[str]:
    """Return the keys of the defaults that those of a client stand for."""
    if client.get("local") is True:
        return _SSH_ONLY
    replaced = _LOGINS if said & _LOGINS else set()
    # A passphrase belongs to the key beside it; alone, it is that of the clients' own keys.
    if said & _LOGINS and (not said & _KEYS or set(defaults) & _KEYS):
        replaced = replaced | _PASSPHRASES
    if said & _PASSPHRASES:
        replaced = replaced | _PASSPHRASES
    return replaced | (_HOST_KEYS if said & _HOST_KEYS else set())


def _bastion(bastion: Mapping[str, Any], client: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    made = dict(bastion)
    if isinstance(bastion, Jump):
        given = defaults.get("bastion")
        usual = dict(given) if isinstance(given, Mapping) else {}
        if usual.get("host") != bastion["host"]:
            usual = {key: value for key, value in usual.items() if key not in _OF_ONE_HOST}
        if set(made) & _LOGINS:
            usual = {key: value for key, value in usual.items() if key not in _LOGINS | _PASSPHRASES}
        made = {**usual, **made}
        if not set(made) & _LOGINS:
            made |= {key: value for key, value in client.items() if key in _LOGINS | _PASSPHRASES}
    known = {alias_of(Client, key): value for key, value in client.items()}.get("knownHostsFile")
    if known is not None and not {alias_of(Client, key) for key in made} & _HOST_KEYS:
        made["knownHostsFile"] = known
    return made


def listed(value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Check the clients of a list."""
    if isinstance(value, pulumi.Output):
        raise ValueError(
            "the list of clients must be known when the program runs: create the registry within 'apply' of the "
            "Output, or write the Output of the other stack to a file and set clientsFile (package.md)"
        )
    if not isinstance(value, (list, tuple)):
        return check(value)
    try:
        return check([_merged(one, info) if isinstance(one, Mapping) else one for one in value])
    except ValidationError as error:
        raise _mistakes(error, value, info) from None


def entries_of_file(value: object, info: ValidationInfo) -> Any:
    """Return the entries of a YAML file with a list of clients."""
    file = named_text(value, info)
    entries = with_lines(file.text, file.name)
    for one in entries if isinstance(entries, list) else ():
        if isinstance(one, Entry):
            one.where = f"{file.name}:{one.line}"
            one.places = {key: f"{file.name}:{line}" for key, line in one.lines.items()}
    return entries


def found(entries: Sequence[Entry], before: Sequence[Mistake], info: ValidationInfo) -> tuple[Client, ...]:
    """Check the clients that a file of another program lists.

    Args:
        entries: What the file says of each.
        before: The mistakes that its reader found.
        info: With the defaults, and the folder that file names are relative to.

    Raises:
        ValidationError: One or more mistakes, with those found before.
    """
    mistakes, clients, merged = list(before), tuple[Client, ...](), []
    for entry in entries:
        keys = _merged(entry, info)
        if "client_defaults" in info.data:
            mistakes += [doubt.mistake for doubt in entry.doubts if _matters(doubt.key, keys)]
        merged.append(keys)
    try:
        clients = _CLIENTS.validate_python(tuple(merged), context=info.context)
    except ValidationError as error:
        mistakes += [_elsewhere(one, entries) for one in _mistakes(error, entries, info).errors(include_url=False)]
    if mistakes:
        raise refused(mistakes)
    return clients


def _matters(key: str, client: Mapping[str, Any]) -> bool:
    if client.get("local") is True:
        return False
    return client.get("user", "root") != "root" if key == "user" else not set(client) & _LOGINS


def _merged(client: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
    defaults = info.data.get("client_defaults")
    return with_defaults(client, defaults.given if isinstance(defaults, ClientDefaults) else {})


def _elsewhere(mistake: ErrorDetails, entries: Sequence[Entry]) -> Mistake:
    index, *path = mistake["loc"]
    entry, key = entries[int(index)], ".".join(map(str, path))
    reason = f"{key}: {_reason(mistake)}" if key else _reason(mistake)
    return Mistake(reason, entry.place_of(path), entry.name)


def _reason(mistake: ErrorDetails) -> str:
    return mistake["msg"].removeprefix("Value error, ")


def _mistakes(error: ValidationError, given: Sequence[Any], info: ValidationInfo) -> ValidationError:
    """Return what is wrong with clients, with the line where the file has lines."""
    mistakes = error.errors(include_url=False)
    if "client_defaults" not in info.data:
        # What a client lacks may be in defaults with a mistake, which is reported by itself.
        mistakes = [one for one in mistakes if len(one["loc"]) > 1]
    return ValidationError.from_exception_data("clients", [_placed(one, given) for one in mistakes])


def _placed(mistake: ErrorDetails, given: Sequence[Any]) -> InitErrorDetails:
    index, path = next(iter(mistake["loc"]), None), mistake["loc"][1:]
    entry = given[index] if isinstance(index, int) else None
    place = {WHERE: entry.place_of(path)} if isinstance(entry, Entry) else {}
    context = {**mistake.get("ctx", {}), "reason": _reason(mistake), **place}
    error = PydanticCustomError(mistake["type"], "{reason}", context)
    return InitErrorDetails(type=error, loc=mistake["loc"], input=mistake["input"])
