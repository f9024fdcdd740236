"""BuildKit: our keys in ``buildkitd.toml``, with whatever was there before and after."""

import tomllib
from dataclasses import replace

import pytest

from components.clients import toml_keys
from components.clients.access import Access
from components.clients.buildkit import BuildKit, BuildKitRootless
from components.clients.host_file import Facts, Own, Refused, Shared, There
from components.clients.runtime import Known

KNOWN = Known("registry.test", "registry.test:443", "private-registry project/stack", True, aliases=("hub.test:8443",))
NAMES = ["registry.test", "registry.test:443", "hub.test:8443"]
OTHER = replace(
    KNOWN, reference="mirror.test", full_reference="mirror.test:443", mark="private-registry project/other", aliases=()
)
ONE = replace(KNOWN, full_reference="registry.test", aliases=())
CONFIG = "/etc/buildkit/buildkitd.toml"
CA = "/etc/buildkit/private-registry/registry.test/ca.crt"
OLD, NEW = (f"-----BEGIN CERTIFICATE-----\n{word}\n-----END CERTIFICATE-----\n" for word in ("old", "new"))


def facts(text: str = "", said: str = "", **there: object) -> Facts:
    """Return what is known of a host with this configuration."""
    return Facts({CONFIG: There(text, **there)} if text or there else {}, said)  # type: ignore[arg-type]


def shared(text: str = "", known: Known = KNOWN, authorities: str = OLD) -> Shared:
    """Return our keys for a host with this configuration."""
    own, found = BuildKit().wants(known, authorities, facts(text))
    assert isinstance(own, Own)
    assert isinstance(found, Shared)
    return found


STATES = {
    "no file": "",
    "an empty line": "\n",
    "other entries": 'root = "/data"\n\n[worker.oci]\nenabled = true\n',
    "another registry": '[registry."docker.io"]\n  mirrors = ["mirror.test:5000"]\n',
    "comments": "# ours\n\nroot = '/data' # a disk\n\n[log]\n  # debug\n  format = \"text\"\n\n# the end\n",
    "no line end": "[log]\nformat = 'text'",
    "CRLF": "# Windows\r\n[log]\r\nformat = 'text'\r\n",
    "CRLF and no line end": "# Windows\r\n[log]\r\nformat = 'text'",
    "blank lines at the end": "[log]\nformat = 'text'\n\n\n",
    "our name with other keys": '[registry."registry.test"]\n  mirrors = ["a.test"]\n\n# w\n[worker.oci]\ngc = true\n',
    "our name alone": "[registry.'registry.test'] # the team's",
    "our name in CRLF": '[registry."registry.test"]\r\n\tmirrors = ["a.test"]\r\n',
    "our name with a client certificate": '[[registry."registry.test".keypair]]\nkey = "k.pem"\ncert = "c.pem"\n',
    "our name insecure": '[registry."registry.test"]\ninsecure = true\n',
    "tables that are apart": '[registry."a"]\nhttp = true\n[log]\nformat = "json"\n[registry."b"]\nhttp = true\n',
    "a table for all": "[registry]\n\n[log]\n",
    "another port": '[registry."registry.test:5000"]\nca = ["/etc/team.pem"]\n',
    "a text that looks like ours": 'x = """\n[registry."registry.test"]\nca = ["no"]\n"""\n',
    "a list over lines": 'insecure-entitlements = [\n  "network.host", # for tests\n  "device",\n]\n',
    "another stack": BuildKit().wants(OTHER, OLD, Facts())[1].put('root = "/data"\n'),  # type: ignore[union-attr]
}


@pytest.mark.parametrize("before", STATES.values(), ids=STATES.keys())
def test_nothing_of_others_changes(before: str) -> None:
    placed = shared(before).put(before)
    read = tomllib.loads(placed)
    assert [read["registry"][name]["ca"] for name in NAMES] == [[CA]] * 3
    assert shared(placed).put(placed) == placed, "twice gives the same"
    rotated = shared(placed, authorities=NEW)
    assert rotated.put(placed) == placed, "nothing to restart for"
    assert rotated.take(placed) == before
    assert set(before.splitlines()) <= set(placed.splitlines()), "no line is another one"
    assert ("\r\n" in before) == ("\r\n" in placed)
    assert placed.count("\n") - placed.count("\r\n") == (0 if "\r\n" in before else placed.count("\n"))


