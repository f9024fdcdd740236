"""What happens on the server: nginx, the registry, and what Docker keeps for them."""

from collections.abc import Iterator, Mapping, Set

from review.certificates import has_gap
from review.command import changed_files, placement
from review.consequence import DONE, Consequence
from review.events import Preview, State, Step

_BUNDLES = {
    "registry-proxy-tls": (
        "nginx's certificate",
        "once all clients trust it nginx reloads with it; no request is dropped",
    ),
    "registry-proxy-users": ("the users", "nginx reads them at the next request; nothing reloads"),
    "registry-proxy-site": (
        "nginx's configuration",
        "nginx reloads with the new configuration; no request is dropped",
    ),
    "registry-registry-config": ("the registry's configuration", "the registry reads it when it starts"),
}
_NEW_CERTIFICATE = {
    "create": "nginx serves nobody before all clients trust it",
    "replace": "nginx starts without it, and serves again once it is there",
}
_KEPT = "nginx keeps the one it has, since the clients refuse"
_CHECKS = {
    "registry-healthy": "whether the registry is healthy",
    "proxy-healthy": "whether nginx is healthy",
    "login-healthy": "whether the nginx that checks passwords is healthy",
    "data-owner": "whose the volume is",
    "address": "whether nginx can have its address and port",
    "retire": "whether an older registry is left",
    "end": "how the registry ends",
}
_CONTAINER_EFFECTS = {"create": "starts for the first time", "update": "changed while it runs; nothing restarts"}
_CONTAINER = ":Container"
_CONTAINERS = {
    "registry-proxy-login-": "registry-proxy-login-container",
    "registry-proxy-": "registry-proxy-container",
    "registry-registry-": "-registry",
}
"""How the names of what is there for a container start -> how that of the container ends."""
_IMAGE = ":RemoteImage"


def name(preview: Preview) -> str:
    """Return the server's name, which its commands have among their triggers: their connection is secret."""
    for step in preview.steps:
        if step.name in _BUNDLES and step.type.startswith("command:"):
            known = step.new.texts("triggers") or step.old.texts("triggers")
            if known and known[0] != "localhost":
                return known[0]
    return "this machine"


def bundle(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say which of the server's files change, and who reads them when."""
    what, effect = _BUNDLES[step.name]
    host, old, new = name(preview), placement(step.old), placement(step.new)
    if step.name == "registry-proxy-site" and _starts(preview, step):
        effect = "nginx reads it when it starts in this update"
    elif step.name == "registry-proxy-tls":
        effect = _KEPT if has_gap(preview) else _NEW_CERTIFICATE.get(step.op, effect)
    if step.op == "create":
        yield Consequence(host, f"{what}: placed in {new.directory}", effect)
    elif step.op == "delete":
        yield Consequence(host, f"{what}: removed from {old.directory}", "nobody reads it any more")
    elif step.op == "replace":
        yield Consequence(host, f"{what}: moves from {old.directory} to {new.directory}", effect)
    elif changed := changed_files(step):
        # Where the update makes the content, it is not known which of the files it changes.
        files = ", ".join(changed) if new.is_known else "written anew"
        yield Consequence(host, f"{what}: {files}", effect)
    elif not _starts(preview, step):
        yield Consequence(host, f"{what}: the same content", "checked and written again")


def registry(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say how the registry's container changes."""
    proxy = preview.find(_CONTAINER, "registry-proxy-container")
    served = "" if proxy and proxy.op in ("create", "replace") else "; no request is dropped"
    effects = {
        "replace": f"the new one starts beside the old one, nginx moves over, then the old one ends{served}",
        "delete": "stopped; nobody pushes or pulls any more",
    }
    yield _container(step, preview, "registry", effects, alarms={"delete"})


def proxy(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say how nginx's container changes."""
    effects = {
        "replace": "stopped and started again: nobody is served for some seconds",
        "delete": "stopped; nobody is served any more",
    }
    yield _container(step, preview, "nginx", effects, alarms={"replace", "delete"})


def login(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say how the container that checks passwords changes."""
    effects = {
        "replace": "stopped and started again: whoever is not remembered waits for some seconds",
        "delete": "stopped; nobody can log in any more",
    }
    yield _container(step, preview, "nginx that checks passwords", effects, alarms={"delete"})


def image(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say which image is pulled."""
    if step.op == "delete":
        change = f"image {_short(step.old.text('name'))}: not needed any more"
        yield Consequence(name(preview), change, "it stays on the server's disk")
        return
    container = _container_of(preview, step)
    before = step.old.text("name") or (container.old.text("image") if container else None)
    change = " → ".join(_short(one) for one in (before, step.new.text("name")) if one)
    yield Consequence(name(preview), f"image {change}", "pulled")


def volume(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say what becomes of the images pushed."""
    host, volume = name(preview), f"volume {step.old.text('name') or step.new.text('name')}"
    if step.op == "create":
        yield Consequence(host, volume, "made, or taken over with its images where it is there already")
    elif step.op == "update":
        yield Consequence(host, f"{volume}: {', '.join(sorted(step.diffs))}", "the images pushed are kept")
    elif step.old.retained:
        yield Consequence(host, f"{volume}: leaves the stack", "kept, with all the images pushed")
    else:
        yield Consequence(host, f"{volume}: deleted", "ALL IMAGES PUSHED ARE DELETED", alarm=True)


def retention(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say what a later destroy does with the images pushed, if that changes; the engine shows no change for it."""
    host, destroy = name(preview), "after this update a destroy"
    if step.old.retained and not step.new.retained:
        yield Consequence(host, "deleteData is on", f"{destroy} deletes all the images pushed", alarm=True)
    elif step.new.retained and not step.old.retained:
        yield Consequence(host, "deleteData is off", f"{destroy} keeps the images pushed")


def network(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say what happens to a network."""
    network = step.new.text("name") or step.old.text("name")
    yield Consequence(name(preview), f"network {network}", DONE[step.op])


def check(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say what a command sees to, unless the container that it does it for changes too."""
    container = _container_of(preview, step)
    if step.op != "delete" and (container is None or container.op == "same"):
        what = next(what for end, what in _CHECKS.items() if step.name.endswith(f"-{end}"))
        yield Consequence(name(preview), what, "the server sees to it again; nothing else changes")


def provider(step: Step, preview: Preview) -> Iterator[Consequence]:
    """Say how the way to the server's Docker changes."""
    yield Consequence(name(preview), f"the way to its Docker: {DONE[step.op]}", "nothing on the server changes by that")


def _container(step: Step, preview: Preview, what: str, effects: Mapping[str, str], alarms: Set[str]) -> Consequence:
    """Say how a container changes: ``effects`` where it is replaced or deleted, else what is so for each of them."""
    effect = {**_CONTAINER_EFFECTS, **effects}[step.op]
    return Consequence(name(preview), f"{what}: {_difference(step, preview)}", effect, alarm=step.op in alarms)


def _container_of(preview: Preview, step: Step) -> Step | None:
    """Return the container that another resource of the server is there for."""
    container = next(container for start, container in _CONTAINERS.items() if step.name.startswith(start))
    return preview.find(_CONTAINER, container)


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
        is_proxy = step.name.startswith("registry-proxy-")
        pulled = preview.find(_IMAGE, "registry-proxy-image" if is_proxy else "registry-registry-image")
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
