"""What happens on the server: nginx, the registry, and what Docker keeps for them, as their components say it.

A command below a component tells what the engine does; what that is about stands in the component's inputs.
"""

from collections.abc import Iterator, Mapping, Set
from urllib.parse import urlsplit

from review.certificates import has_gap
from review.events import Preview, State, Step
from review.impact import DONE, Impact, named, of_server
from review.users import users_changed
from review.waiting import needed

PARTS = ("Login", "Proxy", "Registry")
"""The components of a container each."""
_PROGRAMS = {"Login": "nginx that checks passwords", "Proxy": "nginx", "Registry": "the registry"}
_BUNDLES = {
    "tls": ("nginx's certificate", "once {needed} trust it, nginx reloads with it; no interruption"),
    "users": ("the users file", "nginx reads it at the next request; no reload"),
    "site": (
        "nginx's configuration",
        "nginx reloads with the new configuration; no interruption",
    ),
    "config": ("the registry's configuration", "the registry reads it when it starts"),
    "renewal": ("the settings of the renewal", "used only if lego gets a certificate with them"),
    "cache": ("the configuration of the cache", "the cache reads it when it starts"),
    "keepalived": ("the configuration of keepalived", "keepalived reads it when it starts"),
    "challenge": ("the configuration of nginx on port 80", "this nginx reads it when it starts"),
}
"""Files that change together -> what they are, and who reads them when."""
_OTHER_BUNDLE = ("files", "read by the program that they are for")
_NEW_CERTIFICATE = {
    "create": "nginx listens only after {needed} trust it",
    "replace": "nginx starts without it, and listens again once it is there",
}
_KEPT = "nginx keeps the current one, since the clients refuse"
_FILES, _CACHE, _HERE = ":ReleasedFiles", ":PullThroughCache", "localhost"
CONTAINER_EFFECTS = {"create": "starts for the first time", "update": "changed while it runs; nothing restarts"}
_CONTAINER, _IMAGE = ":Container", ":RemoteImage"
_BALANCERS = "load balancers"
_MEANWHILE = "clients use the other servers"
_LEAVES = f"stopped; {_MEANWHILE}"


def name(preview: Preview) -> str:
    """Return the server's name: of several the stack's own, of one alone what the component of its files says."""
    if preview.server:
        return of_server(preview.server)
    files = (step for step in preview.steps if step.type.endswith(_FILES))
    host = next((host for step in files if (host := step.new.text("host") or step.old.text("host"))), "the server")
    return "this machine" if host == _HERE else host