@pytest.mark.parametrize("before", STATES.values(), ids=STATES.keys())
def test_a_name_that_is_no_longer_one_goes(before: str) -> None:
    placed = shared(before).put(before)
    fewer = shared(placed, replace(KNOWN, aliases=()))
    assert "hub.test" not in fewer.put(placed)
    assert fewer.take(fewer.put(placed)) == before


@pytest.mark.parametrize("before", STATES.values(), ids=STATES.keys())
def test_what_others_add_later_stays(before: str) -> None:
    end = "\r\n" if "\r\n" in before else "\n"
    added = f"{end}# later{end}[history]{end}maxAge = 5{end}"
    placed = shared(before).put(before) + added
    assert shared(placed).put(placed) == placed
    taken = shared(placed).take(placed)
    assert tomllib.loads(taken) == tomllib.loads(before + end + added)
    assert taken.endswith(added)


def test_a_new_file_starts_with_our_table() -> None:
    assert shared().put("").startswith('[registry."registry.test"] # private-registry project/stack\n  ca = ["/e')


def test_what_others_add_to_a_table_of_ours_stays() -> None:
    changed = shared().put("") + 'mirrors = ["a.test"]\n'
    assert shared(changed).take(changed) == '\n[registry."hub.test:8443"]\nmirrors = ["a.test"]\n'


def test_a_blank_line_of_ours_may_be_gone() -> None:
    before, later = "root = '/'\n", "[log]\nformat = 'text'\n"
    placed = shared("", ONE).put(before).replace("\n\n", "\n") + later
    assert shared(placed, ONE).take(placed) == before + later


@pytest.mark.parametrize("first", [0, 1])
def test_who_leaves_a_table_last_removes_it(first: int) -> None:
    marks = (KNOWN.mark, f"{KNOWN.mark}-other")
    both = "# one\n"
    for key, mark in zip(("ca", "mirrors"), marks, strict=True):
        both = toml_keys.put(CONFIG, both, {("registry", "registry.test"): {key: ["x"]}}, mark)
    left = toml_keys.take(CONFIG, both, marks[first])
    assert tomllib.loads(left) == {"registry": {"registry.test": {("mirrors", "ca")[first]: ["x"]}}}
    assert toml_keys.take(CONFIG, left, marks[1 - first]) == "# one\n"


def test_two_stacks_go_one_after_the_other() -> None:
    first = shared().put("")
    both = shared(first, OTHER).put(first)
    assert shared(both, OTHER).take(shared(both).take(both)) == ""
    assert shared(both).take(shared(both, OTHER).take(both)) == ""


BY_HAND = f'[registry."registry.test"]\nca = ["/etc/team.pem", "{CA}"]\n'

