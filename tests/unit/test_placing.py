"""What is placed on a client, taken away and found: of runtimes whose files are worked out of what is there."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import pytest

from components.clients import RUNTIMES
from components.clients.host_changes import digest_of
from components.clients.host_file import There
from components.clients.placing import Record, Records, digest, findings, place, take_away, target, wanted
from components.clients.runtime import FilesRuntime, Known
from components.hosts.connections import Failed
from components.provider.fleet import Fleets
from components.provider.kind import Last, Values
from components.provider.trust import Trust
from components.settings.ssh import in_the_home_of_root
from tests.unit.answering_host import SAID, AnsweringHost

KNOWN = Known(
    *("registry.test", "registry.test:443", "private-registry project/stack", True, False, ("hub.test:8443",)),
)
FEWER = replace(KNOWN, aliases=())
HEADER = "# Installed by private-registry\n"
ONE = f"{HEADER}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
TWO = ONE + ONE.replace("MIIB", "MIIC")
TEXTS = {digest(text): text for text in (ONE, TWO)}
FILES = [name for name, one in RUNTIMES.items() if isinstance(one, FilesRuntime)]
OTHERS = {
    "/etc/containerd/config.toml": 'version = 2\n\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = ""\n',
    "/etc/containerd/certs.d/hub.test:8443/hosts.toml": '[host."https://hub.test:8443"]\n  skip_verify = false\n',
    "/etc/buildkit/buildkitd.toml": '# ours\n[registry."docker.io"]\nmirrors = ["m.test"]\n',
    "/home/ci/.config/buildkit/buildkitd.toml": "[log]\nformat = 'text'",
    "/etc/rancher/k3s/registries.yaml": 'configs:\n  other.test: # theirs\n    auth: {username: "u"}\n',
    "/etc/rancher/rke2/registries.yaml": "mirrors: {}\n",
    "/etc/containers/certs.d/registry.test/ca.crt": "theirs\n",
}
"""Files of others, in which a runtime may have something to write, or beside which."""


@dataclass
class Client:
    """One client, by one runtime."""

    runtime: str
    host: AnsweringHost
    have: Records = field(default_factory=dict)

    def place(self, known: Known = KNOWN, text: str = ONE) -> None:
        """Do what an update does."""
        self.host.asked.clear()
        run(place(self.host.run, True, self.have, wanted(known, [self.runtime], "", text), TEXTS))

    def place_beside(self) -> None:
        """Do the same where the client has other runtimes too."""
        have = {name: one for name, one in self.have.items() if name == self.runtime}
        run(place(self.host.run, True, have, wanted(KNOWN, [self.runtime], "", ONE), TEXTS))
        self.have.update(have)

    def take_away(self) -> None:
        run(take_away(self.host.run, True, self.runtime, self.have.pop(self.runtime), TEXTS))

    def findings(self) -> list[str]:
        found: list[str] = run(findings(self.host.run, True, self.runtime, self.record, TEXTS))
        return found

    @property
    def record(self) -> Record:
        return self.have[self.runtime]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def others() -> dict[str, There]:
    return {path: There(text, "0640") for path, text in OTHERS.items()}


@pytest.fixture(params=FILES)
def client(request: pytest.FixtureRequest) -> Client:
    """Return a client with files of others."""
    return Client(request.param, AnsweringHost(others(), SAID.get(request.param, ""), "/home/ci"))


def test_what_is_placed_is_in_the_record_and_not_placed_again(client: Client) -> None:
    client.place()
    written = client.host.did("write")
    assert written, "there was nothing"
    assert client.record["files"] == {path: digest_of(client.host.text(path)) for path in written if path not in OTHERS}
    assert {client.host.text(path) for path in client.record["files"]} >= {ONE}
    client.place()
    assert client.host.asked == [], "the record is enough"
    before, records = dict(client.host.files), dict(client.have)
    client.have.clear()
    client.place()
    # A service may restart once more.
    assert (client.host.files, client.have) == (before, records), "a state that was lost finds what is there"


def test_only_a_runtime_of_the_user_does_without_root(client: Client) -> None:
    client.place()
    client.take_away()
    is_of_user = RUNTIMES[client.runtime].is_of_user
    assert {line.startswith("sudo -n ") for line in client.host.lines} == {not is_of_user}
    assert all(path.startswith("/home/ci/") is is_of_user for path in client.host.did("write"))


def test_authorities_rotate_only_where_the_registry_stays_known(client: Client) -> None:
    client.place()
    own = [path for path in client.record["files"] if client.host.text(path) == ONE]
    client.host.restarts.clear()
    client.place(text=TWO)
    assert sorted(set(client.host.did("write"))) == sorted(own), "nothing but the authorities"
    assert set(own) <= set(client.host.did("keep")), "the registry was asked"
    assert client.host.restarts == []
    assert all(client.host.text(path) == TWO for path in own)
    client.host.keeps = "the registry is known by it"
    before = dict(client.host.files)
    with pytest.raises(Failed, match="known by it"):
        client.place(text=ONE)
    assert client.host.files == before
    assert client.record["authorities"] == digest(TWO), "the next update tries again"


def test_a_name_that_is_no_longer_one_has_no_files(client: Client) -> None:
    client.place()
    client.place(FEWER)
    fewer = dict(client.host.files)
    ours = {path: one for path, one in fewer.items() if others().get(path) != one}
    assert not [path for path, one in ours.items() if "hub.test" in path or "hub.test" in one.text]
    fresh = Client(client.runtime, AnsweringHost(others(), client.host.said, "/home/ci"))
    fresh.place(FEWER)
    assert fewer == fresh.host.files


def test_a_folder_that_the_client_uses_no_more_is_left_empty() -> None:
    """The team moved all of it, so the runtime wants the same files elsewhere."""
    path, table = "/etc/containerd/config.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n'
    client = Client("containerd", AnsweringHost({path: There(f"{table}config_path = '/srv/a'\n")}, SAID["containerd"]))
    client.place()
    client.host.files[path] = There(f"{table}config_path = '/srv/b'\n")
    client.place(text=TWO)
    assert {one.rpartition("/")[0] for one in client.host.files if one != path} == {
        f"/srv/b/{name}" for name in ("registry.test", "registry.test:443", "hub.test:8443")
    }


def test_a_file_that_was_changed_stays_when_it_is_wanted_no_more(client: Client) -> None:
    client.place()
    fewer = wanted(FEWER, [client.runtime], "", ONE)[client.runtime]
    [*gone] = [path for path in client.record["files"] if "hub.test" in path]
    for path in gone:
        client.host.files[path] = There("by hand\n")
    client.place(FEWER)
    assert all(client.host.text(path) == "by hand\n" for path in gone)
    assert not client.record["files"].keys() & set(gone)
    assert target(client.record) == target(fewer), "an update in place"


def test_a_strangers_file_is_refused_and_stops_no_other_bundle(client: Client) -> None:
    client.place()
    path = next(path for path in client.record["files"] if client.host.text(path) == ONE)
    client.host.files, client.have = {**others(), path: There("theirs\n")}, {}
    before = dict(client.host.files)
    both = wanted(KNOWN, [client.runtime, "docker"], "", ONE)
    with pytest.raises(Failed) as refused:
        run(place(client.host.run, True, client.have, both, TEXTS))
    assert path in str(refused.value.reasons)
    assert client.host.files == before
    assert client.have.keys() == {"docker"}


def test_a_file_of_a_version_before_is_taken_over(client: Client) -> None:
    client.place(text=TWO)
    records = dict(client.have)
    client.have.clear()
    client.place(text=ONE)
    assert client.record["files"].keys() == records[client.runtime]["files"].keys()


def test_nothing_of_others_goes_when_all_is_taken_away(client: Client) -> None:
    client.place()
    client.take_away()
    assert client.host.files == others()


def test_what_was_changed_by_hand_is_left(client: Client) -> None:
    client.place()
    path = next(path for path in client.record["files"] if client.host.text(path) == ONE)
    client.host.files[path] = There("by hand\n")
    client.take_away()
    assert client.host.files == {**others(), path: There("by hand\n")}


def test_a_file_that_is_gone_already_is_no_failure(client: Client) -> None:
    client.place()
    for path in client.record["files"]:
        del client.host.files[path]
    client.take_away()
    assert client.host.files == others()


def test_what_is_not_as_it_was_left_is_found(client: Client) -> None:
    client.place()
    assert client.findings() == []
    path = next(path for path in client.record["files"] if client.host.text(path) == ONE)
    placed = client.host.files.pop(path)
    assert client.findings() == [f"{path} is missing"]
    client.host.files[path] = replace(placed, text=TWO)
    assert client.findings() == [f"{path} has other content"]
    client.host.files[path] = replace(placed, mode="0600")
    assert len(client.findings()) == 1


def listed(runtime: str, files: Mapping[str, There]) -> str:
    """Return what a client answers to the question of a runtime: folders with a slash, and files."""
    folders = dict.fromkeys(f"{path.rpartition('/')[0]}/" for path in files)
    return SAID.get(runtime) or "".join(f"{one}\n" for one in (*folders, *files))


@pytest.mark.parametrize("with_others", [False, True], ids=["empty", "others"])
@pytest.mark.parametrize("pair", permutations(FILES, 2), ids="+".join)
def test_a_runtime_leaves_what_another_one_of_the_client_has(pair: tuple[str, str], with_others: bool) -> None:
    if in_the_home_of_root(pair) is None:
        leave_each_other_alone(pair, with_others, "/root")
    leave_each_other_alone(pair, with_others, "/home/ci")


def leave_each_other_alone(pair: tuple[str, str], with_others: bool, home: str) -> None:
    """Both are placed, then the first one goes, and the second one: neither has a file or a key of the other one."""
    files = others() if with_others else {}
    before = dict(files)
    have: Records = {}
    clients = [Client(runtime, AnsweringHost(files, "", home), have) for runtime in pair]
    for client in clients:
        client.host.said = listed(client.runtime, files)
        client.place_beside()
    assert [client.findings() for client in clients] == [[], []]
    first, second = clients
    own = [client.record["files"].keys() for client in clients]
    assert own[0].isdisjoint(own[1])
    first.take_away()
    assert second.findings() == []
    second.take_away()
    assert files == before


BROKEN = {
    "containerd": ("/etc/containerd/config.toml", "version =\n"),
    "buildkit": ("/etc/buildkit/buildkitd.toml", "version =\n"),
    "buildkit-rootless": ("/home/ci/.config/buildkit/buildkitd.toml", "version =\n"),
    "k3s": ("/etc/rancher/k3s/registries.yaml", "configs: [\n"),
    "rke2": ("/etc/rancher/rke2/registries.yaml", "configs: [\n"),
}
"""A runtime that writes into a file of others -> that file, as no parser reads it."""


@pytest.mark.parametrize("runtime", BROKEN)
def test_a_broken_file_of_others_is_refused_and_found(runtime: str) -> None:
    path, text = BROKEN[runtime]
    client = Client(runtime, AnsweringHost({}, SAID.get(runtime, ""), "/home/ci"))
    client.place()
    client.host.files[path] = There(text)
    [found] = client.findings()
    assert path in found
    with pytest.raises(Failed, match=path):
        client.place(text=TWO)
    with pytest.raises(Failed, match=path):
        client.take_away()
    assert client.host.text(path) == text


def test_a_refusal_is_a_failure_of_that_client_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = {"a": AnsweringHost(), "b": AnsweringHost({BROKEN["k3s"][0]: There(BROKEN["k3s"][1])})}

    async def reach(_: object, reach: Values) -> Any:
        return hosts[reach["connection"]["host"]].run

    monkeypatch.setattr("components.provider.fleet.Fleet.run", reach)
    result = asyncio.run(Trust(Fleets()).update(Last(), said("a", "b"), lambda _: None))
    assert result.failures.keys() == {"b"}
    assert "is not valid YAML" in result.failures["b"][0]
    assert result.outputs["placed"].keys() == {"a"}


def said(*hosts: str) -> Mapping[str, Any]:
    """Return what a program says of clients that trust by K3s."""
    registry = {"reference": "registry.test", "fullReference": "registry.test:443", "mark": KNOWN.mark}
    return {
        "registry": {**registry, "hasAuthorities": True, "isPublic": False},
        "hosts": {host: {"hostKey": "key", "runtimes": ["k3s"]} for host in hosts},
        "authorities": ONE,
    }


MOVED = replace(KNOWN, reference="hub.test", full_reference="hub.test:443", aliases=())
SWAPPED = replace(KNOWN, reference="hub.test:8443", full_reference="hub.test:8443", aliases=("registry.test",))


@pytest.mark.parametrize("after", [MOVED, SWAPPED], ids=["another name", "names change places"])
def test_a_name_stays_until_the_other_one_is_served_and_goes_alone(client: Client, after: Known) -> None:
    """Nginx moves between the two; a client that loses either name meanwhile, or then the new one, pulls no more."""
    client.place()
    old = client.record
    named = [path for path, there in client.host.files.items() if KNOWN.reference in f"{path} {there.text}"]
    client.place(after)
    assert all(KNOWN.reference in f"{path} {client.host.text(path)}" for path in named)
    assert client.host.files.keys() >= old["files"].keys()
    run(take_away(client.host.run, True, client.runtime, old, TEXTS, client.record))
    assert client.findings() == []
    client.take_away()
    assert client.host.files == others()
