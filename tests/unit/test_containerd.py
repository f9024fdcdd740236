"""containerd: what is written for a host as it is, what is refused, and that nothing of others changes."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from components.clients.access import Access, Login
from components.clients.containerd import Containerd
from components.clients.containerd_config import CERTS_D, CONFIG
from components.clients.host_file import Facts, Own, Refused, Shared, There
from tests.unit.client_host import FIRST, OTHER, REGISTRY, SECOND, ClientHost, files_of

OLD = "containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6\n"
NEW = "containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376\n"
NEWER = "containerd containerd.io v2.2.1 dea7da592f5d1d2b7755e3a161be07f43fad8f75\n"
OURS = f"{CERTS_D}/registry.test:8443"
TABLE = '[plugins."io.containerd.grpc.v1.cri".registry]'
TABLE_3 = "[plugins.'io.containerd.cri.v1.images'.registry]"
THEIRS = '[host."https://registry.test:8443"]\n'

STATES: Mapping[str, tuple[str, dict[str, str]]] = {
    "nothing is there": (OLD, {}),
    "nothing is there, 2.x": (NEW, {}),
    "nothing is there, with a list as default": (NEWER, {}),
    "other tables, comments and odd spaces": (
        OLD,
        {
            CONFIG: 'version = 2\n\n# ours  \n[grpc]\n\taddress="/run/x.sock"   # here\n\n\n'
            '[plugins."a.b.c"]\nx = [\n  "y",\n]\n'
        },
    ),
    "version 3 with the table": (
        NEW,
        {CONFIG: f"version = 3\n{TABLE_3}\n  # why\n  headers = {{}}\n[debug]\nlevel = 'info'\n"},
    ),
    "as `containerd config default` of 1.x prints it": (
        OLD,
        {
            CONFIG: f'version = 2\n[plugins]\n  {TABLE}\n    config_path = ""\n\n    {TABLE[:-1]}.auths]\n\n'
            f"    {TABLE[:-1]}.mirrors]\n"
        },
    ),
    "as that of 2.x": (NEW, {CONFIG: f"version = 3\n[plugins]\n  {TABLE_3}\n    config_path = ''  # none\n"}),
    "a list of folders that is read": (OLD, {CONFIG: f'version = 2\n{TABLE}\nconfig_path = "/etc/a:/etc/b"\n'}),
    "a list that 2.x reads, as it pulls without its transfer service": (
        NEWER,
        {
            CONFIG: f"version = 3\n[plugins.'io.containerd.cri.v1.images']\nuse_local_image_pull = true\n"
            f"{TABLE_3}\nconfig_path = '/a:/b'\n"
        },
    ),
    "lines that end with CR and LF": (OLD, {CONFIG: f"version = 2\r\n# x\r\n{TABLE}\r\n\r\n[debug]\r\n"}),
    "a last line without an end": (OLD, {CONFIG: "version = 2\n[debug]\nlevel = 'info'"}),
    "both": (OLD, {CONFIG: f"version = 2\r\n{TABLE}"}),
    "comments alone": (OLD, {CONFIG: "\n# nothing yet\n\n"}),
    "version 1": (OLD, {CONFIG: "[plugins.cri]\n  sandbox_image = 'x'\n"}),
    "Docker's package, without CRI": (OLD, {CONFIG: 'disabled_plugins = ["cri"]\n#root = "/var/lib/containerd"\n'}),
    "a folder of others is set": (
        OLD,
        {
            CONFIG: f"version = 2\n{TABLE}\nconfig_path = '/srv/certs/'\n",
            "/srv/certs/_default/hosts.toml": '[host."https://mirror.test"]\n',
            "/srv/certs/docker.io/hosts.toml": "server = 'https://registry-1.docker.io'\n",
        },
    ),
    "an import sets the folder": (
        NEW,
        {
            CONFIG: "version = 3\nimports = ['conf.d/*.toml']\n",
            "/etc/containerd/conf.d/a.toml": f"version = 3\n{TABLE_3}\nconfig_path = '/srv'\n",
        },
    ),
    "an import says something else, 2.x": (
        NEW,
        {
            CONFIG: "version = 3\nimports = ['/etc/more.toml']\n",
            "/etc/more.toml": f"version = 3\n{TABLE_3}\nconfig_path = ''\n[debug]\n",
        },
    ),
    "a hosts.toml of others with a header": (
        OLD,
        {
            f"{OURS}/hosts.toml": f'server = "https://up.test"\n\n{THEIRS}  capabilities = ["pull"] # no push\n'
            f'{THEIRS[:-2]}.header]\nx = "y"\n'
        },
    ),
    "a hosts.toml of others that pulls from elsewhere": (
        OLD,
        {
            f"{OURS}/hosts.toml": "[host.'https://mirror.test']\r\ncapabilities = ['pull']\r\nca = 'ca.crt'",
            f"{OURS}/ca.crt": "theirs\n",
        },
    ),
    "a folder with underscores, which wins": (
        OLD,
        {f"{CERTS_D}/registry.test_8443_/hosts.toml": "[host.'https://m.test']\n"},
    ),
    "another registry's folder": (NEW, {f"{CERTS_D}/_default/hosts.toml": "[host.'https://m.test']\n"}),
}

ROOTS = {
    "a list of folders that is read": "/etc/a",
    "a list that 2.x reads, as it pulls without its transfer service": "/a",
    "a folder of others is set": "/srv/certs",
    "an import sets the folder": "/srv",
}


@pytest.mark.parametrize("state", STATES)
def test_nothing_of_others_changes(state: str) -> None:
    said, texts = STATES[state]
    root = ROOTS.get(state, CERTS_D)
    host = ClientHost(Containerd(), files_of(texts), said)
    before = dict(host.files)
    host.up(REGISTRY)
    check_trust(host, root, FIRST)
    for path, there in before.items():
        lines = host.text(path).split("\n")
        assert all(is_kept(line, lines) for line in there.text.split("\n")), path
        assert host.files[path].mode == "0640"
    placed = dict(host.files)
    host.restarts.clear()
    host.up(REGISTRY)
    assert host.files == placed, "twice is once"
    host.up(REGISTRY, SECOND)
    check_trust(host, root, SECOND)
    assert not host.restarts, "new authorities need none"
    host.up(OTHER)
    host.destroy(REGISTRY)
    assert "other.test" in "".join(host.files)
    host.up(OTHER, SECOND)
    host.destroy(OTHER)
    assert host.files == before


def is_kept(line: str, lines: list[str]) -> bool:
    """Tell whether a line is there, as it was or as a comment; a last one without an end may have one now."""
    return any(
        one.removesuffix("\r") in (line.removesuffix("\r"), f"# private-registry was: {line}".removesuffix("\r"))
        for one in lines
    )


def check_trust(host: ClientHost, root: str, authorities: str) -> None:
    """Look for the authorities as containerd does."""
    names = (f"{root}/registry.test_8443_", f"{root}/registry.test:8443")
    folder = next(one for one in names if any(path.startswith(one) for path in host.files))
    said = tomllib.loads(host.text(f"{folder}/hosts.toml"))
    assert host.text(f"{folder}/{said['host']['https://registry.test:8443']['ca']}") == authorities


def planned(said: str, texts: dict[str, str], **there: Any) -> list[Any]:
    files = {path: replace(one, **there) for path, one in files_of(texts).items()}
    return list(Containerd().wants(REGISTRY, FIRST, Facts(files, said)))


def test_a_file_of_our_own() -> None:
    authorities, hosts, config = planned(OLD, {})
    assert authorities == Own(f"{OURS}/ca.crt", FIRST)
    assert hosts == Own(
        f"{OURS}/hosts.toml",
        """# private-registry project/stack: this file is written as a whole, changes of it are lost
