"""K3s and RKE2: what their list of registries gets as it is, what is refused, and that nothing of others changes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from components.clients.access import Access, Login
from components.clients.host_file import Facts, Own, Refused, Shared, There
from components.clients.k3s import RKE2, K3s
from tests.unit.client_host import FIRST, OTHER, REGISTRY, SECOND, ClientHost, files_of

LIST = "/etc/rancher/k3s/registries.yaml"
OURS = "/etc/rancher/k3s/private-registry/registry.test:8443/ca.crt"
RUNS = "k3s.service loaded active running Lightweight Kubernetes\n"
NAME = "registry.test:8443"

STATES: Mapping[str, str | None] = {
    "nothing is there": None,
    "mirrors of others, comments and odd spaces": (
        '# all nodes  \nmirrors:\n    docker.io:\n      endpoint:\n      -   "https://m.test"   # near\n'
        '\n\n      rewrite: {"^a": b}\n'
    ),
    "configs of others": "configs:\n    # theirs\n  'a.test':\n      auth: {username: x, password: 'y'}\nmirrors: {}\n",
    "their login for our registry": f"configs:\n  {NAME}:\n    auth:\n      username: x\n      password: y\n",
    "their key for our registry": f"configs:\n  '{NAME}':\n     tls:\n        cert_file: /c\n        key_file: /k\n",
    "the same value": f"configs:\n  {NAME}:\n    tls:\n      ca_file: {OURS} # by hand\n",
    "keys without values": "mirrors:\nconfigs:\n  # none yet\n",
    "an empty map": "configs: {}  # none\nmirrors: {}\n",
    "an empty map in a map": f"configs:\n  {NAME}: {{}}\n  x: {{tls: {{}}}}\n",
    "lines that end with CR and LF": "configs:\r\n  a.test:\r\n    tls:\r\n      ca_file: /a\r\n",
    "a last line without an end": "configs:\n  a.test:\n    tls:\n      ca_file: /a",
    "both": "mirrors:\r\n  a.test:",
    "comments alone": "\n# nothing yet\n\n",
    "the start of a document": "---\n# by hand\nmirrors: {}\n",
    "a map that is indented": "  mirrors:\n    a.test: {}\n  configs:\n    a.test: {}\n",
    "anchors": "mirrors:\n  a.test: &a\n    endpoint: [https://m.test]\n  b.test: *a\n",
    "text of many lines at the end": "mirrors: {}\nnote: |+\n  two\n\n  lines\n\n\n",
}


@pytest.mark.parametrize("state", STATES)
def test_nothing_of_others_changes(state: str) -> None:
    text = STATES[state]
    host = ClientHost(K3s(), files_of({} if text is None else {LIST: text}), RUNS)
    before = dict(host.files)
    host.up(REGISTRY)
    assert said(host)["configs"][NAME]["tls"]["ca_file"] == OURS
    assert host.text(OURS) == FIRST
    lines = host.text(LIST).split("\n")
    assert all(is_kept(line, lines) for line in (text or "").split("\n"))
    placed, host.restarts = dict(host.files), []
    host.up(REGISTRY)
    assert host.files == placed, "twice is once"
    host.up(REGISTRY, SECOND)
    assert host.text(OURS) == SECOND
    assert not host.restarts, "the name of the file is the same"
    host.up(OTHER)
    host.destroy(REGISTRY)
    assert said(host)["configs"]["other.test:8443"]["tls"]
    host.up(OTHER, SECOND)
    host.destroy(OTHER)
    assert host.files == before


def said(host: ClientHost) -> Any:
    return yaml.safe_load(host.text(LIST))


def is_kept(line: str, lines: list[str]) -> bool:
    """Tell whether a line is there, as it was or as a comment; a last one without an end may have one now."""
    line = line.removesuffix("\r")
    return any(one.removesuffix("\r") in ("", line, f"# private-registry was: {line}") for one in lines)


def planned(text: str, said: str = RUNS, **there: Any) -> list[Any]:
    return list(K3s().wants(REGISTRY, FIRST, Facts({LIST: There(text, **there)}, said)))


def test_a_file_of_our_own() -> None:
    own, shared = K3s().wants(REGISTRY, FIRST, Facts({}, RUNS))
    assert own == Own(OURS, FIRST)
    assert isinstance(shared, Shared)
    assert (shared.path, shared.mode, shared.restart) == (LIST, "0600", "k3s")
    assert shared.put("") == (
        f'configs: # {REGISTRY.mark}\n  "{NAME}": # {REGISTRY.mark}\n    tls: # {REGISTRY.mark}\n'
        f'      ca_file: "{OURS}" # {REGISTRY.mark}\n'
    )
    assert shared.take(shared.put("")) == ""


@pytest.mark.parametrize(
    ("runtime", "active", "unit"),
    [
        (K3s(), "k3s.service loaded active running Lightweight Kubernetes\n", "k3s"),
        (K3s(), "  k3s-agent.service loaded active running Lightweight Kubernetes\n", "k3s-agent"),
        (K3s(), "k3s-edge.service loaded active running x\n", "k3s-edge"),
        (K3s(), "", ""),
        (RKE2(), "rke2-server.service loaded active running x\n", "rke2-server"),
        (RKE2(), "rke2-agent.service loaded active running x\n", "rke2-agent"),
        (RKE2(), "rke2-shutdown.service loaded active exited x\n", ""),
    ],
)
def test_the_service_that_runs_is_restarted(runtime: K3s | RKE2, active: str, unit: str) -> None:
    own, shared = runtime.wants(REGISTRY, FIRST, Facts({}, active))
    assert isinstance(shared, Shared)
    assert shared.restart == unit
    assert all(one.path.startswith(f"/etc/rancher/{runtime.name}/") for one in (own, shared))


REFUSED: Mapping[str, tuple[str, dict[str, Any], str]] = {
    "managed": ("# Ansible managed\nconfigs:\n", {}, r"'Ansible managed'.*\nconfigs:\n  \"registry"),
    "read-only": ("configs:\n", {"is_writable": False}, "cannot be written"),
    "in a store": ("configs:\n", {"link": "/nix/store/x/r.yaml"}, "link to /nix/store"),
    "broken": ("configs:\n\tx: 1\n", {}, "not valid YAML in line 2"),
    "a key twice": ("password: hidden\npassword: secret\n", {}, "not valid YAML in line 2: found duplicate key"),
    "two documents": ("a: 1\n---\nb: 1\n", {}, "not valid YAML in line 2"),
    "a list": ("- a\n", {}, "not a map"),
    "their authority": (
        f"configs:\n  {NAME}:\n    tls:\n      ca_file: /x\n",
        {},
        r"'/x' for configs / registry.*\nca_file: ",
    ),
    "unverified": (f"configs:\n  {NAME}:\n    tls:\n      insecure_skip_verify: true\n", {}, "insecure_skip_verify"),
    "one line": (
        f"configs: {{{NAME}: {{auth: {{username: x}}}}}}\n",
        {},
        r"can't be changed.*\nconfigs:\n  \"registry",
    ),
    "all in one line": ("{mirrors: {}}\n", {}, "can't be changed"),
    "an alias": (f"x: &x\n  auth: {{}}\nconfigs:\n  {NAME}: *x\n", {}, "can't be changed"),
    "merged keys": (f"x: &x\n  tls: {{}}\nconfigs:\n  {NAME}:\n    <<: *x\n", {}, "can't be changed"),
    "the end of a document": ("a: 1\n...\n", {}, "can't be changed"),
    "a value where a map is": ("configs: all\n", {}, "can't be changed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_what_to_do(case: str) -> None:
    text, there, message = REFUSED[case]
    with pytest.raises(Refused, match=message) as refused:
        planned(text, **there)
    assert "secret" not in str(refused.value)


def test_each_name_of_the_registry_is_configured() -> None:
    known = replace(
        REGISTRY, reference="registry.test", full_reference="registry.test:443", aliases=("[fd00::2]:8443",)
    )
    host = ClientHost(K3s(), {}, RUNS)
    host.up(known)
    assert said(host)["configs"].keys() == {"registry.test", "registry.test:443", "[fd00::2]:8443"}
    host.up(replace(known, aliases=()))
    assert said(host)["configs"].keys() == {"registry.test", "registry.test:443"}


def test_a_registry_that_is_trusted_already_needs_nothing() -> None:
    known = replace(REGISTRY, has_authorities=False)
    assert K3s().wants(known, "", Facts({}, RUNS)) == []
    host = ClientHost(K3s(), {}, RUNS)
    host.up(REGISTRY)
    host.up(known)
    assert not host.files, "what was needed before goes"


def test_what_others_add_to_a_map_of_ours_stays() -> None:
    host = ClientHost(K3s(), {}, RUNS)
    host.up(REGISTRY)
    host.files[LIST] = There(f"{host.text(LIST)}  a.test:\n    tls:\n      ca_file: /a\n")
    host.destroy(REGISTRY)
    assert host.text(LIST) == "configs:\n  a.test:\n    tls:\n      ca_file: /a\n"


def test_a_line_of_ours_that_was_changed_becomes_ours_again() -> None:
    host = ClientHost(K3s(), {}, RUNS)
    host.up(REGISTRY)
    host.files[LIST] = There(host.text(LIST).replace(OURS, "/other"))
    host.up(REGISTRY)
    assert said(host)["configs"][NAME]["tls"]["ca_file"] == OURS


def test_a_login_is_rotated_and_removed() -> None:
    host = ClientHost(K3s(), {LIST: There("configs:\n", "0600")}, RUNS)
    for password in ("old", 'new"\\é: # x'):
        host.up(REGISTRY, access=Access(Login("deploy", password)))
        assert said(host)["configs"][NAME]["auth"] == {"username": "deploy", "password": password}
    host.up(REGISTRY)
    assert said(host)["configs"][NAME].keys() == {"tls"}
    host.destroy(REGISTRY)
    assert host.text(LIST) == "configs:\n"


def test_a_login_of_others_stays_and_is_not_said() -> None:
    text = f"configs:\n  {NAME}:\n    auth:\n      username: deploy\n      password: theirs\n"
    access = Access(Login("deploy", "ours"))
    with pytest.raises(Refused, match="another value for configs") as refused:
        K3s().wants(REGISTRY, FIRST, Facts({LIST: There(text, "0600")}, RUNS), access)
    assert not {"theirs", "ours"} & set(str(refused.value).replace('"', " ").split())
    with pytest.raises(Refused, match="chmod 600"):
        K3s().wants(REGISTRY, FIRST, Facts({LIST: There("a: 1\n")}, RUNS), access)


def test_a_cache_of_another_registry() -> None:
    access = Access(caches=["docker.io"])
    host = ClientHost(K3s(), files_of({LIST: "mirrors:\n  ghcr.io:\n    endpoint: [https://m.test]\n"}), RUNS)
    before = dict(host.files)
    host.up(REGISTRY, access=access)
    assert said(host)["mirrors"] == {
        "ghcr.io": {"endpoint": ["https://m.test"]},
        "docker.io": {"endpoint": ["https://registry.test:8443/v2/docker.io"]},
    }
    host.destroy(REGISTRY)
    assert host.files == before


def test_the_proof_knows_the_file_that_is_trusted_by() -> None:
    assert K3s().proof(REGISTRY, "verification").words["authority"] == OURS
    assert K3s().proof(replace(REGISTRY, is_public=True), "verification").words["authority"] == ""
