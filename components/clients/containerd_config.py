"""containerd's own configuration: where it looks for registries' folders, and how it is told where.

All rules are those of its sources, https://github.com/containerd/containerd:

- ``cmd/containerd/server/config/config.go``: ``imports``, relative to the file that has them, with ``*``; each comes
  after those before it. 2.x merges the tables of plugins, 1.x (``services/server/config/config.go``) replaces them.
- ``internal/cri/config/config.go``: ``ValidateImageConfig`` refuses ``registry.mirrors`` beside ``config_path``; 1.x
  (``pkg/cri/config``) ``registry.configs`` with ``tls`` too. ``CheckLocalImagePullConfigs`` has what turns the transfer
  service off, by which CRI pulls from 2.1 on.
- ``internal/cri/server/images/image_pull.go``: ``config_path`` is a list, split at colons. But the transfer service
  takes it for one path (``core/transfer/registry/registry.go``; issue 12808, open in 2.3.4), and finds no folder then.
  The default since 2.2 is such a list: that folder and Docker's (``plugins/cri/images/plugin.go``).
- A change of it needs a restart (``docs/cri/registry.md``), one below the folder does not (its page ``hosts.md``).
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from . import toml_keys
from .host_file import Facts, Refused, Shared
from .managed import refuse_managed
from .marked_lines import is_marked
from .toml_keys import Tables, table_in

CONFIG = "/etc/containerd/config.toml"
CERTS_D = "/etc/containerd/certs.d"
"""The folder that is named where none was; nerdctl looks there too."""

_IMAGES, _CRI, _FIRST = "io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri", "cri"
_PLUGINS = (_FIRST, _CRI, _IMAGES)
"""What the plugin that pulls is called in version 1, 2 and 3 of the configuration.

1.x takes the first two in their own version alone. 2.x takes the second in version 2, and the third in each; the first
it does not find (tried with 2.1.9).
"""
_BEGUN = "# begun by private-registry, and removed with the last of its lines\nversion = {}\n"
"""How a configuration begins that was not there before."""
_ISSUE = "https://github.com/containerd/containerd/issues/12808"
_HOW = "https://github.com/containerd/containerd/blob/main/docs/hosts.md"

_Files = Mapping[str, Mapping[str, Any]]
"""Path -> what a file says, in containerd's order."""


@dataclass(frozen=True)
class State:
    """What the configuration says without lines of this stack."""

    version: tuple[int, int]
    files: _Files
    imports: tuple[str, ...]
    """What is to be imported, found or not."""
    images: Mapping[str, Any]
    """All that is said to the plugin that pulls."""

    @property
    def registry(self) -> Mapping[str, Any]:
        """The table about registries."""
        return table_in(self.images, "registry")

    @property
    def config_path(self) -> str:
        """The folder of folders, or a list of them; empty where it is not set."""
        return str(self.registry.get("config_path", ""))

    @property
    def root(self) -> str:
        """The first folder of folders."""
        return self.config_path.split(":")[0].rstrip("/") or CERTS_D

    @property
    def has_cri(self) -> bool:
        """Whether CRI is on; Docker's package of containerd turns it off."""
        off = [one for said in self.files.values() for one in said.get("disabled_plugins", [])]
        return not set(off) & set(_PLUGINS)

    @property
    def reads_list(self) -> bool:
        """Whether pulls look into each folder of a list."""
        said = {**table_in(self.images, "containerd"), **self.images}
        return self.version < (2, 1) or bool(
            said.get("use_local_image_pull")
            or said.get("disable_snapshot_annotations", True) is False
            or said.get("discard_unpacked_layers")
            or said.get("image_pull_with_sync_fs")
            or said.get("max_concurrent_downloads", 3) != 3
            or any(self.registry.get(key) for key in ("mirrors", "configs", "auths"))
        )


def state_of(facts: Facts, mark: str) -> State:
    """Return what containerd's configuration says.

    Raises:
        Refused: A file of it is not valid, or containerd is not there.
    """
    files, imports = _loaded(toml_keys.take(CONFIG, facts.text(CONFIG), mark), facts)
    version = _version(facts, files)
    return State(version, files, tuple(imports), _images(files, version))


def config_file(facts: Facts, state: State, mark: str, is_needed: bool) -> list[Shared]:
    """Return the configuration, if it is to name the folder, or has a line of ours from before.

    Raises:
        Refused: It can't name the folder, or does so in vain.
    """
    text, take = facts.text(CONFIG), partial(_without_folder, mark)
    if is_needed and state.has_cri:
        _refuse_deprecated(state)
        _refuse_list(state)
    if not (is_needed and state.has_cri and _has_to_name(state, toml_keys.take(CONFIG, text, mark))):
        return [Shared(CONFIG, take, take, restart="containerd")] if is_marked(text, mark) else []
    tables = _tables(state, is_new=not text)
    put = partial(_with_folder, tables, 3 if state.version >= (2, 0) else 2, mark)
    new = put(text)
    if new != text:
        refuse_managed(CONFIG, facts, toml_keys.shown(tables))
    _refuse_vain(state, toml_keys.parse(CONFIG, new), tables)
    return [Shared(CONFIG, put, take, restart="containerd")]