server = "https://registry.test:8443"
ca = "ca.crt"

[host."https://registry.test:8443"]
  capabilities = ["pull", "resolve", "push"]
  ca = "ca.crt"
""",
    )
    assert (config.path, config.restart) == (CONFIG, "containerd")
    assert tomllib.loads(config.put("")) == {
        "version": 2,
        "plugins": {"io.containerd.grpc.v1.cri": {"registry": {"config_path": CERTS_D}}},
    }


@pytest.mark.parametrize(
    ("said", "text", "table"),
    [
        (OLD, "version = 2\n", ("io.containerd.grpc.v1.cri",)),
        (NEW, "version = 2\n", ("io.containerd.grpc.v1.cri",)),
        (NEW, "version = 3\n", ("io.containerd.cri.v1.images",)),
        (NEW, "", ("io.containerd.cri.v1.images",)),
        (NEW, "version = 2\n[plugins.'io.containerd.cri.v1.images']\n", ("io.containerd.cri.v1.images",)),
        (OLD, "root = '/x'\n", ("cri",)),
        (OLD, "# nothing yet\n", ("cri",)),
        (NEW, "# nothing yet\n", ("io.containerd.cri.v1.images",)),
        (NEW, "[plugins.cri.registry]\nconfig_path = '/not/read'\n", ("io.containerd.cri.v1.images",)),
        (
            NEW,
            "version = 2\n[plugins.'io.containerd.cri.v1.images']\n[plugins.'io.containerd.grpc.v1.cri'.registry]\n",
            ("io.containerd.grpc.v1.cri",),
        ),
        ("", "version = 3\n", ("io.containerd.cri.v1.images",)),
    ],
)
def test_the_table_is_the_one_that_this_containerd_reads(said: str, text: str, table: tuple[str]) -> None:
    config = planned(said, {CONFIG: text})[-1]
    assert tomllib.loads(config.put(text))["plugins"][table[0]]["registry"] == {"config_path": CERTS_D}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (OLD, f'version = 2\n{TABLE}\nconfig_path = "{CERTS_D}"\n'),
        (OLD, 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\nversion = 2\n'),
        (NEWER, "version = 3\n[plugins.'io.containerd.cri.v1.images']\ndiscard_unpacked_layers = true\n"),
    ],
    ids=["the folder is set", "without CRI", "the default is read"],
)
def test_the_configuration_stays_as_it_is(said: str, text: str) -> None:
    assert not [one for one in planned(said, {CONFIG: text}) if isinstance(one, Shared)]


REFUSED: Mapping[str, tuple[str, dict[str, str], dict[str, Any], str]] = {
    "managed": (
        OLD,
        {CONFIG: "# Ansible managed\nversion = 2\n"},
        {},
        r"'Ansible managed'.*\n\[plugins.*\n  config_path = ",
    ),
    "read-only": (OLD, {CONFIG: "version = 2\n"}, {"is_writable": False}, "cannot be written"),
    "in a store": (OLD, {CONFIG: "version = 2\n"}, {"link": "/nix/store/x/config.toml"}, "link to /nix/store"),
    "broken": (OLD, {CONFIG: "version = 2\n[x\n"}, {}, "not valid TOML: .*line 2"),
    "broken import": (OLD, {CONFIG: "imports = ['/a']\n", "/a": "x\n"}, {}, "/a is not valid TOML"),
    "mirrors": (
        OLD,
        {CONFIG: f"version = 2\n{TABLE[:-1]}.mirrors.'docker.io']\nendpoint = ['x']\n"},
        {},
        "has registry.mirrors",
    ),
    "tls": (
        OLD,
        {CONFIG: f"version = 2\n{TABLE[:-1]}.configs.'a'.tls]\nca_file = 'x'\n"},
        {},
        "registry.configs with tls",
    ),
    "a list": (NEWER, {CONFIG: f"version = 3\n{TABLE_3}\nconfig_path = '/a:/b'\n"}, {}, r"12808.*\nconfig_path = '/a'"),
    "in vain": (
        OLD,
        {
            CONFIG: "version = 2\nimports = ['a.toml']\n",
            "/etc/containerd/a.toml": "[plugins.'io.containerd.grpc.v1.cri']\nx = 1\n",
        },
        {},
        "Add to /etc/containerd/a.toml",
    ),
    "dotted": (
        OLD,
        {CONFIG: "version = 2\nplugins.'io.containerd.grpc.v1.cri'.registry.headers = {}\n"},
        {},
        "can't be changed",
    ),
    "no program": ("", {}, {}, "not installed"),
    "their authority": (
        OLD,
        {f"{OURS}/hosts.toml": f"{THEIRS}ca = '/etc/x.crt'\n"},
        {},
        'ca = "/etc/x.crt".*did not write',
    ),
    "their file": (OLD, {f"{OURS}/ca.crt": SECOND}, {}, "did not write"),
    "unverified": (OLD, {f"{OURS}/hosts.toml": f"{THEIRS}skip_verify = true\n"}, {}, "skip_verify"),
    "broken hosts.toml": (OLD, {f"{OURS}/hosts.toml": "[host\n"}, {}, "hosts.toml is not valid TOML"),
    "managed hosts.toml": (OLD, {f"{OURS}/hosts.toml": "# managed by Puppet\n"}, {}, r"\[host"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_what_to_do(case: str) -> None:
    said, texts, there, message = REFUSED[case]
    with pytest.raises(Refused, match=message):
        planned(said, texts, **there)


def test_the_same_file_placed_by_hand_becomes_ours() -> None:
    host = ClientHost(Containerd(), files_of({f"{OURS}/ca.crt": FIRST}), OLD)
    host.up(REGISTRY)
    host.destroy(REGISTRY)
    assert not host.files


def test_each_name_has_a_folder() -> None:
    known = replace(REGISTRY, reference="registry.test", full_reference="registry.test:443", aliases=("[fd00::2]",))
    files = Containerd().wants(known, FIRST, Facts({}, OLD))
    names = ("registry.test", "registry.test:443", "[fd00::2]")
    assert [one.path for one in files[:-1]] == [
        f"{CERTS_D}/{name}/{file}" for name in names for file in ("ca.crt", "hosts.toml")
    ]


def test_a_registry_that_is_trusted_already_needs_nothing() -> None:
    assert Containerd().wants(replace(REGISTRY, has_authorities=False), "", Facts({}, OLD)) == []


def test_two_stacks_share_the_folder() -> None:
    host = ClientHost(Containerd(), files_of({CONFIG: f"version = 2\n{TABLE}\nconfig_path = '' # none\n"}), OLD)
    before = dict(host.files)
    host.up(REGISTRY)
    host.up(OTHER)
    shared = host.text(CONFIG)
    host.up(REGISTRY)
    assert host.text(CONFIG) == shared
    host.destroy(REGISTRY)
    assert f'config_path = "{CERTS_D}" # private-registry project/other\n' in host.text(CONFIG)
    host.destroy(OTHER)
    assert host.files == before


def test_what_others_add_to_a_configuration_of_ours_stays() -> None:
    host = ClientHost(Containerd(), {}, OLD)
    host.up(REGISTRY)
    host.files[CONFIG] = There(f"{host.text(CONFIG)}  max = 1\n[debug]\n")
    host.destroy(REGISTRY)
    assert tomllib.loads(host.text(CONFIG)) == {
        "version": 2,
        "plugins": {"io.containerd.grpc.v1.cri": {"registry": {"max": 1}}},
        "debug": {},
    }


def test_a_folder_that_others_set_later_replaces_ours() -> None:
    host = ClientHost(Containerd(), files_of({CONFIG: "version = 2\nimports = ['/more']\n"}), OLD)
    before = dict(host.files)
    host.up(REGISTRY)
    host.files["/more"] = There(f"version = 2\n{TABLE}\nconfig_path = '/srv'\n")
    host.up(REGISTRY)
    assert host.files.keys() == {
        CONFIG,
        "/more",
        "/srv/registry.test:8443/ca.crt",
        "/srv/registry.test:8443/hosts.toml",
    }
    assert host.text(CONFIG) == before[CONFIG].text


def test_a_login_is_a_header_that_no_other_user_reads() -> None:
    access = Access(Login("deploy", "secret"))
    [_, hosts, _] = Containerd().wants(REGISTRY, FIRST, Facts({}, OLD), access)
    assert isinstance(hosts, Own)
    assert hosts.mode == "0600"
    said = tomllib.loads(hosts.content)
    assert said["header"] == {"Authorization": "Basic ZGVwbG95OnNlY3JldA=="}
    assert said["host"]["https://registry.test:8443"]["header"] == said["header"]
    files = {f"{OURS}/hosts.toml": There(THEIRS, "0644")}
    with pytest.raises(Refused, match="chmod 600"):
        Containerd().wants(REGISTRY, FIRST, Facts(files, OLD), access)
    theirs = f"{THEIRS}{THEIRS[:-2]}.header]\nAuthorization = 'Basic other'\n"
    with pytest.raises(Refused, match="another Authorization") as refused:
        Containerd().wants(REGISTRY, FIRST, Facts({f"{OURS}/hosts.toml": There(theirs, "0600")}, OLD), access)
    assert "ZGVw" not in str(refused.value)
    assert "other" not in str(refused.value).replace("another", "")


def test_a_login_of_ours_in_a_file_of_others_is_rotated_and_removed() -> None:
    host = ClientHost(Containerd(), {f"{OURS}/hosts.toml": There(THEIRS, "0600")}, OLD)
    before = dict(host.files)
    for password in ("old", "new"):
        host.up(REGISTRY, access=Access(Login("deploy", password)))
        assert Login("deploy", password).basic() in host.text(f"{OURS}/hosts.toml")
    host.up(REGISTRY)
    assert "Authorization" not in host.text(f"{OURS}/hosts.toml")
    host.destroy(REGISTRY)
    assert host.files == before


def test_a_cache_of_another_registry() -> None:
    access = Access(caches=["docker.io", "ghcr.io"])
    cache = "https://registry.test:8443/v2"
    theirs = f"{CERTS_D}/ghcr.io/hosts.toml"
    host = ClientHost(Containerd(), files_of({theirs: "[host.'https://mirror.test']\n"}), OLD)
    before = dict(host.files)
    host.up(REGISTRY, access=access)
    assert tomllib.loads(host.text(f"{CERTS_D}/docker.io/hosts.toml")) == {
        "server": "https://registry-1.docker.io",
        "host": {
            f"{cache}/docker.io": {
                "capabilities": ["pull", "resolve"],
                "override_path": True,
                "ca": f"{OURS}/ca.crt",
            }
        },
    }
    hosts = tomllib.loads(host.text(theirs))["host"]
    assert list(hosts) == ["https://mirror.test", f"{cache}/ghcr.io"], "theirs is asked first"
    assert hosts[f"{cache}/ghcr.io"]["override_path"] is True
    host.destroy(REGISTRY)
    assert host.files == before


def test_authorities_of_another_registry_count_beside_the_file_of_a_cache() -> None:
    files = {f"{CERTS_D}/hub.test/{name}": "theirs" for name in ("one.crt", "two.crt", "three.pem")}
    host = ClientHost(Containerd(), files_of(files), OLD)
    host.up(REGISTRY, access=Access(caches=["hub.test"]))
    said = tomllib.loads(host.text(f"{CERTS_D}/hub.test/hosts.toml"))
    assert (said["server"], said["ca"]) == ("https://hub.test", ["one.crt", "two.crt"])


def test_the_proof_knows_the_file_that_is_trusted_by() -> None:
    proof = Containerd().proof(replace(REGISTRY, aliases=("other.test",)), "verification")
    assert proof.words["authority"] == f"{OURS}/ca.crt"
    assert proof.steps == ("TLS", "401 without a login", "push", "pull", "pull as other.test")