REFUSED = {
    "a broken file": (facts("root = \n"), r"buildkitd\.toml is not valid TOML: .*line 1.*was not changed"),
    "another CA": (
        facts('[registry."registry.test"]\nca = ["/etc/team.pem"]\n'),
        rf'has ca = .*team.pem.*add "{CA}" to',
    ),
    "a form of its own": (
        facts('registry = { "registry.test" = { http = false } }\n'),
        "can't be changed safely.*  ca =",
    ),
    "dotted keys": (facts("registry.'registry.test'.http = false\n"), "can't be changed safely"),
    "a managed file": (facts("# Ansible managed\nroot = '/'\n"), r"\('Ansible managed'\).*add to it.*\n\[registry"),
    "do not edit": (facts("\n# DO NOT EDIT: made by a tool\n"), "is written by another tool"),
    "a link to a store": (facts("root = '/'\n", link="/nix/store/x/buildkitd.toml"), "is a link to /nix/store"),
    "a link to a link": (facts("root = '/'\n", link="../static/buildkit/b.toml"), "is a link to /etc/static"),
    "a read-only file": (facts("root = '/'\n", is_writable=False), "cannot be written"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_changed_safely_is_refused(case: tuple[Facts, str]) -> None:
    known, message = case
    with pytest.raises(Refused, match=f"(?s){message}"):
        BuildKit().wants(KNOWN, OLD, known)


@pytest.mark.parametrize("header", ["", "# managed by puppet\n"])
def test_a_line_that_was_added_by_hand_counts(header: str) -> None:
    text = header + BY_HAND
    placed = shared(text, ONE)
    assert placed.put(text) == text
    with pytest.raises(Refused, match=r"by hand\. Remove it there first"):
        placed.take(text)


def test_a_file_that_was_broken_since_is_not_changed() -> None:
    with pytest.raises(Refused, match="not valid TOML"):
        shared().take(shared().put("") + "x =\n")


def test_a_line_of_ours_that_was_changed_stays() -> None:
    placed = shared("", ONE).put("")
    changed = placed.replace(f'"{CA}"', f'"{CA}", "/etc/team.pem"')
    assert shared(changed, ONE).put(changed) == changed
    with pytest.raises(Refused, match=r"lines of this stack were changed. Remove by hand: ca = "):
        shared(changed, ONE).take(changed)
    with pytest.raises(Refused, match=r"lines of this stack were changed"):
        shared(changed, KNOWN)
    with pytest.raises(Refused, match="Remove it there first"):
        shared("", ONE).take(placed.replace(f" # {ONE.mark}", ""))


def test_a_header_further_down_is_content() -> None:
    text = "root = '/'\n# this part is managed by hand\n"
    assert shared(text).put(text).startswith(text)


@pytest.mark.parametrize(
    ("said", "path", "unit"),
    [
        ("", CONFIG, ""),
        ("unit buildkit\nExecStart={ argv[]=/usr/local/bin/buildkitd --addr fd:// ; }\n", CONFIG, "buildkit"),
        ("unit buildkitd\nExecStart={ argv[]=buildkitd --config=/srv/b.toml ; }\n", "/srv/b.toml", "buildkitd"),
        ("unit buildkit\nExecStart={ argv[]=buildkitd --config /srv/b.toml; }\n", "/srv/b.toml", "buildkit"),
    ],
)
def test_the_unit_says_which_file_and_what_to_restart(said: str, path: str, unit: str) -> None:
    known = Facts(said=said)
    own, config = BuildKit().wants(KNOWN, OLD, known)
    assert isinstance(config, Shared)
    assert (own.path, config.path, config.restart) == (CA, path, unit)
    assert BuildKit().reads(KNOWN, "/root") == [CONFIG]
    assert BuildKit().reads_more(KNOWN, known) == [path]


def test_without_root_all_is_in_the_users_home() -> None:
    runtime = BuildKitRootless()
    own, config = runtime.wants(KNOWN, OLD, Facts(home="/home/ci"))
    assert own.path == "/home/ci/.config/buildkit/private-registry/registry.test/ca.crt"
    assert config.path == "/home/ci/.config/buildkit/buildkitd.toml"
    assert own.path in config.put("")  # type: ignore[union-attr]
    assert "systemctl --user" in runtime.question
    assert runtime.proof(KNOWN, "u").words["authority"] == "~/.config/buildkit/private-registry/registry.test/ca.crt"


def test_what_makes_trust_useless_is_reported() -> None:
    text = '[registry."registry.test"]\ninsecure = true\n[registry."hub.test:8443"]\nhttp = true\n'
    assert [one.partition("] ")[0] for one in BuildKit().pitfalls(KNOWN, facts(text))] == [
        f'{CONFIG}: insecure = true in [registry."registry.test"',
        f'{CONFIG}: http = true in [registry."hub.test:8443"',
    ]
    assert BuildKit().pitfalls(KNOWN, facts(shared().put(""))) == []


def test_caches_come_with_trust_and_go_alone() -> None:
    def cached(text: str, *caches: str, known: Known = KNOWN) -> Shared:
        *_, found = BuildKit().wants(known, OLD, facts(text), Access(caches=caches))
        assert isinstance(found, Shared)
        return found

    trusted = shared().put("# theirs\n")
    placed = cached(trusted, "docker.io", "ghcr.io").put(trusted)
    registries = tomllib.loads(placed)["registry"]
    assert registries["docker.io"] == {"mirrors": ["registry.test/docker.io"]}
    assert registries["registry.test"] == {"ca": [CA]}
    assert cached(placed, "ghcr.io").put(placed) == cached(trusted, "ghcr.io").put(trusted)
    assert shared(placed).put(placed) == trusted
    unknown = replace(KNOWN, has_authorities=False)
    assert tomllib.loads(cached("", "docker.io", known=unknown).put(""))["registry"].keys() == {"docker.io"}
    with pytest.raises(Refused, match=r'mirrors = \["a.test"\]'):
        cached('[registry."docker.io"]\nmirrors = ["a.test"]\n', "docker.io")


def test_the_proof_knows_the_file_that_was_placed() -> None:
    proof = BuildKit().proof(KNOWN, "verification")
    assert proof.words["authority"] == CA
    assert proof.steps[0] == "TLS"
    assert BuildKit().proof(replace(KNOWN, is_public=True), "verification").words["authority"] == ""
    assert proof.payload
    assert proof.payload("secret") == {"password": "secret\n"}