def _has_to_name(state: State, others: str) -> bool:
    """Tell whether a folder is named by no one, or by another stack, which may go."""
    if state.config_path:
        return is_marked(others)
    return state.version < (2, 2) or not state.reads_list


def _loaded(text: str, facts: Facts) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    files: dict[str, Mapping[str, Any]] = {}
    pending, imports = [CONFIG], list[str]()
    while pending:
        path = pending.pop(0)
        if path in files or (path != CONFIG and path not in facts.files):
            continue
        files[path] = toml_keys.parse(path, text if path == CONFIG else facts.text(path))
        for name in files[path].get("imports", []):
            pattern = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            imports.append(pattern)
            pending += [one for one in sorted(facts.files) if _matches(one, pattern)]
    return files, imports


def _matches(path: str, pattern: str) -> bool:
    """Tell whether a pattern stands for a file: a ``*`` of Go's is in one folder."""
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def _version(facts: Facts, files: _Files) -> tuple[int, int]:
    if found := re.search(r"^containerd \S+ v?(\d+)\.(\d+)", facts.said, re.MULTILINE):
        return int(found[1]), int(found[2])
    if CONFIG not in facts.files:
        raise Refused("'containerd --version' printed no version: containerd is not installed on this host")
    return (2, 0) if _format(files[CONFIG]) > 2 else (1, 7)


def _format(said: Mapping[str, Any]) -> int:
    """Return the version of a configuration: the first one where it says none."""
    return int(said.get("version", 1))


def _images(files: _Files, version: tuple[int, int]) -> Mapping[str, Any]:
    """Return what all files together say to the plugin that pulls."""
    merged: dict[str, Any] = {}
    # 1.x looks at the version of all files together.
    name = _CRI if any(_format(said) > 1 for said in files.values()) else _FIRST
    for said in files.values():
        if version >= (2, 0):
            merged = _merged(merged, _images_of(said))
        elif name in table_in(said, "plugins"):
            merged = dict(table_in(said, "plugins", name))
    return merged


def _images_of(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what one file says to the plugin of 2.x: in version 2, keys by the older name replace others."""
    older = table_in(said, "plugins", _CRI) if _format(said) == 2 else {}
    return {**table_in(said, "plugins", _IMAGES), **older}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return two tables as one: what is empty in the other counts as not set."""
    merged = dict(one)
    for key, value in other.items():
        there = merged.get(key)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(there, value)
        elif value or key not in merged:
            merged[key] = value
    return merged


def _tables(state: State, is_new: bool) -> Tables:
    said = state.files[CONFIG]
    if state.version < (2, 0):
        plugin = _CRI if is_new or any(_format(one) > 1 for one in state.files.values()) else _FIRST
    else:
        is_newer = _IMAGES in table_in(said, "plugins") and "registry" not in table_in(said, "plugins", _CRI)
        plugin = _CRI if _format(said) == 2 and not is_newer else _IMAGES
    return {("plugins", plugin, "registry"): {"config_path": CERTS_D}}


def _with_folder(tables: Tables, version: int, mark: str, text: str) -> str:
    return toml_keys.put(CONFIG, text or _BEGUN.format(version), tables, mark)


def _without_folder(mark: str, text: str) -> str:
    left = toml_keys.take(CONFIG, text, mark)
    return "" if left in (_BEGUN.format(2), _BEGUN.format(3)) else left


def _refuse_deprecated(state: State) -> None:
    configs = table_in(state.registry, "configs")
    with_tls = [name for name in configs if table_in(configs, name, "tls")]
    what = "registry.mirrors" if state.registry.get("mirrors") else "registry.configs with tls" if with_tls else ""
    if what:
        raise Refused(
            f"{_last(state)} has {what}. That way is deprecated, and containerd's CRI does not start with it and "
            f"'config_path'. Move it to a hosts.toml for each registry below {CERTS_D} ({_HOW}), and remove it from "
            f"{_last(state)}; the file was not changed"
        )


def _refuse_list(state: State) -> None:
    if ":" in state.config_path and not state.reads_list:
        raise Refused(
            f"{_last(state)} has config_path = '{state.config_path}'. From 2.1 on, containerd takes such a list for "
            f"one folder when it pulls ({_ISSUE}), and finds none. Change the line, and restart containerd:\n"
            f"config_path = '{state.root}'"
        )


def _refuse_vain(state: State, new: Mapping[str, Any], tables: Tables) -> None:
    images = _images({**state.files, CONFIG: new}, state.version)
    if table_in(images, "registry").get("config_path") != CERTS_D:
        raise Refused(
            f"{_last(state)} has tables of the plugin that pulls, and containerd 1.x ignores those of {CONFIG} then. "
            f"Add to {_last(state)}, and restart containerd:\n{toml_keys.shown(tables)}"
        )


def _last(state: State) -> str:
    """Return the last file that says something to the plugin that pulls."""
    saying = [path for path, said in state.files.items() if set(_PLUGINS) & set(table_in(said, "plugins"))]
    return saying[-1] if saying else CONFIG