def bundle(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which of the server's files change, and who reads them when."""
    component = preview.above(step, _FILES)
    if component is None:
        return
    kind = component.new.text("bundle") or component.old.text("bundle") or ""
    what, effect = _BUNDLES.get(kind, _OTHER_BUNDLE)
    if cache := preview.above(step, _CACHE):
        what = f"{what} of {cache.new.text('upstream') or cache.old.text('upstream')}"
    host, old, new = name(preview), _directory(component.old), _directory(component.new)
    if kind == "site" and _starts(preview, step):
        effect = "nginx reads it when it starts in this update"
    elif kind == "tls":
        told = _NEW_CERTIFICATE.get(step.op, effect).format(needed=needed(preview))
        effect = _KEPT if has_gap(preview) else told
    if step.op == "create":
        yield Impact(host, f"{what}: placed in {new}", effect)
    elif step.op == "delete":
        yield Impact(host, f"{what}: removed from {old}", "no longer used")
    elif step.op == "replace":
        yield Impact(host, f"{what}: moves from {old} to {new}", effect)
    elif kind == "users" and users_changed(preview):
        return
    elif changed := _changed_files(component):
        yield Impact(host, f"{what}: {', '.join(changed)}", effect)
    elif not _starts(preview, step):
        yield Impact(host, f"{what}: the same content", "checked and written again")


def registry(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say how the registry's container changes."""
    proxy = preview.find(_CONTAINER, "Proxy")
    served = "" if proxy and proxy.op in ("create", "replace") else "; no interruption"
    effects = {
        "replace": f"the new one starts beside the old one, nginx switches to it, then the old one is removed{served}",
        "delete": "stopped; push and pull are no longer possible",
    }
    yield _container(step, preview, "registry", effects, disruptive={"delete"}, besides={"delete": _LEAVES})


def proxy(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say how nginx's container changes."""
    effects = {
        "replace": "stopped and started again: the registry is unavailable for some seconds",
        "delete": "stopped; the registry is unavailable",
    }
    besides = {"replace": f"stops and starts again; {_MEANWHILE}", "delete": _LEAVES}
    yield _container(step, preview, "nginx", effects, disruptive={"replace", "delete"}, besides=besides)


def login(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say how the container that checks passwords changes."""
    effects = {
        "replace": "stopped and started again: logins that are not cached wait for some seconds",
        "delete": "stopped; login is no longer possible",
    }
    what, besides = "nginx that checks passwords", {"delete": _LEAVES}
    yield _container(step, preview, what, effects, disruptive={"delete"}, besides=besides)


def image(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which image is pulled."""
    if step.op == "delete":
        change = f"image {_short(step.old.text('name'))}: not needed any more"
        yield Impact(name(preview), change, "it stays on the server's disk")
        return
    container = _container_of(preview, step)
    before = step.old.text("name") or (container.old.text("image") if container else None)
    change = " → ".join(_short(one) for one in (before, step.new.text("name")) if one)
    yield Impact(name(preview), f"image {change}", "pulled")


def volume(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what becomes of the images pushed."""
    host, volume = name(preview), f"volume {step.old.text('name') or step.new.text('name')}"
    if step.op == "create":
        yield Impact(host, volume, "created; an existing one is reused with its images")
    elif step.op == "update":
        yield Impact(host, f"{volume}: {', '.join(sorted(step.diffs))}", "the pushed images are kept")
    elif step.old.retained:
        yield Impact(host, f"{volume}: leaves the stack", "kept, with all pushed images")
    else:
        yield Impact(host, f"{volume}: deleted", "ALL PUSHED IMAGES ARE DELETED", disruptive=True)


def retention(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what a later destroy does with the images pushed, if that changes; the engine shows no change for it."""
    host, destroy = name(preview), "after this update a destroy"
    if step.old.retained and not step.new.retained:
        yield Impact(host, "deleteData is on", f"{destroy} deletes all pushed images", disruptive=True)
    elif step.new.retained and not step.old.retained:
        yield Impact(host, "deleteData is off", f"{destroy} keeps the pushed images")


def network(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say what happens to a network."""
    network = step.new.text("name") or step.old.text("name") or "not known yet"
    yield Impact(name(preview), f"network {network}", DONE[step.op])


def check(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say that what is there for a container is checked again, unless the container changes too."""
    container = _container_of(preview, step)
    if step.op != "delete" and (container is None or container.op == "same"):
        change = f"what {_PROGRAMS[_part(step)]} needs"
        yield Impact(name(preview), change, "checked again on the server; nothing else changes")


def later_addresses(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say that the server's kernel is told of addresses that it does not have yet."""
    old, new = (state.texts("laterAddresses") for state in (step.old, step.new))
    change = "sysctl ip_nonlocal_bind"
    if new and not old:
        yield Impact(name(preview), change, "Docker can listen on bindAddress before the server has it")
    elif old and not new:
        yield Impact(name(preview), change, "reset, unless it is also set elsewhere")


def proxy_protocol(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which clients are refused as load balancers begin to say the addresses of theirs, or cease to."""
    old, new = (state.texts("proxyProtocol") for state in (step.old, step.new))
    if step.op != "update" or old == new:
        return
    if new and old:
        yield Impact(name(preview), f"PROXY protocol: from {named(new, _BALANCERS)}", "no other one is believed")
    elif new:
        effect = "clients that connect without a load balancer are refused, and load balancers that do not send it"
        yield Impact(name(preview), f"PROXY protocol: on, from {named(new, _BALANCERS)}", effect, disruptive=True)
    else:
        effect = "load balancers that still send it are refused"
        yield Impact(name(preview), "PROXY protocol: off", effect, disruptive=True)


def keepalived(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say where the floating address is while keepalived of a server changes."""
    effects = {
        "create": "starts for the first time, and does not take the address from another server",
        "replace": "stopped and started again: another server takes the address if this one has it",
        "delete": "stopped: another server with keepalived takes the address",
    }
    yield _container(step, preview, "keepalived", effects, disruptive=set(), besides={})


def floating_address(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say which address clients do not reach any more."""
    old, new = (state.text("address") for state in (step.old, step.new))
    if old and old != new:
        change = f"floating address: {old}, then {new or 'none'}"
        yield Impact(name(preview), change, f"clients that use {old} no longer reach the registry", disruptive=True)


def provider(step: Step, preview: Preview) -> Iterator[Impact]:
    """Say how the way to the server's Docker changes."""
    # It is below no component that says a server.
    url = (step.new.text("host") or step.old.text("host")) if preview.turns else None
    host = (urlsplit(url).hostname if url else None) or name(preview)
    yield Impact(host, f"how its Docker is reached: {DONE[step.op]}", "nothing on the server changes")


def _container(
    step: Step,
    preview: Preview,
    what: str,
    effects: Mapping[str, str],
    disruptive: Set[str],
    besides: Mapping[str, str],
) -> Impact:
    """Say how a container changes: ``effects`` where it is replaced or deleted, else what is so for each of them.

    ``besides`` takes their place while another server serves: then no client misses this one.
    """
    instead = besides if preview.others_serve else {}
    effect, is_missed = {**CONTAINER_EFFECTS, **effects, **instead}[step.op], step.op in disruptive - instead.keys()
    return Impact(name(preview), f"{what}: {_difference(step, preview)}", effect, disruptive=is_missed)


def _container_of(preview: Preview, step: Step) -> Step | None:
    """Return the container that another resource of the server is there for."""
    part = _part(step)
    return preview.find(_CONTAINER, part) if part else None


def _part(step: Step) -> str:
    """Return the component of a container that a step is below; nothing where there is none of these."""
    return next((one for one in reversed(step.components) if one in PARTS), "")


def _directory(files: State) -> str:
    place = files.inputs.get("place")
    return str(place.get("directory")) if isinstance(place, dict) else "their folder"


def _changed_files(component: Step) -> list[str]:
    """Return the names of the files whose content or mode changes, or may: a content may come from the update."""
    old, new = (_described(state) for state in (component.old, component.new))
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _described(files: State) -> Mapping[str, object]:
    described = files.inputs.get("files")
    return described if isinstance(described, dict) else {}


def _starts(preview: Preview, step: Step) -> bool:
    container = _container_of(preview, step)
    return container is not None and container.op in ("create", "replace")


def _difference(step: Step, preview: Preview) -> str:
    """Return what differs in a container, in words where there are some."""
    if step.op not in ("update", "replace"):
        return "container"
    return ", ".join(_difference_of(key, step, preview) for key in sorted(step.diffs - {"memorySwap"}))


def _difference_of(key: str, step: Step, preview: Preview) -> str:
    old, new = step.old, step.new
    if key == "memory":
        return f"memory {old.number(key)} → {new.number(key)} MiB"
    if key == "image":
        pulled = preview.find(_IMAGE, "Registry" if _part(step) == "Registry" else "Proxy")
        after = new.text(key) or (pulled.new.text("name") if pulled else None)
        return f"image {_short(old.text(key))} → {_short(after)}"
    if key == "ports":
        return f"address {_published(old)} → {_published(new)}"
    return {"mounts": "folders", "labels": "configuration"}.get(key, key)


def _published(state: State) -> str:
    ports = state.inputs.get("ports")
    places = [f"{port.get('ip')}:{port.get('external')}" for port in ports] if isinstance(ports, list) else []
    return ", ".join(places) or "none"


def _short(image: str | None) -> str:
    """Return an image with the first digits of its digest."""
    before, separator, digest = (image or "not known yet").rpartition("sha256:")
    return f"{before}{separator}{digest[:12]}…" if separator else digest
